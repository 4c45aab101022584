'use strict'

// A server's side of a connection over datagrams.

const { isUtf8 } = require('node:buffer')
const { Session } = require('../session')
const { Flag, Origin, FULL_VERSION, LENGTH_SIZE, FRAME_HEAD } = require('../protocol')
const { status: Status } = require('../status')
const { StatusError } = require('../errors')
const { ServerCall } = require('../server-call')
const { channels } = require('../channels')
const { increase } = require('../counts')
const { now } = require('../tick')
const { ANSWER_HEAD } = require('./datagram')
const { DatagramOutgoing } = require('./outgoing')

const { callStart } = channels.server
/** What stands for a method whose name is no text. */
const UNNAMED = { name: undefined, handler: null }

/** What options of the group are called by. */
const UDP = 'udp.'

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

  /** It may move. */
  get remote() {
    return this.wire.remote
  }

  /** A request, as `datagram.readRequest` reads it. */
  request({ number, limit, remaining, name, body }, flags) {
    this.peerMaxFrame = Math.min(limit, this.options.udp.maxDatagramBytes) - LONGER
    const method = this.methodOf(name)
    this.take(number, method, body, flags | Flag.DEADLINE, remaining)
  }

  /** A request that is not taken for a limit: it is counted as others are that no handler gets. */
  refused({ number, name, body, remaining }, limit) {
    const { server } = this
    const call = new ServerCall(this, number, this.methodOf(name) ?? UNNAMED, body, now() + remaining)
    call.answered = true
    call.series.started++
    if (callStart.hasSubscribers) this.publishStart(call)
    increase(server.counts.refusals, limit)
    this.limitReached(limit)
    this.count(call, Status.RESOURCE_EXHAUSTED, null)
  }

  /** Names are in each request. What is no text is no name. */
  methodOf(bytes) {
    return isUtf8(bytes) ? this.server.methodOf(bytes.toString()) : undefined
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

  /** There is nothing to stop: what is too much is not taken. */
  regulate() {}

  leaveListener() {}
}

module.exports = { DatagramSession }
