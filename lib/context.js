'use strict'

// Makes events of sockets and servers run in the async context (`AsyncLocalStorage`) in which their object was made, as
// with Node's own. The engine calls JavaScript without a context. Only an object made inside a context restores it, so
// that others pay nothing.

const { AsyncResource } = require('node:async_hooks')

/**
 * The symbols under which a resource stores its context: all stores in one (Node 24), or one symbol per store (Node 20,
 * 22).
 */
const STORES = new Set(['context_frame', 'kResourceStore'])

const make = () => new AsyncResource('IRONWIRE', { requireManualDestroy: true })

function isEmpty(resource) {
  return Object.getOwnPropertySymbols(resource).every(
    (symbol) => resource[symbol] === undefined || !STORES.has(symbol.description),
  )
}

/**
 * Wraps the `methods` of `owner` so that they run in the current async context. Returns the context, or null if it is
 * empty (then nothing is wrapped).
 */
function keepContext(owner, methods) {
  const resource = make()
  if (isEmpty(resource)) return null
  for (const name of methods) {
    const method = owner[name]
    if (method === undefined) continue
    owner[name] = function (...args) {
      // Each event gets a resource of its own, so that a context set with `enterWith` in a listener ends with the
      // event.
      return resource.runInAsyncScope(() => make().runInAsyncScope(method, this, ...args))
    }
  }
  return resource
}

module.exports = { keepContext }
