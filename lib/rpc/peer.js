'use strict'

// What the two ends of a connection share: prefaces, pings, farewells, and the end.

const { Buffer } = require('node:buffer')
const { Outgoing, prefaceBytes } = require('./outgoing')
const { protocol } = require('./errors')
const constants = require('../constants')
const { Kind, Reason, MIN_FRAME_LIMIT, MESSAGE_COST, VERSION, WINDOW_UNIT } = require('./protocol')
const { SECRET } = require('./handshake')
const { enterBatch, leaveBatch } = require('./tick')
const { Watched } = require('./watch')

const FastBuffer = Buffer[Symbol.species]

// The table of a read: src/binding/rpc.rs.
const { CURSOR } = constants.table
const { RECORDS, RECORD_WORDS } = constants.rpc
const { KIND, FLAGS, SEQUENCE, CODE, AMOUNT, BODY, LENGTH } = constants.record

/** Memory that what waits here keeps, and how many bodies lie in it. */
class Memory {
  constructor(buffer) {
    this.buffer = buffer
    this.size = buffer.byteLength
    this.bodies = 0
  }
}

// What most connections never have, so that an idle one costs little: these are in its place, and are never written to.
const NO_MEMORY = new Memory(new ArrayBuffer(0))
const NO_STREAMS = new Set()

/**
 * One connection, from either end. Subclasses take the frames that carry calls (`carry` requests and replies, `frame` others), find the
 * stream of a call (`streamOf`), decide what to make of the peer's preface (`meet`) and of its proof (`prove`), and are told that the connection can
 * be used (`ready`), of the end of a batch of frames (`settled`), of the wire having room again (`relieved`), of limits (`limitReached`) and of the
 * end (`ended`).
 */
class Peer extends Watched {
  /** `watches` is an empty Map that all connections of a client or server share. */
  constructor(options, watches, maxCalls) {
    super(watches)
    this.options = options
    this.maxCalls = maxCalls
    this.wire = null
    this.out = null
    this.open = true
    /** The limits in the peer's preface; 0 until it has come, and the peer has proven what it has to. */
    this.peerMaxFrame = 0
    this.peerMaxCalls = 0
    /** The version that both speak, and the credit that streams to the peer begin with. */
    this.version = 0
    this.peerWindow = 0
    /** Bytes of the memory that bodies keep which wait here: of requests, and of messages that nobody has taken. */
    this.pendingBytes = 0
    /** The memory that the last small body was kept in: bodies that come one after the other share it. */
    this.memory = NO_MEMORY
    /** Nothing is read until there is room. */
    this.paused = false
    /** Streams with a message that waits for the wire to have room. */
    this.blocked = NO_STREAMS
    this.heard = false
  }

  /** The wire is connected: introduces this end and starts to watch over the other. */
  attach(wire) {
    this.wire = wire
    this.out = new Outgoing(wire)
    const preface = this.preface()
    if (this.handshake !== null) this.handshake.own = preface
    this.out.preface(preface)
    this.expect('The peer sent no preface')
  }

  /** The wire is connected, and TLS begins: `attach` comes when that is done. */
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

  /** Drops the connection when the next step to its being ready takes too long. */
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
   * `count` records of `table`, their bodies in `slab`. The table's cursor counts those that are taken: called again after a
   * callback threw, this goes on behind the record that it belonged to.
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

  /** The peer sends no more. With nothing left to say either, that is how a connection ends. */
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
        // A peer that does not read cannot make answers pile up; what is queued for it shows that this end lives, once it reads.
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

  /** A step of the handshake. When it fails for whatever reason, nothing may follow: frames behind it would be those of a peer that has proven nothing. */
  secured(step) {
    try {
      step()
    } catch (error) {
      this.destroy(error)
    }
  }

  /** The peer may use the connection. */
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

  /** The peer drops the connection and says why, or will take no more requests: `retire` then, unless it could not have taken one yet. */
  farewell(reason, message) {
    if (reason === Reason.SHUTDOWN && this.peerMaxFrame !== 0) this.retire()
    else this.destroy(protocol(`The peer dropped the connection: ${message || `reason ${reason}`}`))
  }

  // ---- what waits here

  /** Counts the memory that a body lies in, which is more than the body where small ones share it. */
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

  /** A message waits to be taken; itself it costs something too. */
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

  /** Whether too much waits here to read on. */
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

  /** What was waited for happens in the context that the connection was made in, as what comes over it does. */
  act(action) {
    const context = this.wire?.context ?? null
    if (context === null) action(this)
    else context.runInAsyncScope(action, undefined, this)
  }

  /** Whether silence means nothing, because this end does not listen. */
  excused() {
    return this.paused
  }

  // ---- the end

  /** Counts what went over the wire since this was last called. */
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
    // A peer that is asked to hang up and does not has as long as one that is asked to introduce itself.
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

  /** Drops the connection; `error` is null when that is in order. */
  destroy(error) {
    if (!this.open) return
    if (error) this.reason = error
    // First, so that what it still sends counts as sent.
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

/** What few connections have. */
Object.assign(Peer.prototype, {
  /** This end's half of the proof that both know the secret (handshake.js), until that is made; null where there is no secret. */
  handshake: null,
  /** Why this end, or the peer in its farewell, ended the connection. */
  reason: null,
  /** Bytes of the wire that are counted. */
  received: 0,
  sent: 0,
  /** Our side of the stream is ended. */
  left: false,
})

/** Nothing was heard for a while. */
function ping(peer) {
  if (peer.heard || peer.excused()) return peer.watchForSilence()
  peer.out.control(Kind.PING, 0, 0)
  const { pingTimeout } = peer.options
  if (pingTimeout === Infinity) peer.watchForSilence()
  else peer.watch(pingTimeout, giveUp)
}

/** Nor since then. */
function giveUp(peer) {
  if (peer.heard || peer.excused()) return peer.watchForSilence()
  const { pingTimeout } = peer.options
  peer.limitReached('pingTimeout')
  peer.abandon(protocol(`The peer did not answer a ping within ${pingTimeout} ms`), Reason.SILENT)
}

module.exports = { Peer }
