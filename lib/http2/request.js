'use strict'

// The request of the compatible API. It takes its body from the exchange; a stream stands behind it once somebody asks for one.

const process = require('node:process')
const { http2 } = require('../genuine.js')
const { Readable } = require('node:stream')
const { fieldsObject, rawFields } = require('./fields.js')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { socketOf } = require('./proxy.js')
const { admit } = require('../inherit.js')

const kExchange = Symbol('exchange')
const kFields = Symbol('fields')
const kRaw = Symbol('raw fields')
const kMethod = Symbol('method')
const kUrl = Symbol('url')
const kTrailers = Symbol('trailers')
const kRawTrailers = Symbol('raw trailers')
const kRead = Symbol('was read')
const kClosed = Symbol('closed')
const kAborted = Symbol('aborted')

const READABLE = { autoDestroy: false }

function Http2ServerRequest(exchange) {
  Readable.call(this, READABLE)
  this[kExchange] = exchange
  this[kFields] = undefined
  this[kRaw] = undefined
  this[kMethod] = exchange.method
  this[kUrl] = exchange.path
  this[kTrailers] = undefined
  this[kRawTrailers] = undefined
  this[kRead] = false
  this[kClosed] = false
  this[kAborted] = false
  exchange.req = this
}
Object.setPrototypeOf(Http2ServerRequest.prototype, http2.Http2ServerRequest.prototype)
Object.setPrototypeOf(Http2ServerRequest, http2.Http2ServerRequest)

/** Those of servers that are core's are requests to whoever asks. */
function isInstance(Ours, Genuine) {
  admit(Ours, Genuine)
}
isInstance(Http2ServerRequest, http2.Http2ServerRequest)

const { prototype } = Http2ServerRequest

function define(object, properties) {
  for (const [name, descriptor] of Object.entries(properties)) {
    Object.defineProperty(object, name, { configurable: true, ...descriptor })
  }
}

define(prototype, {
  aborted: {
    get() {
      return this[kAborted]
    },
  },
  complete: {
    get() {
      return this[kAborted] || this.readableEnded || this[kClosed]
    },
  },
  stream: {
    get() {
      return this[kExchange].getStream()
    },
  },
  headers: {
    get() {
      this[kFields] ??= fieldsObject(this[kExchange].text)
      return this[kFields]
    },
  },
  rawHeaders: {
    get() {
      this[kRaw] ??= rawFields(this[kExchange].text)
      return this[kRaw]
    },
  },
  trailers: {
    get() {
      this[kTrailers] ??= {}
      return this[kTrailers]
    },
  },
  rawTrailers: {
    get() {
      this[kRawTrailers] ??= []
      return this[kRawTrailers]
    },
  },
  httpVersionMajor: { get: () => 2 },
  httpVersionMinor: { get: () => 0 },
  httpVersion: { get: () => '2.0' },
  socket: {
    get() {
      return socketOf(this[kExchange])
    },
  },
  connection: {
    get() {
      return this.socket
    },
  },
  method: {
    get() {
      const fields = this[kFields]
      return fields === undefined && this[kMethod] !== undefined ? this[kMethod] : this.headers[':method']
    },
    set(method) {
      if (typeof method !== 'string') throw invalidArgType('method', 'of type string', method)
      if (method.trim() === '') throw invalidArgValue('method', method)
      this.headers[':method'] = method
    },
  },
  authority: {
    get() {
      // What HTTP/1 was says it in `host`.
      return this.headers[':authority'] ?? this.headers.host
    },
  },
  scheme: {
    get() {
      return this.headers[':scheme']
    },
  },
  url: {
    get() {
      const fields = this[kFields]
      return fields === undefined && this[kUrl] !== '' ? this[kUrl] : this.headers[':path']
    },
    set(url) {
      this.headers[':path'] = url
    },
  },
})

prototype._read = function () {
  this[kRead] = true
  const exchange = this[kExchange]
  // Most requests have no body, and nobody asks for it.
  if (exchange.endAfterHeaders) this.push(null)
  else exchange.read(this)
}

prototype.setTimeout = function (msecs, callback) {
  if (!this[kClosed]) this[kExchange].getStream().setTimeout(msecs, callback)
  return this
}

// --- called by the exchange

prototype.isRead = function () {
  return this[kRead] || this.readableFlowing !== null
}

prototype.onTrailers = function (text) {
  Object.assign(this.trailers, fieldsObject(text))
  delete this.trailers[http2.sensitiveHeaders]
  this.rawTrailers.push(...rawFields(text))
}

prototype.onExchangeClosed = function () {
  const { aborted, remoteEnded } = this[kExchange]
  const isNew = !this[kClosed]
  this[kClosed] = true
  if (aborted && isNew) this[kAborted] = true
  try {
    if (aborted && isNew) this.emit('aborted')
  } finally {
    if (!remoteEnded) this.push(null)
    // What nobody has looked at is let go, as core's HTTP/1 does, where there is somebody who would hear of that.
    if (!this[kRead] && this.listenerCount('end') > 0 && !this._readableState.resumeScheduled) this.resume()
    // Whoever reads has all of it first.
    if (this.isRead() && !aborted && this.readable) this.once('end', () => process.nextTick(emitClose, this))
    else this.emit('close')
  }
}

function emitClose(req) {
  req.emit('close')
}

module.exports = { Http2ServerRequest, isInstance, define, kExchange }
