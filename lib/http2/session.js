'use strict'

// A session: one connection that speaks HTTP/2. What only a server or only a client does is in files of their own.

const process = require('node:process')
const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const EventEmitter = require('node:events')
const { captureRejectionSymbol } = EventEmitter
const { constants } = require('node:http2')
const { setImmediate } = require('node:timers')
const { inspect } = require('node:util')
const { isArrayBufferView } = require('node:util/types')
const { URL } = require('node:url')
const { native } = require('../engine.js')
const { invalidArgType, outOfRange } = require('../errors.js')
const { each } = require('./each.js')
const errors = require('./errors.js')
const { sessionSocket } = require('./proxy.js')
const { limit } = require('./options.js')
const { checked, words, settingsOf } = require('./settings.js')
const {
  kAttach,
  kBoundSocket,
  kCancelUnsent,
  kCloseSoon,
  kCodeFor,
  kEffectiveStreamWindow,
  kEndIfDone,
  kFailFrame,
  kForget,
  kGetSocket,
  kHasJustSpoken,
  kHasStreams,
  kIsClient,
  kKnownOrigins,
  kLeave,
  kLetGo,
  kLook,
  kNumbers,
  kOnFailed,
  kOnGoaway,
  kOnLost,
  kOnPing,
  kOnPong,
  kOnSettings,
  kOnSettingsAck,
  kProgress,
  kState,
  kTearDown,
  kTouch,
} = require('./symbols.js')
const { Timer } = require('./timer.js')
// Connects the table of events from Rust.
require('./batch.js')

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants
const EMPTY = Buffer.alloc(0)

class Http2Session extends EventEmitter {
  /** `settings` are the settings that hold before the session changes any. */
  constructor(type, options, settings) {
    super()
    // Apart from Node's names, the property names on a session belong to the program.
    this[kState] = {
      type,
      options,
      closed: false,
      destroyed: false,
      connecting: true,
      encrypted: undefined,
      alpnProtocol: undefined,
      /** The connection, once there is one. */
      handle: undefined,
      exchanges: new Map(),
      origins: undefined,
      /** The settings that this side sends, at the start and later. */
      said: settings,
      /** `localSettings` and `remoteSettings` after the first access, until they change. */
      seen: { local: undefined, remote: undefined },
      /** Callbacks of the settings and pings that the peer has not acknowledged. */
      pendingSettings: [],
      pendingPings: [],
      timer: new Timer(this),
      resources: undefined,
      socketProxy: undefined,
      /** The code and the last stream of the peer's GOAWAY. */
      goodbye: undefined,
      /** Whether the session has ended because the connection has. */
      lost: false,
      /** The peer cannot be sent anything any more. */
      failed: false,
    }
  }

  get type() {
    return this[kState].type
  }

  get closed() {
    return this[kState].closed
  }

  get destroyed() {
    return this[kState].destroyed
  }

  get connecting() {
    return this[kState].connecting
  }

  get encrypted() {
    return this[kState].encrypted
  }

  get alpnProtocol() {
    return this[kState].alpnProtocol
  }

  /** Starts to speak HTTP/2 on a connection. Returns 0, or an error number below 0. */
  [kAttach](handle) {
    const isClient = this[kIsClient]
    const { options } = this[kState]
    if (typeof options.settings === 'object') this[kState].said = { ...this[kState].said, ...checked(options.settings) }
    this[kState].handle = handle
    this[kState].connecting = false
    this[kState].encrypted = handle.secured
    this[kState].alpnProtocol = handle.secured ? handle.alpnProtocol : 'h2c'
    this[kState].resources = { triggerAsyncId: handle.getAsyncId(), requireManualDestroy: true }
    this[kState].pendingSettings.push(undefined)
    handle.session = this
    handle.reading = true
    // Without this, a small frame of one stream would wait for the acknowledgement of another's.
    if (handle.isTcp) handle.setNoDelay(true)
    const limits = [
      limit(options.maxHeaderListPairs, isClient ? 1 : 4, 128),
      limit(options.maxSettings, 1, 32),
      limit(options.streamResetBurst, 0, 1000),
      limit(options.streamResetRate, 0, 33),
      limit(options.maxSessionInvalidFrames, 0, 1000),
      limit(options.maxReservedRemoteStreams, 0, 200),
      limit(options.peerMaxConcurrentStreams, 0, 100),
    ]
    return native.http2Attach(
      handle.id,
      isClient,
      words(this[kState].said),
      Buffer.from(Uint32Array.from(limits).buffer),
    )
  }

