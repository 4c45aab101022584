'use strict'

// What both ends of a connection share: prefaces, pings, goodbyes and the end of the connection.

const { Buffer } = require('node:buffer')
const { Outgoing, prefaceBytes } = require('./outgoing')
const { protocol } = require('./errors')
const constants = require('../constants')
const { Kind, Reason, MIN_FRAME_LIMIT, MESSAGE_COST, VERSION, WINDOW_UNIT } = require('./protocol')
const { SECRET } = require('./handshake')
const { enterBatch, leaveBatch } = require('./tick')
const { Watched } = require('./watch')

const FastBuffer = Buffer[Symbol.species]

// The layout of the record table: see src/binding/rpc.rs.
const { CURSOR } = constants.table
const { RECORDS, RECORD_WORDS } = constants.rpc
const { KIND, FLAGS, SEQUENCE, CODE, AMOUNT, BODY, LENGTH } = constants.record

/** A block of memory that pending bodies refer to, and how many bodies lie in it. */
class Memory {
  constructor(buffer) {
    this.buffer = buffer
    this.size = buffer.byteLength
    this.bodies = 0
  }
}

// Shared placeholders for what most connections never need, so that an idle connection costs little. They are never
// modified.
const NO_MEMORY = new Memory(new ArrayBuffer(0))
const NO_STREAMS = new Set()

/**
 * One connection, from either end. Subclasses handle the frames of calls (`carry` for requests and replies, `frame` for
 * others), find the stream of a call (`streamOf`), and judge the peer's preface (`meet`) and proof (`prove`). They are
 * notified when the connection is usable (`ready`), after a batch of frames (`settled`), when the wire has room again
 * (`relieved`), when a limit is reached (`limitReached`) and at the end (`ended`).
 */
class Peer extends Watched {
  /** `watches` is a Map shared by all connections of a client or server (see watch.js). */
  constructor(options, watches, maxCalls) {
    super(watches)
    this.options = options
    this.maxCalls = maxCalls
    this.wire = null
    this.out = null
    this.open = true
    /** The limits from the peer's preface; 0 until it has arrived and the handshake is done. */
    this.peerMaxFrame = 0
    this.peerMaxCalls = 0
    /** The protocol version in use, and the initial credit of streams to the peer. */
    this.version = 0
    this.peerWindow = 0
    /** Bytes of memory held by pending bodies: requests, and messages that were not read. */
    this.pendingBytes = 0
    /** The memory of the last small body: consecutive small bodies share it. */
    this.memory = NO_MEMORY
    /** Reading is paused until there is room. */
    this.paused = false
    /** Streams with a message that waits for room in the wire. */
    this.blocked = NO_STREAMS
    this.heard = false
  }

  /** The wire is connected: sends this end's preface and starts the timeout for the peer's. */
  attach(wire) {
    this.wire = wire
    this.out = new Outgoing(wire)
    const preface = this.preface()
    if (this.handshake !== null) this.handshake.own = preface
    this.out.preface(preface)
    this.expect('The peer sent no preface')
  }

  /** The wire is connected and the TLS handshake begins: `attach` follows when it is done. */
  secure(wire) {
    this.wire = wire
    this.expect('The peer did not complete the TLS handshake')
  }

  preface() {
    const { maxFrameBytes, streamWindow } = this.options
    return prefaceBytes({
      version: VERSION,
      flags: this.handshake === null ? 0 : SECRET,
      window: Math.floor(streamWindow / WINDOW_UNIT),
      maxFrame: maxFrameBytes,
      maxCalls: this.maxCalls,
    })
  }

  /** Drops the connection if the next step of the handshake takes too long. `otherwise` describes what was missing. */
  expect(otherwise) {
    const { handshakeTimeout } = this.options
    if (handshakeTimeout === Infinity) return
    this.watch(handshakeTimeout, () => {
      this.limitReached('handshakeTimeout')
      this.abandon(protocol(`${otherwise} within ${handshakeTimeout} ms`), Reason.SILENT)
    })
  }

  // ---- called by the wire

