'use strict'

// A server's side of a connection over datagrams.

const { isUtf8 } = require('node:buffer')
const { Session } = require('../session')
const { Flag, Origin, FULL_VERSION, LENGTH_SIZE, FRAME_HEAD } = require('../protocol')
const { status: Status } = require('../status')
const { StatusError } = require('../errors')
const { ANSWER_HEAD } = require('./datagram')
const { DatagramOutgoing } = require('./outgoing')

/** How much longer an answer is as a datagram than its length as a frame. */
const LONGER = ANSWER_HEAD - (FRAME_HEAD - LENGTH_SIZE)

class DatagramSession extends Session {
  /** `wire` is a `SessionWire`. */
  attach(wire) {
    this.wire = wire
    this.out = new DatagramOutgoing(wire)
    this.version = FULL_VERSION
    this.ready()
  }

  /** A request, as `datagram.readRequest` reads it. */
  request({ number, limit, remaining, name, body }, flags) {
    this.peerMaxFrame = Math.min(limit, this.options.udp.maxDatagramBytes) - LONGER
    const method = this.methodOf(name)
    this.take(number, method, body, flags | Flag.DEADLINE, remaining)
  }

  /** Names are in each request, and known ones are kept by the wire. What is no text is no name. */
  methodOf(bytes) {
    return isUtf8(bytes) ? this.wire.methodOf(bytes.toString()) : undefined
  }

  /** Nobody waits for the answer of the call `number` any more. */
  cancelled(number) {
    const call = this.calls.get(number)
    if (call === undefined || !this.mayCancel()) return
    this.cut(
      call,
      Origin.CANCELLED,
      Status.CANCELLED,
      new StatusError(Status.CANCELLED, 'The caller cancelled the call'),
    )
  }

  replyTooLarge(size) {
    return (
      `a reply of ${size} bytes does not fit into a datagram of ${this.peerMaxFrame + LONGER} (udp.maxDatagramBytes, at both ends). ` +
      'Call over TCP for larger ones'
    )
  }

  /** There is nothing to stop: what is too much is not taken. */
  regulate() {}

  leaveListener() {}
}

module.exports = { DatagramSession }
