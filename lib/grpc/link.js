'use strict'

// A connection that speaks gRPC: what both sides have in common. See client-link.js, and `ServerLink` in server.js.

const { Buffer } = require('node:buffer')
const { clearTimeout, setTimeout } = require('node:timers')
const { Base, fillAddress } = require('../net/handle.js')
const { MAX_DELAY } = require('../delays.js')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { EOF, ECANCELED } = require('../constants.js').errno
const { Deadlines } = require('../rpc/deadlines.js')
const { register, unregister } = require('./channelz-registry.js')
const { MAX_RECEIVE } = require('./constants.js')
const { Traffic } = require('./counts.js')
const { Unread } = require('./inbox.js')
const { peerText } = require('./uri.js')
require('./batch.js')

const EMPTY = Buffer.alloc(0)
const NO_ERROR = 0
/** Milliseconds that a finished connection waits for its peer to finish, too. */
const LINGER = 5000
const UNLIMITED = 2 ** 32 - 1
/** Bytes that a peer may send before they are taken: on each stream, and on the connection. */
const STREAM_WINDOW = 256 * 1024
const WINDOW = 1024 * 1024
/**
 * Bytes of incomplete messages that a connection may hold, more if the largest message allowed is large: many callers
 * that stop in the middle of a message must not take all memory. The limit for unread messages is the same.
 */
const HELD = 64 * 1024 * 1024
/** Default limit of concurrent calls on a server's connection. */
const MAX_CALLS = 4096
const MAX_METADATA = 64 * 1024
const PROBE = Buffer.from('ironwire')

class Link extends Base {
  constructor(id, isServer, options) {
    super(id)
    this.isServer = isServer
    this.options = options
    /** Calls by stream number. */
    this.calls = new Map()
    this.deadlines = new Deadlines((now) => this.expire(now))
    this.ended = false
    this.peerEnded = false
    this.failure = null
    this.lingering = undefined
    this.maxReceive = limitOf(options['grpc.max_receive_message_length'], MAX_RECEIVE)
    this.maxSend = limitOf(options['grpc.max_send_message_length'], UNLIMITED)
    this.held = Math.min(Math.max(HELD, 4 * this.maxReceive), UNLIMITED)
    this.unread = new Unread(this.held)
    this.peer = undefined
    /** Data for channelz; `channelz` is null before HTTP/2 begins. */
    this.traffic = new Traffic()
    this.channelz = null
    /** Timers: for the next ping, and for its answer. */
    this.keepalive = undefined
    this.probed = undefined
    this.keepaliveTime = options['grpc.keepalive_time_ms'] ?? -1
    this.keepaliveTimeout = Math.min(options['grpc.keepalive_timeout_ms'] ?? 20_000, MAX_DELAY)
    this.keepaliveAlways = isServer || Boolean(options['grpc.keepalive_permit_without_calls'])
  }

  /** Begins to speak HTTP/2. */
  attach() {
    const { id, isServer, options, maxReceive } = this
    native.setNoDelay(id, true)
    const calls = isServer ? (options['grpc.max_concurrent_streams'] ?? MAX_CALLS) : 0
    const window = options['grpc-node.flow_control_window'] ?? STREAM_WINDOW
    const headers = options['grpc.max_metadata_size'] ?? MAX_METADATA
    this.window = window
    const status = native.grpcAttach(
      id,
      isServer,
      calls,
      window,
      Math.max(WINDOW, window),
      Math.min(maxReceive, UNLIMITED),
      this.held,
      headers,
    )
    this.channelz = register('socket', this.getPeer(), this, options)
    if (status < 0) this.lose(systemError(status, 'read'))
    else this.keepAlive()
  }

  /** The peer's address, as text. */
  getPeer() {
    if (this.peer === undefined) {
      const remote = {}
      fillAddress(remote, native.peerAddress(this.id))
      this.peer = peerText(remote.address, remote.port)
    }
    return this.peer
  }

  /** What TLS says about the peer, if it is authorized. */
  getAuthContext() {
    return {}
  }

  // ---- calls

  /** Called when a stream has ended; its number is not used again. */
  closed(stream) {
    if (this.calls.delete(stream) && this.calls.size === 0) this.idle()
  }