  /**
   * Handles `count` records of `table`, with their bodies in `slab`. The cursor in the table counts the handled
   * records: if a callback threw, the next call continues after its record.
   */
  onFrames(table, count, slab) {
    this.heard = true
    enterBatch()
    try {
      while (table[CURSOR] < count && this.open) {
        const at = RECORDS + table[CURSOR]++ * RECORD_WORDS
        const kind = table[at] & KIND
        if (kind === Kind.REQUEST || kind === Kind.REPLY) {
          const length = table[at + LENGTH]
          const body = length === 0 ? Buffer.alloc(0) : new FastBuffer(slab, table[at + BODY], length)
          this.carry(table[at + SEQUENCE], body, table[at + CODE], table[at] >>> FLAGS, table[at + AMOUNT])
        } else if (kind === Kind.MESSAGE) {
          this.streamOf(table[at + SEQUENCE])?.receive(slab, table[at + BODY], table[at + LENGTH])
        } else this.control(kind, table, at, slab)
      }
    } finally {
      if (this.open) this.settled()
      leaveBatch()
    }
  }

  /** A stream has a message that the wire has no room for. */
  block(stream) {
    if (this.blocked === NO_STREAMS) this.blocked = new Set()
    this.blocked.add(stream)
  }

  onDrain() {
    if (!this.open) return
    this.out.congested = false
    for (const stream of this.blocked) {
      if (!this.open || this.out.congested) break
      this.blocked.delete(stream)
      stream.resumeWriting()
    }
    if (this.open && !this.out.congested) this.relieved()
  }

  /** The peer sends no more. If this end has nothing to send either, the connection ends normally. */
  onEnd() {
    this.destroy(this.reason)
  }

  onClose(error) {
    this.finish(this.reason ?? error)
  }

  // ---- frames that both ends understand

  control(kind, table, at, slab) {
    const sequence = table[at + SEQUENCE]
    switch (kind) {
      case Kind.PREFACE: {
        const version = table[at + CODE]
        const preface = { version, flags: table[at] >>> FLAGS, window: table[at + LENGTH] }
        return this.introduce({ ...preface, maxFrame: table[at + AMOUNT], maxCalls: sequence })
      }
      case Kind.AUTH:
        return this.secured(() => this.prove(new FastBuffer(slab, table[at + BODY], table[at + LENGTH])))
      case Kind.PING:
        // Do not queue answers for a peer that does not read. The data queued for it shows that this end is alive once
        // it reads.
        if (!this.out.congested) this.out.control(Kind.PONG, sequence, 0)
        return
      case Kind.PONG:
        return
      case Kind.GOAWAY: {
        const text = Buffer.from(slab, table[at + BODY], table[at + LENGTH]).toString()
        return this.farewell(table[at + CODE], text)
      }
      case Kind.BROKEN: {
        const text = Buffer.from(slab, table[at + BODY], table[at + LENGTH]).toString()
        if (table[at + CODE] === Reason.FRAME_TOO_LARGE) this.limitReached('maxFrameBytes')
        return this.abandon(protocol(`The connection broke the protocol: ${text}`), table[at + CODE])
      }
      case Kind.CREDIT:
        return this.streamOf(sequence)?.credited(table[at + AMOUNT])
      default: {
        const body = new FastBuffer(slab, table[at + BODY], table[at + LENGTH])
        return this.frame(kind, sequence, table[at + CODE], body, table[at] >>> FLAGS)
      }
    }
  }

  introduce(preface) {
    const { handshake } = this
    if (handshake === null) return this.meet(preface)
    handshake.preface = preface
    handshake.theirs = prefaceBytes(preface)
    this.secured(() => this.meet(preface))
  }

  /**
   * Runs a step of the handshake. If the step throws, the connection must end: later frames would come from a peer that
   * has proven nothing.
   */
  secured(step) {
    try {
      step()
    } catch (error) {
      this.destroy(error)
    }
  }

  /** The handshake is done: the peer may use the connection. */
  welcome({ version, maxFrame, maxCalls, window }) {
    this.handshake = null
    this.unwatch()
    if (maxFrame < MIN_FRAME_LIMIT) {
      this.abandon(
        protocol(`The peer accepts only frames of up to ${maxFrame} bytes; at least ${MIN_FRAME_LIMIT} are needed`),
        Reason.PROTOCOL,
      )
      return
    }
    this.peerMaxCalls = maxCalls
    this.peerMaxFrame = maxFrame
    this.version = Math.min(version, VERSION)
    this.peerWindow = window * WINDOW_UNIT
    this.watchForSilence()
    this.ready()
  }

  /**
   * The peer drops the connection and says why, or it takes no more requests. In the second case the link retires,
   * unless its handshake is not done.
   */
  farewell(reason, message) {
    if (reason === Reason.SHUTDOWN && this.peerMaxFrame !== 0) this.retire()
    else this.destroy(protocol(`The peer dropped the connection: ${message || `reason ${reason}`}`))
  }

  // ---- bodies that wait in memory

