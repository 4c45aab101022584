'use strict'

// Client calls that end with the server call for which they were made.

const { status } = require('./constants.js')

/** Running calls by their parents. A parent may have any number of them, so all share one listener. */
const children = new WeakMap()

/** Cancels `call` when `parent`, a server call, is cancelled. */
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

/** Called when `call` has ended. */
function leave(parent, call) {
  children.get(parent).delete(call)
}

module.exports = { adopt, leave }
