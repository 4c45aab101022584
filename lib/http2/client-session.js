'use strict'

// The session of a client.

const { Duplex } = require('node:stream')
const process = require('node:process')
const { constants } = require('node:http2')
const { deprecate } = require('node:util')
const { native } = require('../engine.js')
const { http2 } = require('../genuine.js')
const { invalidArgType } = require('../errors.js')
const { client: channels } = require('./channels.js')
const { ClientExchange } = require('./client-exchange.js')
const { each } = require('./each.js')
const errors = require('./errors.js')
const { requestOf } = require('./request-fields.js')
const { Http2Session } = require('./session.js')
const { CLIENT_DEFAULTS } = require('./settings.js')
const {
  kAwaitTrailers,
  kBind,
  kCancelUnsent,
  kCodeFor,
  kForget,
  kHasStreams,
  kHeed,
  kIsClient,
  kKnownOrigins,
  kOnAlternative,
  kOnExtension,
  kOnHead,
  kOnInformational,
  kOnLost,
  kOnOrigins,
  kOnPush,
  kState,
  kTearDown,
  kTouch,
} = require('./symbols.js')
const { taking } = require('./taking.js')

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = constants
const ALTSVC = 0x0a
const ORIGIN = 0x0c
/** Methods whose requests have no body unless the program says otherwise. */
const BODILESS = new Set(['DELETE', 'GET', 'HEAD'])

class ClientHttp2Session extends taking(Http2Session) {
  constructor(options, socket, { authority, protocol, maxOrigins }) {
    super(constants.NGHTTP2_SESSION_CLIENT, options, CLIENT_DEFAULTS)
    this[kState].authority = authority
    this[kState].scheme = protocol.slice(0, -1)
    this[kState].maxOrigins = maxOrigins
    /** Exchanges whose requests wait for the connection. */
    this[kState].unsent = new Set()
    this[kBind](socket)
  }

  setNextStreamID(id) {
    if (this.destroyed) throw errors.invalidSession()
    if (typeof id !== 'number') throw invalidArgType('id', 'of type number', id)
    if (!(id > 0 && id <= 2 ** 32 - 1)) throw errors.streamId(id)
    if (this.connecting) this.once('connect', () => this.setNextStreamID(id))
    else native.http2Next(this[kState].handle.id, id)
  }

  request(headers, given) {
    if ((this.destroyed || this.closed) && throwsWhenClosed()) {
      throw this.destroyed ? errors.invalidSession() : errors.goawaySession()
    }
    this[kTouch]()
    const request = requestOf(headers, this)
    const options = checkOptions(given)
    const ends = options.endStream ?? BODILESS.has(request.method)
    const exchange = new ClientExchange(this, request)
    const { stream } = exchange
    exchange.ends = ends
    if (ends) stream.end()
    if (options.waitForTrailers) stream[kAwaitTrailers]()
    if (options.signal) stream[kHeed](options.signal)
    if (this.destroyed || this.closed) {
      const error = this.destroyed ? errors.invalidSession() : errors.goawaySession()
      process.nextTick(() => stream.destroy(error))
    } else if (this.connecting) {
      if (this[kState].unsent.size === 0) this.once('connect', () => each([...this[kState].unsent], send))
      this[kState].unsent.add(exchange)
      if (!ends) stream.cork()
    } else exchange.begin()
    if (channels.created.hasSubscribers) channels.created.publish({ stream, headers: stream.sentHeaders })
    return stream
  }

  [kHasStreams]() {
    return this[kState].exchanges.size > 0 || this[kState].unsent.size > 0
  }

  [kForget](exchange) {
    this[kState].unsent.delete(exchange)
    super[kForget](exchange)
  }

  [kCodeFor](_exchange, code) {
    return this[kState].goodbye?.code || (this[kState].lost ? NGHTTP2_CANCEL : code)
  }

  [kOnLost](error) {
    this[kState].lost = error === undefined || this.connecting
    if (error === undefined || !this.connecting) super[kOnLost](error)
    else this[kTearDown](error, NGHTTP2_INTERNAL_ERROR)
  }

