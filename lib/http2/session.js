'use strict'

// A server's session: one connection that speaks HTTP/2.

const process = require('node:process')
const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const EventEmitter = require('node:events')
const { constants } = require('node:http2')
const { setImmediate } = require('node:timers')
const { inspect } = require('node:util')
const { isArrayBufferView } = require('node:util/types')
const { URL } = require('node:url')
const { native } = require('../engine.js')
const { now } = require('../http/batch.js')
const { invalidArgType, outOfRange } = require('../errors.js')
const channels = require('./channels.js')
const { each } = require('./each.js')
const errors = require('./errors.js')
const { Exchange } = require('./exchange.js')
const { fieldsObject, rawFields } = require('./fields.js')
const { Http2ServerRequest } = require('./request.js')
const { Http2ServerResponse } = require('./response.js')
const { ServerHttp2Stream } = require('./stream.js')
const { sessionSocket } = require('./proxy.js')
const { DEFAULTS, checked, words, settingsOf } = require('./settings.js')
const { Timer } = require('./timer.js')
// Brings what the table says.
require('./batch.js')

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = constants
const EMPTY = Buffer.alloc(0)
/** What was said so many milliseconds ago has been read. */
const JUST = 1000
const ALTSVC = 0x0a
const ORIGIN = 0x0c
const MAX_EXTENSION = 16_382
/** What may stand in an alternative service. */
const QUOTABLE = /^[\t\x20-\x5b\x5d-\x7e\x80-\xff]*$/

/** An option that is a number, as core takes it: what is none says nothing. */
function limit(given, least, otherwise) {
  if (typeof given !== 'number' || Number.isNaN(given)) return otherwise
  return Math.min(Math.max(Math.trunc(given), least), 2 ** 32 - 1)
}

class ServerHttp2Session extends EventEmitter {
  constructor(handle, server, options) {
    super()
    this.handle = handle
    this.server = server
    this.exchanges = new Map()
    this.closed = false
    this.destroyed = false
    this.connecting = false
    this.encrypted = handle.secured
    this.alpnProtocol = this.encrypted ? 'h2' : 'h2c'
    this.origins = undefined
    this.type = constants.NGHTTP2_SESSION_SERVER
    this.options = options
    this.said = { ...DEFAULTS, ...checked(options.settings) }
    /** Callbacks of settings and pings that are not answered. */
    this.pendingSettings = [undefined]
    this.pendingPings = []
    this.timer = new Timer(this)
    this.resources = { triggerAsyncId: handle.getAsyncId(), requireManualDestroy: true }
    this.socketProxy = undefined
    /** When the last exchange ended. */
    this.lastAt = undefined
    /** What the peer's GOAWAY has said. */
    this.goodbye = undefined
  }

  /** Speaks HTTP/2 from now on. */
  attach() {
    const { options } = this
    native.http2Attach(
      this.handle.id,
      words(this.said),
      limit(options.maxHeaderListPairs, 4, 128),
      limit(options.maxSettings, 1, 32),
      limit(options.streamResetBurst, 0, 1000),
      limit(options.streamResetRate, 0, 33),
      limit(options.maxSessionInvalidFrames, 0, 1000),
    )
    if (Array.isArray(options.origins)) this.origin(...options.origins)
    const { server } = this
    if (server.timeout > 0) {
      this.setTimeout(server.timeout, () => {
        if (!this.destroyed && !server.emit('timeout', this)) this.destroy()
      })
    }
  }

  /** What the connection is for, by its name. */
  get originSet() {
    if (!this.encrypted || this.destroyed) return undefined
    if (this.origins === undefined) {
      const { servername, remoteAddress, remoteFamily, remotePort } = this.handle.getSocket()
      const host = servername || (remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress)
      this.origins = [new URL(`https://${host}:${remotePort}`).origin]
    }
    return [...this.origins]
  }

  get socket() {
    this.socketProxy ??= sessionSocket(this)
    return this.socketProxy
  }

  getSocket() {
    return this.handle.getSocket()
  }

  boundSocket() {
    if (this.destroyed) throw errors.socketUnbound()
    return this.handle.getSocket()
  }

  get goawayCode() {
    return this.goodbye?.code ?? NGHTTP2_NO_ERROR
  }

  get goawayLastStreamID() {
    return this.goodbye?.last ?? 0
  }

  get pendingSettingsAck() {
    return this.pendingSettings.length > 0
  }

  get localSettings() {
    const numbers = this.numbers()
    return numbers === undefined ? {} : settingsOf(numbers, 0)
  }

  get remoteSettings() {
    const numbers = this.numbers()
    return numbers === undefined ? {} : settingsOf(numbers, 7)
  }

