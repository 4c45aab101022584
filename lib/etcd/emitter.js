'use strict'

const { AsyncResource } = require('node:async_hooks')
const process = require('node:process')
const { EventEmitter } = require('node:events')

const MANUAL = { requireManualDestroy: true }

/**
 * Listeners run in the context of whoever has made the emitter: what tells them is shared with others. What one of them throws is its own, too: it is
 * uncaught by itself, and what has told the listener goes on.
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

  /** Nothing keeps it going any more. */
  release() {
    if (!this.#isReleased) this.#scope.emitDestroy()
    this.#isReleased = true
  }

  /** The last that it tells. */
  emitClose() {
    this.release()
    process.nextTick(() => this.emit('close'))
  }
}

module.exports = { Emitter }
