'use strict'

// What a policy says for the moment about where calls go: `pick()` gives a connection for a call, or null; asked `count` times, it has named all
// that there are. With a `status`, calls end with that instead of waiting.

const { status } = require('./constants.js')

/** Calls wait. */
const QUEUE = { count: 0, status: null, pick: () => null }

/** What the makers of addresses may not say of a call's: it would look like its server's word. */
const NOT_THEIRS = new Set([
  status.OK,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.FAILED_PRECONDITION,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.DATA_LOSS,
])

/** Calls fail, but for those that wait for a server. */
class Failing {
  constructor({ code = status.UNAVAILABLE, details = 'No connection established', metadata }) {
    const ours = !NOT_THEIRS.has(code)
    this.count = 0
    this.status = {
      code: ours ? code : status.INTERNAL,
      details: ours ? details : `Invalid status from control plane: ${code} ${status[code]} ${details}`,
      metadata,
    }
  }

  pick() {
    return null
  }
}

module.exports = { Failing, QUEUE }