  get state() {
    const numbers = this.numbers()
    if (numbers === undefined) return {}
    const [window, taken, next, last, send] = numbers.slice(14)
    return {
      effectiveLocalWindowSize: window,
      effectiveRecvDataLength: taken,
      nextStreamID: next,
      localWindowSize: window - taken,
      lastProcStreamID: last,
      remoteWindowSize: send,
      outboundQueueSize: 0,
      deflateDynamicTableSize: 0,
      inflateDynamicTableSize: 0,
    }
  }

  get effectiveStreamWindow() {
    return this.numbers()?.[3]
  }

  numbers() {
    return this.destroyed ? undefined : native.http2State(this.handle.id)
  }

  ref() {
    if (!this.destroyed) this.handle.ref()
  }

  unref() {
    if (!this.destroyed) this.handle.unref()
  }

  setTimeout(msecs, callback) {
    return this.timer.set(msecs, callback)
  }

  touch() {
    this.timer.touch()
  }

  /** For timers: how much has left, where something waits to; else nothing. */
  progress() {
    const { id } = this.handle
    const queued = native.queued(id)
    const waits = queued > 0 || [...this.exchanges.values()].some((exchange) => exchange.waiting !== undefined)
    return waits ? native.bytesSent(id) - queued : undefined
  }

  setLocalWindowSize(windowSize) {
    if (this.destroyed) throw errors.invalidSession()
    if (typeof windowSize !== 'number') throw invalidArgType('windowSize', 'of type number', windowSize)
    if (!Number.isInteger(windowSize) || windowSize < 0 || windowSize > 2 ** 31 - 1) {
      throw outOfRange('windowSize', '>= 0 && <= 2147483647', windowSize)
    }
    native.http2Window(this.handle.id, windowSize)
  }

  settings(settings, callback) {
    if (this.destroyed) throw errors.invalidSession()
    const given = checked(settings)
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (this.pendingSettings.length >= limit(this.options.maxOutstandingSettings, 1, 10)) {
      this.destroy(errors.maxPendingSettings())
      return
    }
    this.said = { ...this.said, ...given }
    this.pendingSettings.push({ callback, began: process.hrtime() })
    native.http2Settings(this.handle.id, words(this.said))
  }

