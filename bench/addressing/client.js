'use strict'

// The client: of one server by its address, or of several servers by their name.

const { expose } = require('../lib/child.js')
const { echoInFlight } = require('../lib/in-flight.js')
const { rpc } = require('../..')

let client

expose({
  /** Resolves when it is connected to `count` servers. */
  async connect(target, count) {
    client = rpc.connect(target)
    if (count === undefined) return new Promise((resolve) => client.once('connect', resolve))
    while (client.addresses.filter(({ connected }) => connected).length < count) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  },
  run: (...how) => echoInFlight((body, callback) => client.call('echo', body, callback), ...how),
})
