'use strict'

const { native } = require('../engine.js')
const core = require('../core.js')

/** As between two of Node's callbacks. An error is told at once, while the stack of asynchronous contexts is as it was thrown in. */
function runTicks() {
  for (;;) {
    try {
      core.runTicks()
      return
    } catch (error) {
      native.uncaught(error)
    }
  }
}

module.exports = { runTicks }
