'use strict'

const { invalidArgType } = require('../errors')

/** Adds an interceptor to a list, which is null as long as it has none: then calls cost what they would without. */
function added(interceptors, interceptor) {
  if (typeof interceptor !== 'function') throw invalidArgType('interceptor', 'of type function', interceptor)
  return [...(interceptors ?? []), interceptor]
}

/**
 * Runs `last` within the interceptors, the first one outermost. Each gets the call and `next`, which goes on and promises the reply. What it
 * returns is the reply; nothing stands for what `next` gave.
 */
async function through(interceptors, call, last, index = 0) {
  if (index === interceptors.length) return last()
  let gone = null
  const next = () => {
    gone = through(interceptors, call, last, index + 1)
    // An interceptor that does not wait for it has it looked at here.
    gone.catch(() => {})
    return gone
  }
  const given = await interceptors[index](call, next)
  return given === undefined && gone !== null ? gone : given
}

module.exports = { added, through }
