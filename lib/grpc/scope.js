'use strict'

// Each call is an asynchronous resource of its own: what `AsyncLocalStorage` holds where a call is made is there when it is told of, and what a
// handler or a listener enters (`enterWith`) reaches no other call, though many run in one turn.

const { AsyncResource } = require('node:async_hooks')

const MANUAL = { requireManualDestroy: true }

class CallScope extends AsyncResource {
  constructor() {
    super('GRPCCALL', MANUAL)
  }

  /** Has `method` of `call` run in here. */
  run(call, method, first, second, third, fourth) {
    return this.runInAsyncScope(method, call, first, second, third, fourth)
  }

  /** The same, when whoever calls this has gone on: `later` is `process.nextTick` or `setImmediate`. */
  defer(later, callback, argument) {
    this.runInAsyncScope(later, undefined, callback, argument)
  }
}

module.exports = { CallScope }