  /** The origins that the server answers for. The first is the one that the client has connected to. */
  get originSet() {
    if (!this.encrypted || this.destroyed) return undefined
    return [...this[kKnownOrigins]()]
  }

  [kKnownOrigins]() {
    if (this[kState].origins === undefined) {
      const { servername, remoteAddress, remoteFamily, remotePort } = this[kGetSocket]()
      const host = servername || (remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress)
      this[kState].origins = new Set([new URL(`https://${host}:${remotePort}`).origin])
    }
    return this[kState].origins
  }

  get socket() {
    if (this.destroyed) return undefined
    this[kState].socketProxy ??= sessionSocket(this)
    return this[kState].socketProxy
  }

  [kGetSocket]() {
    return this[kState].handle.getSocket()
  }

  [kBoundSocket]() {
    if (this.destroyed) throw errors.socketUnbound()
    return this[kGetSocket]()
  }

  get goawayCode() {
    return this[kState].goodbye?.code ?? NGHTTP2_NO_ERROR
  }

  get goawayLastStreamID() {
    return this[kState].goodbye?.last ?? 0
  }

  get pendingSettingsAck() {
    return this[kState].pendingSettings.length > 0
  }

  get localSettings() {
    return this[kLook]('local', 0)
  }

  get remoteSettings() {
    return this[kLook]('remote', 7)
  }

  /** As in Node, local settings that were read once stay readable after the session has ended. */
  [kLook](side, at) {
    const { seen } = this[kState]
    if (seen[side] !== undefined && (!this.destroyed || side === 'local')) return seen[side]
    const numbers = this[kNumbers]()
    if (numbers === undefined) return {}
    seen[side] = settingsOf(numbers, at)
    return seen[side]
  }

  get state() {
    const numbers = this[kNumbers]()
    if (numbers === undefined) return {}
    const [window, taken, next, last, send, receive] = numbers.slice(14)
    return {
      effectiveLocalWindowSize: window,
      effectiveRecvDataLength: taken,
      nextStreamID: next,
      localWindowSize: receive,
      lastProcStreamID: last,
      remoteWindowSize: send,
      outboundQueueSize: 0,
      deflateDynamicTableSize: 0,
      inflateDynamicTableSize: 0,
    }
  }

  get [kEffectiveStreamWindow]() {
    return this[kNumbers]()?.[3]
  }

  [kNumbers]() {
    return this.destroyed || this.connecting ? undefined : native.http2State(this[kState].handle.id)
  }

  ref() {
    if (!this.destroyed) this[kGetSocket]().ref()
  }

  unref() {
    if (!this.destroyed) this[kGetSocket]().unref()
  }

  setTimeout(msecs, callback) {
    return this[kState].timer.set(msecs, callback)
  }

  [kTouch]() {
    this[kState].timer.touch()
  }

  /** For timers: how many bytes have left, if any data still waits; else undefined. */
  [kProgress]() {
    if (this.connecting) return undefined
    const { id } = this[kState].handle
    const queued = native.queued(id)
    const waits = queued > 0 || [...this[kState].exchanges.values()].some((exchange) => exchange.waiting !== undefined)
    return waits ? native.bytesSent(id) - queued : undefined
  }

  setLocalWindowSize(windowSize) {
    if (this.destroyed) throw errors.invalidSession()
    if (typeof windowSize !== 'number') throw invalidArgType('windowSize', 'of type number', windowSize)
    if (!Number.isInteger(windowSize)) throw outOfRange('windowSize', 'an integer', windowSize)
    if (windowSize < 0 || windowSize > 2 ** 31 - 1) {
      throw outOfRange('windowSize', '>= 0 && <= 2147483647', windowSize)
    }
    if (this.connecting) return this.once('connect', () => this.setLocalWindowSize(windowSize))
    native.http2Window(this[kState].handle.id, windowSize)
  }

