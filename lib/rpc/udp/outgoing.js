'use strict'

const { Buffer } = require('node:buffer')
const { Outgoing } = require('../outgoing')

/**
 * The writing half of a connection over datagrams: whole answers go to `wire`, which makes datagrams of them. There is nothing to wait for, as
 * what the system does not take is lost like anything else.
 */
class DatagramOutgoing extends Outgoing {
  /** All that was sent may have arrived. */
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

  /** The only one of those without a payload: a client's cancel. */
  control(_kind, sequence) {
    this.wire.cancel(sequence)
  }

  recover(sequence) {
    return this.wire.bodyOf(sequence)
  }

  flush() {}
}

module.exports = { DatagramOutgoing }
