'use strict'

// A client's side of a connection over UDP.

const { Link } = require('../link')
const { Deadlines } = require('../deadlines')
const { Kind, Flag, FULL_VERSION } = require('../protocol')
const { now } = require('../tick')
const { log } = require('../log')
const errors = require('../errors')
const { ClientCore } = require('./client-core')
const { ClientWire } = require('./client-wire')
const { DatagramCalls } = require('./calls')
const { DatagramOutgoing } = require('./outgoing')
const { headroom } = require('../outgoing')
const { REQUEST_HEAD } = require('./datagram')

/** The size of a call's datagram in bytes. */
function sizeOf({ entry, body, metadata }) {
  return REQUEST_HEAD + entry.bytes.length + (metadata === null ? 0 : metadata.length) + body.length
}

class DatagramLink extends Link {
  constructor(client, endpoint) {
    super(client, endpoint)
    const { udp, maxInFlight, pingTimeout: silence, handshakeTimeout: patience } = client.options
    const most = Math.min(udp.maxInFlight, maxInFlight)
    this.core = new ClientCore({ udp, most, silence, patience }, this)
    this.calls = new DatagramCalls(most, (number) => this.core.forget(number))
    this.ticks = new Deadlines((time) => (this.open ? this.core.tick(time) : Infinity))
  }

  /** Opens a socket to `{ host, port }`. */
  connect(address) {
    this.wire = new ClientWire(address, this)
  }

  /** The socket is open. */
  attach(wire) {
    this.out = new DatagramOutgoing(wire)
    this.version = FULL_VERSION
    this.ticks.add(this.core.start(now()))
  }

  get roomy() {
    return this.open && this.calls.unanswered < this.core.room
  }

  send(call) {
    const { client, core } = this
    const { entry, deadline, flags } = call
    const size = sizeOf(call)
    if (size > this.peerMaxFrame) {
      this.limitReached('udp.maxDatagramBytes', this.peerMaxFrame)
      return errors.datagramTooLarge(entry.name, size, this.peerMaxFrame)
    }
    headroom()
    const request = { name: entry.bytes, metadata: call.metadata, body: call.body, flags }
    if ((flags & Flag.ONE_WAY) !== 0) {
      core.oneWay(request, deadline, now())
      call.owner = this
      return client.sentOneWay(call)
    }
    this.calls.take(call)
    call.position = call.sequence
    try {
      this.ticks.add(core.request(call.sequence, request, deadline, now()))
    } catch (error) {
      // Usually the stack is exhausted. The caller gets the exception, and the call counts as never made.
      call.callback = null
      core.forget(call.sequence)
      this.calls.pending--
      this.calls.release(call)
      throw error
    }
    call.body = null
    call.owner = this
    if (call.watches) call.listen((reason) => this.abort(call, reason))
  }

  // ---- called by the wire

  onDatagram(bytes) {
    try {
      this.ticks.add(this.core.receive(bytes, now()))
    } finally {
      if (this.open) this.settled()
    }
  }

  // ---- called by the core

  transmit(bytes) {
    this.wire.send(bytes)
  }

  introduce(bytes) {
    this.wire.introduce(bytes)
  }

  welcomed(limit) {
    const isFirst = this.peerMaxFrame === 0
    this.peerMaxFrame = limit
    this.window = this.core.window
    if (!isFirst) return
    this.client.opened(this)
    this.endpoint.linkReady(this)
  }

  /**
   * The calls in flight may have run at the previous server. They are repeated if they may run twice, and fail
   * otherwise.
   */
  restarted() {
    log('rpc: another server answers where the last one did')
    const cause = errors.protocol(
      'The server that the call was sent to has ended, and another one answers at its address',
    )
    for (const call of this.calls.slots) {
      if (call === undefined || call.callback === null) continue
      if (this.client.repeats(call)) this.client.stats.retries++
      else this.fail(call, errors.connectionLost(call.method, true, cause))
    }
  }

  answered(kind, number, code, payload, flags) {
    if (kind === Kind.REPLY) this.carry(number, payload, code, flags)
    else this.frame(kind, number, code, payload, flags)
  }

  /** The call was not run and will not be: it is sent elsewhere, or later. */
  refused(number) {
    const { calls, client } = this
    const call = calls.find(number)
    if (call === undefined) return
    this.keepBody(call)
    this.core.forget(number)
    calls.release(call)
    const error = errors.connectionLost(call.method, false, errors.protocol('The server takes no more calls'))
    if (client.revive(call, error, this.out)) calls.pending--
    else this.fail(call, error)
  }

  fail(call, error) {
    this.client.fail(this.calls.finish(call, error), error)
  }

  keepBody(call) {
    if (call.kept !== null) call.kept.body = this.core.bodyOf(call.sequence)
  }

  farewell(reason, text) {
    super.farewell(reason, text.toString())
  }

  count(what) {
    this.client.stats[what]++
  }

  lost(why) {
    this.destroy(errors.protocol(why))
  }

  // ---- the end

  /** There is nothing to wait for. */
  leave() {
    this.destroy(null)
  }

  /** A slot is free for a waiting call. */
  rest() {
    if (this.retiring) super.rest()
    else if (this.open) this.client.pump()
  }

  ended(error, accepted) {
    this.ticks.clear()
    for (const call of this.calls.slots) if (call !== undefined) this.keepBody(call)
    super.ended(error, accepted)
  }
}

module.exports = { DatagramLink, sizeOf }