  settings(settings, callback) {
    if (this.destroyed) throw errors.invalidSession()
    const given = checked(settings)
    if (callback && typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (this.connecting) {
      this.once('connect', () => {
        if (!this.destroyed) this.settings(given, callback)
      })
      return
    }
    if (this[kState].pendingSettings.length >= limit(this[kState].options.maxOutstandingSettings, 1, 10)) {
      this.destroy(errors.maxPendingSettings())
      return
    }
    this[kState].said = { ...this[kState].said, ...given }
    const bound = callback ? AsyncResource.bind(callback, 'HTTP2SETTINGS') : undefined
    this[kState].pendingSettings.push({ callback: bound, began: process.hrtime() })
    native.http2Settings(this[kState].handle.id, words(this[kState].said))
  }

  ping(payload, callback) {
    if (this.destroyed) throw errors.invalidSession()
    if (typeof payload === 'function') {
      callback = payload
      payload = undefined
    }
    if (payload) {
      if (!isArrayBufferView(payload)) {
        throw invalidArgType('payload', 'an instance of Buffer, TypedArray, or DataView', payload)
      }
      if (payload.byteLength !== 8) throw errors.pingLength()
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (this.connecting || this.closed) {
      process.nextTick(callback, errors.pingCancel())
      return
    }
    const ping = { callback, began: process.hrtime(), resource: new AsyncResource('HTTP2PING', this[kState].resources) }
    if (this[kState].pendingPings.length >= limit(this[kState].options.maxOutstandingPings, 1, 10)) {
      process.nextTick(cancelPing, ping)
      return false
    }
    const octets = !payload
      ? Buffer.from(String(Math.random()).slice(2, 10).padEnd(8, '0'))
      : Buffer.from(payload.buffer, payload.byteOffset, 8)
    this[kState].pendingPings.push(ping)
    native.http2Ping(this[kState].handle.id, octets)
    return true
  }

  goaway(code = NGHTTP2_NO_ERROR, lastStreamID = 0, opaqueData = undefined) {
    if (this.destroyed) throw errors.invalidSession()
    if (opaqueData !== undefined && !isArrayBufferView(opaqueData)) {
      throw invalidArgType('opaqueData', 'an instance of Buffer, TypedArray, or DataView', opaqueData)
    }
    if (typeof code !== 'number') throw invalidArgType('code', 'of type number', code)
    if (typeof lastStreamID !== 'number') throw invalidArgType('lastStreamID', 'of type number', lastStreamID)
    if (this.connecting) {
      this.once('connect', () => {
        if (!this.destroyed) this.goaway(code, lastStreamID, opaqueData)
      })
      return
    }
    const debug =
      opaqueData === undefined ? EMPTY : Buffer.from(opaqueData.buffer, opaqueData.byteOffset, opaqueData.byteLength)
    native.http2Goaway(this[kState].handle.id, code, lastStreamID > 0 ? lastStreamID : -1, debug, debug.length)
  }

  /** Accepts no further streams, and ends once the open ones have. */
  close(callback) {
    if (this.closed || this.destroyed) return
    this[kState].closed = true
    if (typeof callback === 'function') this.once('close', callback)
    this.goaway()
    this[kEndIfDone]()
  }

  /** Forgets an exchange on whose stream nothing can happen any more. */
  [kForget](exchange) {
    this[kState].exchanges.delete(exchange.id)
    this[kEndIfDone]()
  }

  /** Whether the peer may not have read everything yet. */
  [kHasJustSpoken]() {
    return false
  }

  /** The header that the program gives for a stream is too long to be sent: the stream ends with `code`, and the session after it. */
  [kFailFrame](exchange, type, code) {
    const emitter = exchange.stream ?? this
    emitter.emit('frameError', type, constants.NGHTTP2_FRAME_SIZE_ERROR, exchange.id)
    setImmediate(() => {
      exchange.reset(code)
      this.close()
    })
  }

  [kHasStreams]() {
    return this[kState].exchanges.size > 0
  }

  [kEndIfDone]() {
    if (!this.closed || this.destroyed || this[kHasStreams]()) return
    setImmediate(() => {
      if (!this.destroyed && !this[kHasStreams]()) this.destroy()
    })
  }

  destroy(error = NGHTTP2_NO_ERROR, code) {
    if (this.destroyed) return
    if (typeof error === 'number') {
      code = error
      error = code !== NGHTTP2_NO_ERROR ? errors.sessionError(code) : undefined
    }
    code ??= error === undefined || error === null ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR
    if (!this[kState].failed && this[kState].handle?.id >= 0) {
      native.http2Goaway(this[kState].handle.id, code, -1, EMPTY, 0)
    }
    this[kTearDown](error, code)
  }

  /** Ends the session, its streams and pings. Nothing more is sent. */
  [kTearDown](error, code) {
    if (this.destroyed) return
    this[kState].destroyed = true
    this[kState].timer.clear()
    const exchanges = [...this[kState].exchanges.values()]
    process.nextTick(each, exchanges, close)
    // An exception of a listener goes to the caller who ended the session, after all streams were informed.
    try {
      each(exchanges, (exchange) => {
        exchange.code = this[kCodeFor](exchange, code)
        exchange.settle(this[kState].lost)
        exchange.stream?.destroy(error)
      })
      this[kCancelUnsent](error)
    } finally {
      this[kLetGo](error)
    }
  }

  [kLetGo](error) {
    const pings = this[kState].pendingPings.splice(0)
    this[kState].pendingSettings.fill(undefined)
    process.nextTick(each, pings, cancelPing)
    this[kLeave](error)
  }

  /** Cancels requests that wait for a connection. */
  [kCancelUnsent]() {}

  /** Releases the connection, and emits 'close'. */
  [kLeave](error) {
    this[kState].handle.finish(this.closed && !error)
    process.nextTick(tellClosed, this, error)
  }

  /** The error code for an open stream when the session ends with `code`. */
  [kCodeFor](_exchange, code) {
    return this[kState].goodbye?.code || (code === NGHTTP2_NO_ERROR ? NGHTTP2_CANCEL : code)
  }

  [captureRejectionSymbol](error, event, ...args) {
    if (event === 'stream') args[0].destroy(error)
    else this.destroy(error)
  }

  // --- called with the events that Rust reports

  [inspect.custom](depth, options) {
    const { type, closed, destroyed, state, localSettings, remoteSettings } = this
    const shown = { type, closed, destroyed, state, localSettings, remoteSettings }
    return depth < 0 ? this : `Http2Session ${inspect(shown, { ...options, depth: null })}`
  }

  /** Closes an exchange in the next tick. */
  [kCloseSoon](exchange) {
    if (over.length === 0) process.nextTick(closeAll)
    over.push(exchange)
  }

  [kOnSettings]() {
    this[kTouch]()
    this[kState].seen.remote = undefined
    if (this.listenerCount('remoteSettings') > 0) this.emit('remoteSettings', this.remoteSettings)
  }

  [kOnSettingsAck]() {
    this[kTouch]()
    const { local } = this[kState].seen
    this[kState].seen.local = undefined
    // A program that has read the settings once may read them after the session has ended, too.
    if (local !== undefined) this[kLook]('local', 0)
    const pending = this[kState].pendingSettings.shift()
    try {
      pending?.callback?.(null, this.localSettings, millisecondsSince(pending.began))
    } finally {
      if (this.listenerCount('localSettings') > 0) this.emit('localSettings', this.localSettings)
    }
  }

  [kOnPing](payload) {
    this[kTouch]()
    if (this.listenerCount('ping') > 0) this.emit('ping', payload)
  }

  [kOnPong](payload) {
    const pending = this[kState].pendingPings.shift()
    if (pending === undefined) {
      this.destroy(
        errors.protocolError('an acknowledgement for a PING that was not sent'),
        constants.NGHTTP2_PROTOCOL_ERROR,
      )
      return
    }
    finishPing(pending, null, millisecondsSince(pending.began), payload)
  }

  [kOnGoaway](code, last, debug) {
    this[kState].goodbye = { code, last }
    this.emit('goaway', code, last, debug.length > 0 ? debug : undefined)
    if (code === NGHTTP2_NO_ERROR) this.close()
    else this.destroy(errors.sessionError(code), NGHTTP2_NO_ERROR)
  }

  /** The peer has broken the protocol. It has been sent a GOAWAY. */
  [kOnFailed](code, why) {
    this[kState].failed = true
    this[kTearDown](errors.failure(why), code)
  }

  /** The peer has ended its side, or the connection is gone. */
  [kOnLost](error) {
    this[kState].failed = error !== undefined
    if (error === undefined) this.destroy()
    // After a graceful GOAWAY the peer may also leave with a reset.
    else if (this[kState].goodbye?.code === NGHTTP2_NO_ERROR && error.code === 'ECONNRESET')
      this[kTearDown](undefined, NGHTTP2_NO_ERROR)
    else this[kTearDown](error, NGHTTP2_CANCEL)
  }
}

Http2Session.prototype[kIsClient] = false

/** 'close' is emitted last. */
function tellClosed(session, error) {
  try {
    if (error) session.emit('error', error)
  } finally {
    session.emit('close')
  }
}

function millisecondsSince(began) {
  const [seconds, nanoseconds] = process.hrtime(began)
  return seconds * 1e3 + nanoseconds / 1e6
}

function finishPing({ callback, resource }, ...args) {
  try {
    resource.runInAsyncScope(callback, undefined, ...args)
  } finally {
    resource.emitDestroy()
  }
}

function cancelPing(ping) {
  finishPing(ping, errors.pingCancel())
}

/** Exchanges to close in the next tick. */
let over = []

function closeAll() {
  const all = over
  over = []
  each(all, close)
}

function close(exchange) {
  exchange.close()
}

module.exports = { Http2Session, tellClosed }
