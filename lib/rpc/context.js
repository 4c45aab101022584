'use strict'

// Calls that handlers make on behalf of their own call end with it. `options.parent` says so; where the program asks for it
// (`createServer({ propagate: true })`) what a handler calls, however deep, finds its parent by itself, at a price per call.

const { AsyncLocalStorage } = require('node:async_hooks')

let storage = null

/** From here on `within` remembers. */
function remember() {
  storage ??= new AsyncLocalStorage()
}

/** Runs a handler with its call as the parent of what it calls. */
function within(call, run) {
  return storage.run(call, run)
}

/** The call whose handler is at work, as far as that is remembered. */
function current() {
  return storage === null ? undefined : storage.getStore()
}

module.exports = { remember, within, current }
