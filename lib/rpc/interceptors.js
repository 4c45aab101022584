'use strict'

const { invalidArgType } = require('../errors')

/**
 * Adds an interceptor to a list. The list is null without interceptors, so that calls without them cost nothing extra.
 */
function added(interceptors, interceptor) {
  if (typeof interceptor !== 'function') throw invalidArgType('interceptor', 'of type function', interceptor)
  return [...(interceptors ?? []), interceptor]
}

/**
 * Runs `last` within the interceptors; the first one is outermost. Each gets the call and `next`, which continues and
 * returns a promise of the reply. What the interceptor returns is the reply; undefined stands for the reply of `next`.
 */
async function through(interceptors, call, last, index = 0) {
  if (index === interceptors.length) return last()
  let gone = null
  const next = () => {
    gone = through(interceptors, call, last, index + 1)
    // Marks the rejection as handled, for an interceptor that does not wait for the promise.
    gone.catch(() => {})
    return gone
  }
  const given = await interceptors[index](call, next)
  return given === undefined && gone !== null ? gone : given
}

module.exports = { added, through }
