'use strict'

const { AsyncResource } = require('node:async_hooks')
const process = require('node:process')
const { EventEmitter } = require('node:events')

const MANUAL = { requireManualDestroy: true }

/**
 * An EventEmitter whose listeners run in the async context in which the emitter was made, because the code that emits
 * is shared with others. An error thrown by a listener becomes an uncaught exception, and the code that emits
 * continues.
 */
class Emitter extends EventEmitter {
  #scope = new AsyncResource('ETCDEMITTER', MANUAL)
  #isReleased = false

  emit(...args) {
    try {
      return this.#scope.runInAsyncScope(super.emit, this, ...args)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
      return true
    }
  }

  /** Releases the async resource: the emitter is finished. */
  release() {
    if (!this.#isReleased) this.#scope.emitDestroy()
    this.#isReleased = true
  }

  /** Emits 'close', the last event. */
  emitClose() {
    this.release()
    process.nextTick(() => this.emit('close'))
  }
}

module.exports = { Emitter }