  /** Counts the memory of a body. It may be larger than the body, because small bodies share it. */
  keep(buffer, length) {
    let { memory } = this
    if (memory.buffer !== buffer) {
      memory = new Memory(buffer)
      if (length < memory.size) this.memory = memory
    }
    if (memory.bodies++ === 0) this.pendingBytes += memory.size
    return memory
  }

  release(memory) {
    if (--memory.bodies > 0) return
    this.pendingBytes -= memory.size
    memory.buffer = null
  }

  /** Keeps a message that waits to be read. The message object itself costs memory too. */
  keepMessage(buffer, length) {
    const memory = this.keep(buffer, length)
    this.pendingBytes += MESSAGE_COST
    if (this.pendingBytes > this.options.maxPendingBytes && !this.paused) this.regulate()
    return memory
  }

  releaseMessage(memory) {
    this.pendingBytes -= MESSAGE_COST
    this.release(memory)
    if (this.paused) this.regulate()
  }

  /** Whether too much is pending to read on. */
  get full() {
    return this.pendingBytes > this.options.maxPendingBytes
  }

  regulate() {
    if (!this.open) return
    const { full } = this
    if (full === this.paused) return
    this.paused = full
    if (!full) return this.wire.resume()
    if (this.pendingBytes > this.options.maxPendingBytes) this.limitReached('maxPendingBytes')
    this.wire.pause()
  }

  // ---- silence

  watchForSilence() {
    const { pingInterval } = this.options
    if (pingInterval === Infinity) return
    this.heard = false
    this.watch(pingInterval, ping)
  }

  /**
   * Runs a timeout's action in the async context in which the connection was made, like the events of the connection.
   */
  act(action) {
    const context = this.wire?.context ?? null
    if (context === null) action(this)
    else context.runInAsyncScope(action, undefined, this)
  }

  /** Whether silence means nothing because this end does not read. */
  excused() {
    return this.paused
  }

  // ---- the end

  /** Adds the bytes transferred since the last call to the counters. */
  tally(counts) {
    if (this.wire === null) return
    const { received, sent } = this.wire
    counts.bytesIn += received - this.received
    counts.bytesOut += sent - this.sent
    this.received = received
    this.sent = sent
  }

  /** Everything is answered: ends the connection in order. */
  leave() {
    if (!this.open || this.left) return
    this.left = true
    this.out.flush()
    this.wire.end()
    // The peer has as long to hang up as it has to introduce itself.
    if (this.options.handshakeTimeout !== Infinity) this.watch(this.options.handshakeTimeout, () => this.destroy(null))
  }

  /** Tells the peer why, and drops the connection. */
  abandon(error, reason) {
    if (!this.open) return
    if (this.out !== null) {
      this.out.goaway(reason, error.message)
      this.out.flush()
    }
    this.destroy(error)
  }

  /** Drops the connection. `error` is null for an orderly end. */
  destroy(error) {
    if (!this.open) return
    if (error) this.reason = error
    // Destroy the wire first, so that what it still sends counts as sent.
    this.wire?.destroy()
    this.finish(this.reason)
  }

  finish(error) {
    if (!this.open) return
    this.open = false
    this.unwatch()
    const accepted = this.out === null ? 0 : this.out.accepted
    if (this.out !== null) this.out.shut()
    this.ended(error ?? null, accepted)
  }
}

/** Defaults of fields that few connections have, on the prototype to save memory. */
Object.assign(Peer.prototype, {
  /** This end's part of the secret handshake (handshake.js) until it is done; null without a secret. */
  handshake: null,
  /** Why this end ended the connection, or the peer's reason in its goodbye. */
  reason: null,
  /** Bytes that were already added to the counters. */
  received: 0,
  sent: 0,
  /** This end has ended its side of the connection. */
  left: false,
})

/** Nothing was received for `pingInterval`: sends a ping. */
function ping(peer) {
  if (peer.heard || peer.excused()) return peer.watchForSilence()
  peer.out.control(Kind.PING, 0, 0)
  const { pingTimeout } = peer.options
  if (pingTimeout === Infinity) peer.watchForSilence()
  else peer.watch(pingTimeout, giveUp)
}

/** Nothing was received for `pingTimeout` after the ping. */
function giveUp(peer) {
  if (peer.heard || peer.excused()) return peer.watchForSilence()
  const { pingTimeout } = peer.options
  peer.limitReached('pingTimeout')
  peer.abandon(protocol(`The peer did not answer a ping within ${pingTimeout} ms`), Reason.SILENT)
}

module.exports = { Peer }
