'use strict'

// What a policy says for the moment about where calls go: `pick()` gives a connection for a call, or null; asked `count` times, it has named all
// that there are. With a `status`, calls end with that instead of waiting. `watch` is null, or wants to know how calls end: `watch.of(link)` gives who is told.

const { status } = require('./constants.js')
const { ofControlPlane } = require('./errors.js')

/** Calls wait. */
const QUEUE = { count: 0, status: null, watch: null, pick: () => null }

/** Calls fail, but for those that wait for a server. */
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
