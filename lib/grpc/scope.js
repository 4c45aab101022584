'use strict'

// Each call is an async resource of its own. What `AsyncLocalStorage` holds where a call is made is there when its
// events are emitted. What a handler or a listener sets with `enterWith` does not reach other calls, though many run in
// one turn.

const { AsyncResource } = require('node:async_hooks')

const MANUAL = { requireManualDestroy: true }

class CallScope extends AsyncResource {
  constructor() {
    super('GRPCCALL', MANUAL)
  }

  /** Runs `method` of `call` in this scope. */
  run(call, method, first, second, third, fourth) {
    return this.runInAsyncScope(method, call, first, second, third, fourth)
  }

  /** Runs `callback` in this scope, later: `later` is `process.nextTick` or `setImmediate`. */
  defer(later, callback, argument) {
    this.runInAsyncScope(later, undefined, callback, argument)
  }
}

module.exports = { CallScope }
