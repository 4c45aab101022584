'use strict'

// Pickers, with which a policy says where calls go until its next update. `pick()` returns a connection for a call, or
// null; calling it `count` times goes through all connections. If `status` is not null, calls end with it instead of
// waiting. `watch` is null, or `watch.of(link)` returns an object whose `ended(code)` is called when a call on that
// connection ends, or null.

const { status } = require('./constants.js')
const { ofControlPlane } = require('./errors.js')

/** Makes calls wait. */
const QUEUE = { count: 0, status: null, watch: null, pick: () => null }

/** Makes calls fail, except those that wait for ready. */
class Failing {
  constructor({ code = status.UNAVAILABLE, details = 'No connection established', metadata }) {
    const [number, text] = ofControlPlane(code, details)
    this.count = 0
    this.watch = null
    this.status = { code: number, details: text, ...(metadata && { metadata }) }
  }

  pick() {
    return null
  }
}

module.exports = { Failing, QUEUE }