  ping(payload, callback) {
    if (this.destroyed) throw errors.invalidSession()
    if (typeof payload === 'function') {
      callback = payload
      payload = undefined
    }
    if (payload !== undefined) {
      if (!isArrayBufferView(payload)) {
        throw invalidArgType('payload', 'an instance of Buffer, TypedArray, or DataView', payload)
      }
      if (payload.byteLength !== 8) throw errors.pingLength()
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (this.pendingPings.length >= limit(this.options.maxOutstandingPings, 1, 10)) {
      process.nextTick(callback, errors.pingCancel())
      return false
    }
    const octets =
      payload === undefined
        ? Buffer.from(String(Math.random()).slice(2, 10).padEnd(8, '0'))
        : Buffer.from(payload.buffer, payload.byteOffset, 8)
    this.pendingPings.push({
      callback,
      began: process.hrtime(),
      resource: new AsyncResource('HTTP2PING', this.resources),
    })
    native.http2Ping(this.handle.id, octets)
    return true
  }

  goaway(code = NGHTTP2_NO_ERROR, lastStreamID = 0, opaqueData = undefined) {
    if (this.destroyed) throw errors.invalidSession()
    if (opaqueData !== undefined && !isArrayBufferView(opaqueData)) {
      throw invalidArgType('opaqueData', 'an instance of Buffer, TypedArray, or DataView', opaqueData)
    }
    if (typeof code !== 'number') throw invalidArgType('code', 'of type number', code)
    if (typeof lastStreamID !== 'number') throw invalidArgType('lastStreamID', 'of type number', lastStreamID)
    const debug =
      opaqueData === undefined ? EMPTY : Buffer.from(opaqueData.buffer, opaqueData.byteOffset, opaqueData.byteLength)
    native.http2Goaway(this.handle.id, code, lastStreamID > 0 ? lastStreamID : -1, debug, debug.length)
  }

  altsvc(alt, originOrStream) {
    if (this.destroyed) throw errors.invalidSession()
    let stream = 0
    let origin = ''
    if (typeof originOrStream === 'string') {
      origin = new URL(originOrStream).origin
      if (origin === 'null') throw errors.altsvcOrigin()
    } else if (typeof originOrStream === 'number') {
      if (!Number.isInteger(originOrStream) || originOrStream <= 0 || originOrStream > 2 ** 32 - 1) {
        throw outOfRange('originOrStream', `> 0 && < ${2 ** 32}`, originOrStream)
      }
      stream = originOrStream
    } else if (originOrStream !== undefined) {
      origin = originOrStream === null ? undefined : originOrStream.origin
      if (typeof origin !== 'string') {
        throw invalidArgType(
          'originOrStream',
          'of type string or number or an instance of URL or Object',
          originOrStream,
        )
      }
      if (origin === 'null' || origin.length === 0) throw errors.altsvcOrigin()
    }
    if (typeof alt !== 'string') throw invalidArgType('alt', 'of type string', alt)
    if (!QUOTABLE.test(alt)) throw errors.invalidAlt()
    const text = Buffer.from(`\0\0${origin}${alt}`, 'latin1')
    text.writeUInt16BE(origin.length)
    if (text.length - 2 > MAX_EXTENSION) throw errors.altsvcLength()
    native.http2Extension(this.handle.id, ALTSVC, stream, text, text.length)
  }

  origin(...origins) {
    if (this.destroyed) throw errors.invalidSession()
    if (origins.length === 0) return
    const parts = []
    for (let one of origins) {
      if (typeof one === 'string') one = new URL(one).origin
      else if (one !== null && typeof one === 'object') one = one.origin
      if (typeof one !== 'string') throw invalidArgType('origin', 'of type string', one)
      if (one === 'null') throw errors.invalidOrigin()
      const bytes = Buffer.from(`\0\0${one}`, 'latin1')
      bytes.writeUInt16BE(bytes.length - 2)
      parts.push(bytes)
    }
    const all = Buffer.concat(parts)
    if (all.length > MAX_EXTENSION) throw errors.originLength()
    native.http2Extension(this.handle.id, ORIGIN, 0, all, all.length)
  }

  /** Takes no further streams, and ends when those that are open have. */
  close(callback) {
    if (this.closed || this.destroyed) return
    this.closed = true
    if (typeof callback === 'function') this.once('close', callback)
    native.http2Goaway(this.handle.id, NGHTTP2_NO_ERROR, -1, EMPTY, 0)
    this.endIfDone()
  }

  makeStream(exchange) {
    return new ServerHttp2Stream(exchange)
  }

  /** Nothing happens on the stream of this exchange any more. */
  forget(exchange) {
    this.exchanges.delete(exchange.id)
    if (this.encrypted) this.lastAt = now()
    this.endIfDone()
  }

  /** Whether the peer may not have read all of it. */
  hasJustSpoken() {
    // Modulo 2^32.
    return this.lastAt !== undefined && ((now() - this.lastAt) | 0) < JUST
  }

  endIfDone() {
    if (!this.closed || this.destroyed || this.exchanges.size > 0) return
    setImmediate(() => {
      if (!this.destroyed && this.exchanges.size === 0) this.destroy()
    })
  }

  destroy(error, code) {
    if (this.destroyed) return
    if (typeof error === 'number') {
      code = error
      error = code !== NGHTTP2_NO_ERROR ? errors.sessionError(code) : undefined
    }
    code ??= error === undefined || error === null ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR
    if (!this.failed && this.handle.id >= 0) {
      native.http2Goaway(this.handle.id, code, -1, EMPTY, 0)
    }
    this.tearDown(error, code)
  }

  /** Nothing more can be said. */
  tearDown(error, code) {
    if (this.destroyed) return
    this.destroyed = true
    this.timer.clear()
    const exchanges = [...this.exchanges.values()]
    process.nextTick(each, exchanges, close)
    for (const exchange of exchanges) {
      exchange.code = code === NGHTTP2_NO_ERROR ? NGHTTP2_CANCEL : code
      exchange.settle()
      exchange.stream?.destroy(error)
    }
    const pings = this.pendingPings.splice(0)
    this.pendingSettings.fill(undefined)
    this.server.sessions.delete(this)
    this.handle.finish(this.closed && !error)
    process.nextTick(each, pings, cancelPing)
    process.nextTick(() => {
      try {
        if (error) this.emit('error', error)
      } finally {
        this.emit('close')
      }
    })
  }

  // --- called with what Rust says

  onHead(id, text, method, path, ended) {
    const exchange = new Exchange(this, id, text, method, path, ended)
    this.exchanges.set(id, exchange)
    this.touch()
    const resource = new AsyncResource('HTTP2STREAM', this.resources)
    exchange.resource = resource
    resource.runInAsyncScope(this.begin, this, exchange)
  }

  begin(exchange) {
    const { server } = this
    if (channels.created.hasSubscribers || channels.start.hasSubscribers) publishStream(exchange)
    const forStreams = server.listenerCount('stream') > 0 || this.listenerCount('stream') > 0
    if (server.listenerCount('request') > 0 || (!forStreams && server.listenerCount('checkContinue') > 0)) {
      if (forStreams) exchange.getStream()
      this.serve(exchange)
    } else if (!forStreams) {
      exchange.reader = nobody
      exchange.reset(NGHTTP2_REFUSED_STREAM)
      return
    }
    if (!forStreams || exchange.closed) return
    const stream = exchange.getStream()
    const headers = exchange.req === undefined ? fieldsObject(exchange.text) : exchange.req.headers
    const raw = rawFields(exchange.text)
    const flags =
      constants.NGHTTP2_FLAG_END_HEADERS | (exchange.endAfterHeaders ? constants.NGHTTP2_FLAG_END_STREAM : 0)
    this.emit('stream', stream, headers, flags, raw)
    server.emit('stream', stream, headers, flags, raw)
  }

  serve(exchange) {
    const { server } = this
    const { Http2ServerRequest: Request = Http2ServerRequest, Http2ServerResponse: Response = Http2ServerResponse } =
      this.options
    const req = new Request(exchange)
    const res = new Response(exchange)
    if (exchange.method === 'CONNECT') {
      if (!server.emit('connect', req, res)) {
        res.statusCode = 405
        res.end()
      }
      return
    }
    if (exchange.text.includes('expect\0')) {
      const { expect } = req.headers
      if (expect !== undefined) {
        if (expect !== '100-continue') {
          if (server.listenerCount('checkExpectation') > 0) server.emit('checkExpectation', req, res)
          else {
            res.statusCode = 417
            res.end()
          }
          return
        }
        if (server.listenerCount('checkContinue') > 0) {
          server.emit('checkContinue', req, res)
          return
        }
        res.writeContinue()
      }
    }
    server.emit('request', req, res)
  }

  /** The exchange that a client is promised, or nothing when it takes none. */
  push(parent, text, method, path) {
    const id = native.http2Push(this.handle.id, parent.id, text)
    if (id < 0) return undefined
    const exchange = new Exchange(this, id, text, method, path, true)
    this.exchanges.set(id, exchange)
    exchange.resource = new AsyncResource('HTTP2STREAM', this.resources)
    return exchange
  }

  [inspect.custom](depth, options) {
    const { type, closed, destroyed, state, localSettings, remoteSettings } = this
    const shown = { type, closed, destroyed, state, localSettings, remoteSettings }
    return depth < 0 ? this : `ServerHttp2Session ${inspect(shown, { ...options, depth: null })}`
  }

  /** Over by what was said: told when the caller is done. */
  closeSoon(exchange) {
    if (over.length === 0) process.nextTick(closeAll)
    over.push(exchange)
  }

  onSettings() {
    this.touch()
    if (this.listenerCount('remoteSettings') > 0) this.emit('remoteSettings', this.remoteSettings)
  }

  onSettingsAck() {
    this.touch()
    const pending = this.pendingSettings.shift()
    if (this.listenerCount('localSettings') > 0) this.emit('localSettings', this.localSettings)
    if (pending?.callback === undefined) return
    const [seconds, nanoseconds] = process.hrtime(pending.began)
    pending.callback(null, this.localSettings, seconds * 1e3 + nanoseconds / 1e6)
  }

  onPing(payload) {
    this.touch()
    if (this.listenerCount('ping') > 0) this.emit('ping', payload)
  }

  onPong(payload) {
    const pending = this.pendingPings.shift()
    if (pending === undefined) {
      this.destroy(errors.protocolError('a PING is answered that was not sent'), constants.NGHTTP2_PROTOCOL_ERROR)
      return
    }
    const [seconds, nanoseconds] = process.hrtime(pending.began)
    finishPing(pending, null, seconds * 1e3 + nanoseconds / 1e6, payload)
  }

  onGoaway(code, last, debug) {
    this.goodbye = { code, last }
    this.emit('goaway', code, last, debug.length > 0 ? debug : undefined)
    if (code === NGHTTP2_NO_ERROR) this.close()
    else this.destroy(errors.sessionError(code), NGHTTP2_NO_ERROR)
  }

  /** The peer has broken the protocol, and been told. */
  onFailed(code, why) {
    this.failed = true
    this.tearDown(errors.protocolError(why), code)
  }

  /** The peer has ended its side, or the connection is gone. */
  onLost(error) {
    this.failed = error !== undefined
    if (error === undefined) this.destroy()
    // Who has said that it goes may go in any way.
    else if (this.goodbye?.code === NGHTTP2_NO_ERROR && error.code === 'ECONNRESET')
      this.tearDown(undefined, NGHTTP2_NO_ERROR)
    else this.tearDown(error, NGHTTP2_CANCEL)
  }
}

function publishStream(exchange) {
  const stream = exchange.getStream()
  const headers = fieldsObject(exchange.text)
  channels.created.publish({ stream, headers })
  channels.start.publish({ stream, headers })
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

/** What is over by what was said in this tick. */
let over = []

function closeAll() {
  const all = over
  over = []
  each(all, close)
}

function close(exchange) {
  exchange.close()
}

/** Who reads what nobody wants. */
const nobody = { push: () => true }

module.exports = { ServerHttp2Session }
