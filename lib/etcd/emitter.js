'use strict'

const process = require('node:process')
const { EventEmitter } = require('node:events')

/** What a listener throws is its own, and nobody else's: it is uncaught by itself, and what has told the listener goes on. */
class Emitter extends EventEmitter {
  emit(...args) {
    try {
      return super.emit(...args)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
      return true
    }
  }
}

module.exports = { Emitter }