  /** Resets a stream. */
  reset(stream, code) {
    if (!this.closing) native.grpcReset(this.id, stream, code)
    this.closed(stream)
  }

  onReset(stream, code) {
    const call = this.calls.get(stream)
    this.closed(stream)
    call?.scope.run(call, call.onReset, code)
  }

  /** Ends the overdue calls. Returns the next deadline, or Infinity. */
  expire(now) {
    let next = Infinity
    for (const call of this.calls.values()) {
      if (call.expires <= now) call.onDeadline()
      else if (call.expires < next) next = call.expires
    }
    return next
  }

  // ---- keepalive

  keepAlive() {
    const { keepaliveTime } = this
    if (!(keepaliveTime > 0) || keepaliveTime >= MAX_DELAY) return
    this.keepalive = setTimeout(() => this.probe(), keepaliveTime).unref()
  }

  probe() {
    if (this.closing) return
    if (this.calls.size === 0 && !this.keepaliveAlways) return this.keepalive.refresh()
    this.traffic.pings++
    this.ping()
    this.probed = setTimeout(() => this.onSilent(), this.keepaliveTimeout).unref()
  }

  onSilent() {
    this.lose(new Error('Keepalive timeout'))
  }

  onAlive(isAnswer) {
    if (!isAnswer || this.probed === undefined) return
    clearTimeout(this.probed)
    this.probed = undefined
    this.keepalive.refresh()
  }

  // ---- the end

  /** Takes no more calls. The connection ends when the current calls have ended. */
  drain(code = NO_ERROR) {
    if (this.closing || this.ended) return
    this.sayGoodbye(code, -1)
    this.draining = true
    if (this.calls.size === 0) this.finish()
  }

  /** Sends GOAWAY: streams after `last` are not taken. -1 stands for the last stream that there is. */
  sayGoodbye(code, last) {
    native.grpcGoaway(this.id, code, last, EMPTY, 0)
  }

  /** Sends a ping at once. */
  ping() {
    native.grpcPing(this.id, PROBE)
    native.flush(this.id)
  }

  idle() {
    if (this.draining) this.finish()
  }

  /** Ends our side once everything is sent. The peer may still be sending, so its end is waited for. */
  finish() {
    if (this.closing || this.ended) return
    this.ended = true
    if (native.end(this.id) < 0) this.destroy()
  }

  destroy() {
    if (this.closing) return
    this.close()
  }

  /** Closes the connection, which failed with this error. */
  lose(error) {
    this.failure ??= error
    this.destroy()
  }

  // ---- from the engine

  onRead(length) {
    if (this.closing) return
    this.peerEnded = true
    if (length === EOF) this.destroy()
    else this.lose(systemError(length, 'read'))
  }

  onDrain() {}

  onWriteError(status) {
    if (status !== ECANCELED) this.lose(systemError(status, 'write'))
  }

  onShutdown() {
    if (this.peerEnded) this.destroy()
    else this.linger()
  }

  linger() {
    clearTimeout(this.lingering)
    this.lingering = setTimeout(() => this.destroy(), LINGER).unref()
  }

  /** Called when the peer has broken the protocol. The peer is told so if it still reads; the calls end at once. */
  onFailed(_code, why) {
    this.failure ??= new Error(why)
    this.finish()
    if (!this.closing) this.linger()
    this.loseCalls()
  }

  loseCalls() {
    this.deadlines.clear()
    const calls = [...this.calls.values()]
    this.calls.clear()
    for (const call of calls) call.onLost(this.failure)
  }

  onSettings() {}

  onGoaway() {}

  onClose() {
    super.onClose()
    unregister(this.channelz)
    clearTimeout(this.lingering)
    clearTimeout(this.keepalive)
    clearTimeout(this.probed)
    this.loseCalls()
    this.onLost(this.failure)
  }
}

Link.prototype.draining = false
Link.prototype.tunnel = null

/** The limit for a message's size from an option, where -1 stands for no limit. */
function limitOf(value, standard) {
  if (value === undefined) return standard
  return value < 0 ? UNLIMITED : value
}

module.exports = { Link }
