'use strict'

// Runs what Node runs between two callbacks. One call from Rust delivers the data of several connections; ticks and
// promise jobs must run between them as if each had been a call of its own.

const process = require('node:process')
const { native } = require('./engine.js')
const { method } = require('./core.js')

const run = method(process, '_tickCallback').bind(process)

/**
 * Runs ticks and promise jobs. An error is reported at once, while the async context is still the one in which it was
 * thrown.
 */
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
