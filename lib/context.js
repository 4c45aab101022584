'use strict'

// What `AsyncLocalStorage` holds where a socket or server is made is what their events see, as with Node's own. The engine calls
// JavaScript without a context; only an owner that was made inside of one gets it back, so that all others cost nothing.

const { AsyncResource } = require('node:async_hooks')

/** Where a resource keeps what it was made with: all stores in one (Node 24), or each under a symbol of its own (Node 20, 22). */
const STORES = new Set(['context_frame', 'kResourceStore'])

const make = () => new AsyncResource('IRONWIRE', { requireManualDestroy: true })

function isEmpty(resource) {
  return Object.getOwnPropertySymbols(resource).every(
    (symbol) => resource[symbol] === undefined || !STORES.has(symbol.description),
  )
}

/** Has the `methods` of `owner` called in the context of this call, if there is any; returns that context, or null. */
function keepContext(owner, methods) {
  const resource = make()
  if (isEmpty(resource)) return null
  for (const name of methods) {
    const method = owner[name]
    if (method === undefined) continue
    owner[name] = function (...args) {
      // Each event has a resource of its own: what a listener enters with `enterWith` ends with its event.
      return resource.runInAsyncScope(() => make().runInAsyncScope(method, this, ...args))
    }
  }
  return resource
}

module.exports = { keepContext }
