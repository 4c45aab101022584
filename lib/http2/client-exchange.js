'use strict'

// What happens on one stream of a client's session: a request goes out, or the server pushes a response, and a response comes in.

const { AsyncResource } = require('node:async_hooks')
const { constants } = require('node:http2')
const { native } = require('../engine.js')
const { client: channels } = require('./channels.js')
const { ClientHttp2Stream } = require('./client-stream.js')
const errors = require('./errors.js')
const { Exchange } = require('./exchange.js')
const { fieldsObject, rawFields } = require('./fields.js')
const { kCloseSoon, kKnownOrigins, kState, kTouch } = require('./symbols.js')

const { NGHTTP2_FLAG_END_HEADERS, NGHTTP2_FLAG_END_STREAM, NGHTTP2_PROTOCOL_ERROR } = constants
const MANUAL = { requireManualDestroy: true }
const CONTINUE = 100
const MISDIRECTED = 421

class ClientExchange extends Exchange {
  constructor(session, request) {
    super(session, undefined, '', request.method, '', false)
    this.request = request
    /** The request ends with its header. */
    this.ends = false
    this.isPush = false
    this.later = undefined
    this.headersSent = true
    // Callbacks run in the async context of the caller of `request()`.
    this.resource = new AsyncResource('HTTP2STREAM', session[kState].resources ?? MANUAL)
    this.stream = new ClientHttp2Stream(this)
    this.reader = this.stream
  }

  /** The connection is there: send the request. */
  begin() {
    const { session, stream, request } = this
    if (this.closed || session.destroyed) return
    if (session.closed) {
      stream.destroy(errors.goawaySession())
      return
    }
    if (request.text === undefined) {
      this.reset(NGHTTP2_PROTOCOL_ERROR)
      return
    }
    if (!this.fits(request.text)) return
    const id = native.http2Request(session[kState].handle.id, request.text, this.ends)
    if (id < 0) {
      stream.destroy(errors.outOfStreams())
      return
    }
    session[kState].unsent.delete(this)
    this.id = id
    this.localEnded = this.ends
    session[kState].exchanges.set(id, this)
    stream.uncork()
    stream.emit('ready')
    this.goOn()
    if (channels.start.hasSubscribers) channels.start.publish({ stream, headers: stream.sentHeaders })
    if (this.doomed) {
      stream.push(null)
      this.resetWhenSent(this.code)
    }
  }

  /** Whether written data has to wait for the request to be sent. `later` is called then. */
  holds(later) {
    if (this.id !== undefined || this.closed) return false
    this.later = later
    return true
  }

  goOn() {
    const { later } = this
    this.later = undefined
    later?.()
  }

  settle(ends) {
    try {
      super.settle(ends)
    } finally {
      this.goOn()
    }
  }

  /** The server pushes a response. Returns the header of the request that it belongs to. */
  push(id, text) {
    const { stream } = this
    const headers = fieldsObject(text)
    this.id = id
    this.isPush = true
    this.text = text
    this.method = headers[':method']
    this.localEnded = true
    this.session[kState].exchanges.set(id, this)
    if (channels.created.hasSubscribers) channels.created.publish({ stream, headers })
    if (channels.start.hasSubscribers) channels.start.publish({ stream, headers })
    stream.end()
    return headers
  }

  tellPush(headers) {
    const { session, stream, text } = this
    session.emit('stream', stream, headers, NGHTTP2_FLAG_END_HEADERS, rawFields(text))
  }

  isCut() {
    return !this.stream.writableEnded
  }

  onSaid() {}

  reset(code) {
    if (this.id !== undefined) return super.reset(code)
    // The peer has not heard of the request.
    if (this.closed) return
    this.code = code
    this.session[kCloseSoon](this)
    this.settle()
  }

  // --- receiving

  onHead(text, ended) {
    this.touch()
    const headers = fieldsObject(text)
    if (headers[':status'] === MISDIRECTED && this.session.encrypted) {
      this.session[kKnownOrigins]().delete(this.request.origin)
    }
    const flags = NGHTTP2_FLAG_END_HEADERS | (ended ? NGHTTP2_FLAG_END_STREAM : 0)
    const { finish } = channels
    if (finish.hasSubscribers) finish.publish({ stream: this.stream, headers, flags })
    this.emit(this.isPush ? 'push' : 'response', headers, flags, rawFields(text))
  }

  onInformational(text) {
    this.touch()
    const headers = fieldsObject(text)
    if (headers[':status'] === CONTINUE) this.emit('continue')
    this.emit('headers', headers, NGHTTP2_FLAG_END_HEADERS, rawFields(text))
  }

  touch() {
    this.session[kTouch]()
    this.stream[kTouch]()
  }

  emit(...args) {
    const { stream, resource } = this
    resource.runInAsyncScope(stream.emit, stream, ...args)
  }
}

ClientExchange.prototype.channels = channels

module.exports = { ClientExchange }
