'use strict'

// What `node:diagnostics_channel` publishes of calls, connections and limits. Where nobody has subscribed, a call costs one look.

const diagnostics = require('node:diagnostics_channel')
const { performance } = require('node:perf_hooks')
const { statusName } = require('./status')

/** The channels of one kind of end. Held here: Node forgets channels that nobody holds. */
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

/** A call as it is published: the same object at its start and at its end, for subscribers that keep something with it. */
class CallMessage {
  constructor(side, method) {
    this.method = method
    Object.assign(this, side)
    this.began = performance.now()
    this.duration = undefined
    this.status = undefined
    this.statusName = undefined
  }

  /** The call has ended; `rest` is what else is known of that. */
  end(channel, status, rest) {
    this.duration = performance.now() - this.began
    this.status = status
    this.statusName = statusName(status)
    channel.publish(Object.assign(this, rest))
  }
}

module.exports = { channels, CallMessage }
