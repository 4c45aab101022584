'use strict'

const { Buffer } = require('node:buffer')
const { Outgoing } = require('../outgoing')

/**
 * The writing side of a connection over UDP: passes whole answers to `wire`, which sends them as datagrams. There is no
 * backpressure, as a datagram that the system does not take is simply lost.
 */
class DatagramOutgoing extends Outgoing {
  /** Everything that was sent may have arrived. */
  get accepted() {
    return Infinity
  }

  plain(kind, sequence, body) {
    this.wire.answer(kind, 0, sequence, [body])
  }

  frame(kind, flags, sequence, parts) {
    this.wire.answer(kind, flags, sequence, parts)
  }

  goaway(reason, message) {
    this.wire.goaway(reason, Buffer.from(message))
  }

  /** The only frame without a payload that is sent here is a client's cancel. */
  control(_kind, sequence) {
    this.wire.cancel(sequence)
  }

  recover(sequence) {
    return this.wire.bodyOf(sequence)
  }

  flush() {}
}

module.exports = { DatagramOutgoing }
