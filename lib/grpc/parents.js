'use strict'

// Calls that end with the call that they were made for.

const { status } = require('./constants.js')

/** Those that run, by their parents: one listener for all, as a parent may have any number of them in its life. */
const children = new WeakMap()

/** Has a call be cancelled when `parent`, a server's call, is. */
function adopt(parent, call) {
  let calls = children.get(parent)
  if (calls === undefined) {
    calls = new Set()
    children.set(parent, calls)
    parent.on('cancelled', () => {
      for (const one of [...calls]) one.cancelWithStatus(status.CANCELLED, 'Cancelled by parent call')
    })
  }
  calls.add(call)
}

/** It has ended. */
function leave(parent, call) {
  children.get(parent).delete(call)
}

module.exports = { adopt, leave }
