'use strict'

// What Node does between two callbacks. One entry into JavaScript brings what several connections have received; between two of them runs
// what would have run if each had been an entry of its own.

const process = require('node:process')
const { native } = require('./engine.js')
const { method } = require('./core.js')

const run = method(process, '_tickCallback').bind(process)

/** Ticks and promise jobs. An error is told at once, while the stack of asynchronous contexts is as it was thrown in. */
function runTicks() {
  for (;;) {
    try {
      run()
      return
    } catch (error) {
      native.uncaught(error)
    }
  }
}

module.exports = { runTicks }
