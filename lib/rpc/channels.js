'use strict'

// What is published on `node:diagnostics_channel` about calls, connections and limits. Without subscribers, a call pays
// for one check only.

const diagnostics = require('node:diagnostics_channel')
const { performance } = require('node:perf_hooks')
const { statusName } = require('./status')

/** The channels of clients or of servers. They are held here because Node forgets channels that nothing refers to. */
function channelsOf(kind) {
  const channel = (name) => diagnostics.channel(`ironwire.rpc.${kind}.${name}`)
  return {
    callStart: channel('call.start'),
    callEnd: channel('call.end'),
    connectionOpen: channel('connection.open'),
    connectionClose: channel('connection.close'),
    limit: channel('limit'),
  }
}

const channels = { client: channelsOf('client'), server: channelsOf('server') }

/** A published call. Start and end publish the same object, so that subscribers can attach data to it. */
class CallMessage {
  constructor(side, method) {
    this.method = method
    Object.assign(this, side)
    this.began = performance.now()
    this.duration = undefined
    this.status = undefined
    this.statusName = undefined
  }

  /** Publishes the end of the call. `rest` holds further properties of the end. */
  end(channel, status, rest) {
    this.duration = performance.now() - this.began
    this.status = status
    this.statusName = statusName(status)
    channel.publish(Object.assign(this, rest))
  }
}

/** Whether calls are published. A subscriber of the end alone needs the start as well: both publish the same object. */
function publishesCalls({ callStart, callEnd }) {
  return callStart.hasSubscribers || callEnd.hasSubscribers
}

module.exports = { channels, publishesCalls, CallMessage }
