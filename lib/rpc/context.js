'use strict'

// Links the calls that a handler makes to the handler's own call, so that they end with it. `options.parent` names the
// parent explicitly. With `createServer({ propagate: true })` the parent is found automatically through an
// AsyncLocalStorage, at a cost for every call.

const { AsyncLocalStorage } = require('node:async_hooks')

let storage = null

/** Enables `within`. */
function remember() {
  storage ??= new AsyncLocalStorage()
}

/** Runs a handler with `call` as the parent of the calls that it makes. */
function within(call, run) {
  return storage.run(call, run)
}

/** The call whose handler is running, if that is tracked; undefined otherwise. */
function current() {
  return storage === null ? undefined : storage.getStore()
}

module.exports = { remember, within, current }
