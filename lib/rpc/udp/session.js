'use strict'

// A server's side of a connection over UDP.

const { isUtf8 } = require('node:buffer')
const { Session } = require('../session')
const { Flag, Origin, FULL_VERSION, LENGTH_SIZE, FRAME_HEAD } = require('../protocol')
const { status: Status } = require('../status')
const { StatusError } = require('../errors')
const { ServerCall } = require('../server-call')
const { channels, publishesCalls } = require('../channels')
const { increase } = require('../counts')
const { now } = require('../tick')
const { ANSWER_HEAD } = require('./datagram')
const { DatagramOutgoing } = require('./outgoing')

/** Stands for a method whose name is not valid UTF-8. */
const UNNAMED = { name: undefined, handler: null }

/** The prefix of option names in this group. */
const UDP = 'udp.'

/** The number of bytes by which an answer's datagram is longer than the length of its frame. */
const LONGER = ANSWER_HEAD - (FRAME_HEAD - LENGTH_SIZE)

class DatagramSession extends Session {
  /** `wire` is a `SessionWire`. */
  attach(wire) {
    this.wire = wire
    this.out = new DatagramOutgoing(wire)
    this.version = FULL_VERSION
    this.ready()
  }

  /** Not cached, because the client may move to another address. */
  get remote() {
    return this.wire.remote
  }

  /** Handles a request, as `datagram.readRequest` returns it. */
  request({ number, limit, remaining, name, body }, flags) {
    this.peerMaxFrame = Math.min(limit, this.options.udp.maxDatagramBytes) - LONGER
    const method = this.methodOf(name)
    this.take(number, method, body, flags | Flag.DEADLINE, remaining)
  }

  /** Counts a request that was refused because of a limit, like others that no handler gets. */
  refused({ number, name, body, remaining }, limit) {
    const { server } = this
    const call = new ServerCall(this, number, this.methodOf(name) ?? UNNAMED, body, now() + remaining)
    call.answered = true
    call.series.started++
    if (publishesCalls(channels.server)) this.publishStart(call)
    increase(server.counts.refusals, limit)
    this.limitReached(limit)
    this.count(call, Status.RESOURCE_EXHAUSTED, null)
  }

  /** Each request carries its method's name. It must be valid UTF-8. */
  methodOf(bytes) {
    return isUtf8(bytes) ? this.server.methodOf(bytes.toString()) : undefined
  }

  /** The answer of the call `number` is not needed any more. */
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
    const limit = this.peerMaxFrame + LONGER
    this.limitReached('udp.maxDatagramBytes', limit)
    return (
      `a reply of ${size} bytes does not fit into a datagram of ${limit} (udp.maxDatagramBytes, at both ends). ` +
      'Call over TCP for larger ones'
    )
  }

  limitReached(limit, value = limit.startsWith(UDP) ? this.options.udp[limit.slice(UDP.length)] : this.options[limit]) {
    super.limitReached(limit, value)
  }

  /** A datagram socket cannot be paused: calls beyond the limits are refused instead. */
  regulate() {}

  leaveListener() {}
}

module.exports = { DatagramSession }
