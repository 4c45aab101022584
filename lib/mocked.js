'use strict'

// Whether something stands in for the network: nock and msw do, in tests.

const genuine = require('./genuine.js')
const { own } = require('./core.js')
const { once } = require('./once.js')

/** How agents give sockets to requests: Node's, and ours of every copy of this package. Weak, as no copy outlives its use. */
const addRequests = once('addRequests', () => new WeakSet(own.addRequest && [own.addRequest]))

/**
 * What tells a mock from a tracer: both replace `connect` of sockets, but only a mock also replaces how agents give
 * sockets to requests, so that they give none that was connected before.
 */
function isMocked() {
  return [genuine, genuine.live].some(({ http }) => !addRequests.has(http.Agent.prototype.addRequest))
}

module.exports = { addRequests, isMocked }
