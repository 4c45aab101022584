'use strict'

// Makes events of sockets and servers run in the async context (`AsyncLocalStorage`) in which their object was made, as
// with Node's own. The engine calls JavaScript without a context. Only an object made inside a context restores it, so
// that others pay nothing.

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks')

const make = () => new AsyncResource('IRONWIRE', { requireManualDestroy: true })

/**
 * Runs `body` in the context of a resource that it is given, and returns its result. The resource does not outlive this:
 * tools that look for what a program has left open must not find it.
 */
function inContext(body) {
  const resource = make()
  const result = resource.runInAsyncScope(body, undefined, resource)
  resource.emitDestroy()
  return result
}

/** The symbol under which a resource keeps all stores in one, since Node 24. */
const kFrame = inContext(Object.getOwnPropertySymbols).find(({ description }) => description === 'context_frame')

/**
 * Whether stores are kept there. Node 22 has the symbol, too, but uses it only with a flag. Since Node 24 a store leaves
 * a trace in the context that it was used in, so this uses another one.
 */
function usesFrame() {
  const storage = new AsyncLocalStorage()
  const used = inContext(() => storage.run(true, () => inContext((resource) => resource[kFrame] !== undefined)))
  storage.disable()
  return used
}

/** Elsewhere, a resource has one symbol per store, or one for all of them (Node 24 without frames). */
const STORES = new Set(['kResourceStore', 'kAsyncLocalStorageContext'])

const isEmpty =
  kFrame !== undefined && usesFrame()
    ? (resource) => resource[kFrame] === undefined
    : (resource) =>
        Object.getOwnPropertySymbols(resource).every(
          (symbol) => resource[symbol] === undefined || !STORES.has(symbol.description),
        )

/**
 * Whether there can be a context at all. Before Node 24, `http` sees whether a store is in use (http/observers.js), and
 * then a resource need not be made and looked at for each connection.
 */
const stores = { possible: () => true }

/**
 * Wraps the `methods` of `owner`, and `more` of them, so that they run in the current async context. Returns the
 * context, or null if it is empty (then nothing is wrapped).
 */
function keepContext(owner, methods, more = []) {
  if (!stores.possible()) return null
  const resource = make()
  if (isEmpty(resource)) {
    resource.emitDestroy()
    return null
  }
  for (const name of [...methods, ...more]) {
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

module.exports = { inContext, keepContext, stores }
