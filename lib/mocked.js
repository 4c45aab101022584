'use strict'

// Whether something stands in for the network: nock and msw do, in tests.

const genuine = require('./genuine.js')
const { own } = require('./core.js')
const { once } = require('./once.js')

/** How Node's agents give sockets to requests, and ours, once they are loaded (of every copy of this package). */
const addRequests = once('addRequests', () => new Set([own.addRequest]))

/**
 * What tells a mock from a tracer: both replace `connect` of sockets, but only a mock also replaces how agents give
 * sockets to requests, so that they give none that was connected before.
 */
function isMocked() {
  return [genuine, genuine.live].some(({ http }) => !addRequests.has(http.Agent.prototype.addRequest))
}

module.exports = { addRequests, isMocked }
