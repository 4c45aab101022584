'use strict'

// The session of a server.

const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const { constants } = require('node:http2')
const { URL } = require('node:url')
const { native } = require('../engine.js')
const core = require('../core.js')
const { now } = require('../http/batch.js')
const { invalidArgType, outOfRange } = require('../errors.js')
const { server: channels } = require('./channels.js')
const errors = require('./errors.js')
const { ServerExchange } = require('./server-exchange.js')
const { fieldsObject, rawFields } = require('./fields.js')
const { Http2ServerRequest } = require('./request.js')
const { Http2ServerResponse } = require('./response.js')
const { ServerHttp2Stream } = require('./server-stream.js')
const { answer } = require('./serving.js')
const { Http2Session } = require('./session.js')
const {
  kAttach,
  kBegin,
  kForget,
  kHasJustSpoken,
  kIsDirect,
  kLeave,
  kMakeStream,
  kOnHead,
  kPush,
  kRefuse,
  kServe,
  kSessions,
  kState,
  kTouch,
} = require('./symbols.js')
const { DEFAULTS } = require('./settings.js')

const { NGHTTP2_SESSION_SERVER, NGHTTP2_REFUSED_STREAM } = constants
/** In milliseconds. The peer is taken to have read what was sent longer ago than this. */
const JUST = 1000
const ALTSVC = 0x0a
const ORIGIN = 0x0c
const MAX_EXTENSION = 16_382
/** The characters that an ALTSVC value may contain. */
const QUOTABLE = /^[\t\x20-\x5b\x5d-\x7e\x80-\xff]*$/

class ServerHttp2Session extends Http2Session {
  /** `server` is undefined for a session from `performServerHandshake()`. */
  constructor(server, options) {
    super(NGHTTP2_SESSION_SERVER, options, DEFAULTS)
    this[kState].server = server
    /** When the last exchange ended; kept for TLS connections only. */
    this[kState].lastAt = undefined
    if (server !== undefined) this.on('stream', sessionOnStream)
  }

  get server() {
    return this[kState].server
  }

  [kAttach](handle) {
    const { options, server } = this[kState]
    const status = super[kAttach](handle)
    if (Array.isArray(options.origins)) this.origin(...options.origins)
    if (server?.timeout > 0) {
      this.setTimeout(server.timeout, () => {
        if (!this.destroyed && !server.emit('timeout', this)) this.destroy()
      })
    }
    return status
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
    native.http2Extension(this[kState].handle.id, ALTSVC, stream, text, text.length)
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
    native.http2Extension(this[kState].handle.id, ORIGIN, 0, all, all.length)
  }

  [kMakeStream](exchange) {
    return new ServerHttp2Stream(exchange)
  }

  [kForget](exchange) {
    if (this.encrypted) this[kState].lastAt = now()
    super[kForget](exchange)
  }

  /** Whether the peer may not have read everything yet. */
  [kHasJustSpoken]() {
    // The clock counts modulo 2^32.
    return this[kState].lastAt !== undefined && ((now() - this[kState].lastAt) | 0) < JUST
  }

  [kLeave](error) {
    this.server?.[kSessions].delete(this)
    super[kLeave](error)
  }

  // --- called with the events that Rust reports

  [kOnHead](id, text, method, path, ended) {
    const exchange = new ServerExchange(this, id, text, method, path, ended)
    this[kState].exchanges.set(id, exchange)
    this[kTouch]()
    const resource = new AsyncResource('HTTP2STREAM', this[kState].resources)
    exchange.resource = resource
    resource.runInAsyncScope(this[kBegin], this, exchange)
  }

  [kBegin](exchange) {
    const { created, finish, start } = channels
    if (created.hasSubscribers || start.hasSubscribers || finish.hasSubscribers) publishStream(exchange)
    const { server } = this
    const { stream: listeners } = this._events
    const isServers = listeners === sessionOnStream && this.emit === core.own.emit
    if (isServers && exchange.stream === undefined && server[kIsDirect]) return this[kServe](exchange)
    if (
      listeners === undefined ||
      (isServers && server.emit === core.own.emit && server.listenerCount('stream') === 0)
    ) {
      this[kRefuse](exchange)
      return
    }
    const stream = exchange.getStream()
    const flags =
      constants.NGHTTP2_FLAG_END_HEADERS | (exchange.endAfterHeaders ? constants.NGHTTP2_FLAG_END_STREAM : 0)
    this.emit('stream', stream, fieldsObject(exchange.text), flags, rawFields(exchange.text))
  }

  /** No listener takes the stream. */
  [kRefuse](exchange) {
    exchange.reader = nobody
    exchange.reset(NGHTTP2_REFUSED_STREAM)
  }

  [kServe](exchange) {
    const { server } = this
    const { method, text } = exchange
    const req = new Http2ServerRequest(exchange)
    const res = new Http2ServerResponse(exchange)
    answer(server, req, res, method, text.includes('expect\0') ? req.headers.expect : undefined)
  }

  /** Makes the exchange of a pushed response; `undefined` if the client does not accept it. */
  [kPush](parent, text, method, path) {
    const id = native.http2Push(this[kState].handle.id, parent.id, text)
    if (id < 0) return undefined
    const exchange = new ServerExchange(this, id, text, method, path, true)
    this[kState].exchanges.set(id, exchange)
    exchange.resource = new AsyncResource('HTTP2STREAM', this[kState].resources)
    return exchange
  }
}

/** Passes the streams of a session on to its server. */
function sessionOnStream(...args) {
  this.server.emit('stream', ...args)
}

function publishStream(exchange) {
  const stream = exchange.getStream()
  const headers = fieldsObject(exchange.text)
  channels.created.publish({ stream, headers })
  channels.start.publish({ stream, headers })
}

/** Reads and drops a body that no program wants. */
const nobody = { push: () => true }

module.exports = { ServerHttp2Session }