  [kCancelUnsent](error) {
    each([...this[kState].unsent], ({ stream }) => stream.destroy(errors.streamCancel(error)))
  }

  // --- called with the events that Rust reports

  [kOnHead](stream, text, _method, _path, ended) {
    this[kState].exchanges.get(stream)?.onHead(text, ended)
  }

  [kOnInformational](stream, text) {
    this[kState].exchanges.get(stream)?.onInformational(text)
  }

  [kOnPush](id, text) {
    this[kTouch]()
    // No listener would read the pushed stream.
    if (this.listenerCount('stream') === 0) return native.http2Reset(this[kState].handle.id, id, NGHTTP2_REFUSED_STREAM)
    const exchange = new ClientExchange(this, {})
    process.nextTick(tellPush, exchange, exchange.push(id, text))
  }

  /** ALTSVC and ORIGIN frames, which a server sends on its own. Malformed ones are ignored (RFC 7838, 4; RFC 8336, 2.1). */
  [kOnExtension](kind, stream, payload) {
    this[kTouch]()
    if (kind === ALTSVC) this[kOnAlternative](stream, payload)
    else if (kind === ORIGIN && stream === 0) this[kOnOrigins](payload)
  }

  [kOnAlternative](stream, payload) {
    if (payload.length < 2) return
    const length = payload.readUInt16BE()
    if (payload.length < 2 + length || (stream === 0) !== length > 0) return
    if (stream !== 0 && !this[kState].exchanges.has(stream)) return
    const text = payload.latin1Slice(2)
    this.emit('altsvc', text.slice(length), text.slice(0, length), stream)
  }

  [kOnOrigins](payload) {
    if (!this.encrypted) return
    const origins = []
    for (let at = 0; at + 2 <= payload.length; ) {
      const end = at + 2 + payload.readUInt16BE(at)
      if (end > payload.length) return
      origins.push(payload.latin1Slice(at + 2, end))
      at = end
    }
    const known = this[kKnownOrigins]()
    for (const origin of origins) {
      if (known.size >= this[kState].maxOrigins) {
        this.destroy(errors.tooManyOrigins(this[kState].maxOrigins))
        return
      }
      known.add(origin)
    }
    this.emit('origin', origins)
  }
}

function tellPush(exchange, headers) {
  exchange.tellPush(headers)
}

function send(exchange) {
  exchange.resource.runInAsyncScope(exchange.begin, exchange)
}

function checkOptions(options) {
  if (options === undefined) return {}
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw invalidArgType('options', 'of type object', options)
  }
  const { endStream, exclusive, parent, silent, signal } = options
  if ('weight' in options) warnOfWeight()
  if (parent !== undefined && typeof parent !== 'number')
    throw invalidArgType('options.parent', 'of type number', parent)
  for (const [name, value] of Object.entries({ exclusive, silent, endStream })) {
    if (value !== undefined && typeof value !== 'boolean')
      throw invalidArgType(`options.${name}`, 'of type boolean', value)
  }
  if (signal && (typeof signal !== 'object' || !('aborted' in signal))) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal)
  }
  return options
}

const silent = () => {}
/** Node warns since version 24. */
const warnOfWeight =
  Number.parseInt(process.versions.node, 10) < 24
    ? silent
    : deprecate(silent, 'Priority signaling has been deprecated as of RFC 9113.', 'DEP0194')

let throwing

/** Whether `request()` on a closed session throws, as in older Nodes, or gives its stream the error. One of Node's own sessions is asked. */
function throwsWhenClosed() {
  if (throwing !== undefined) return throwing
  const session = http2.connect('http://localhost', { createConnection: () => new Duplex({ read() {}, write() {} }) })
  session.on('error', () => {})
  session.destroy()
  try {
    session.request().on('error', () => {})
    throwing = false
  } catch {
    throwing = true
  }
  return throwing
}

ClientHttp2Session.prototype[kIsClient] = true

module.exports = { ClientHttp2Session }
