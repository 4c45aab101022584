'use strict'

// The request of the compatibility API. It reads its body from the exchange. Once the program has asked for the stream, it uses that only, as
// Node's class does: what a program does to the stream, or replaces on it, affects the request.

const process = require('node:process')
const { http2 } = require('../genuine.js')
const { Readable } = require('node:stream')
const { fieldsObject, rawFields } = require('./fields.js')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { forgetSocket, socketOf } = require('./proxy.js')
const { passEnd } = require('./stream.js')
const { kExchange, kIsRead, kOnExchangeClosed, kOnTrailers, kRequest, kStandOn } = require('./symbols.js')
const { admit } = require('../inherit.js')

const kFields = Symbol('fields')
const kRaw = Symbol('raw fields')
const kMethod = Symbol('method')
const kUrl = Symbol('url')
const kTrailers = Symbol('trailers')
const kRawTrailers = Symbol('raw trailers')
const kRead = Symbol('was read')
const kClosed = Symbol('closed')
const kAborted = Symbol('aborted')
const kStream = Symbol('stream')

const READABLE = { autoDestroy: false }

/** Takes an exchange; or a stream, as Node's class does and subclasses expect. */
function Http2ServerRequest(exchange, headers, options, rawHeaders) {
  const stream = exchange[kExchange] === undefined ? undefined : exchange
  if (stream !== undefined) exchange = stream[kExchange]
  Readable.call(this, options === undefined ? READABLE : { ...READABLE, ...options })
  this[kExchange] = exchange
  this[kStream] = undefined
  this[kFields] = headers
  this[kRaw] = rawHeaders
  this[kMethod] = exchange.method
  this[kUrl] = exchange.path
  this[kTrailers] = undefined
  this[kRawTrailers] = undefined
  this[kRead] = false
  this[kClosed] = false
  this[kAborted] = false
  if (stream === undefined) exchange.req = this
  else this[kStandOn](stream)
}
Object.setPrototypeOf(Http2ServerRequest.prototype, http2.Http2ServerRequest.prototype)
Object.setPrototypeOf(Http2ServerRequest, http2.Http2ServerRequest)

/** Makes `instanceof` accept the objects of Node's own servers, too. */
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
      return this[kAborted] || this.readableEnded || this[kClosed] || this[kStream]?.destroyed === true
    },
  },
  stream: {
    get() {
      return this[kStream] ?? this[kExchange].getStream()
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
      // A request that was translated from HTTP/1 may have `host` instead.
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
  const stream = this[kStream]
  const exchange = this[kExchange]
  const isNew = !this[kRead]
  this[kRead] = true
  // Most requests have no body, and no program reads it.
  if (exchange.endAfterHeaders) this.push(null)
  else if (stream === undefined) exchange.read(this)
  else if (isNew) stream.on('data', onData)
  else process.nextTick(resume, stream)
}

prototype.setTimeout = function (msecs, callback) {
  if (!this[kClosed]) this[kExchange].getStream().setTimeout(msecs, callback)
  return this
}

// --- with a stream object

/** Reads everything from this stream from now on. */
prototype[kStandOn] = function (stream) {
  this[kStream] = stream
  stream[kRequest] = this
  forgetSocket(stream)
  // The compatibility API does not forward errors.
  stream.on('error', ignore)
  stream.on('aborted', onAborted)
  stream.on('close', onClose)
  stream.on('timeout', onTimeout)
  if (this[kExchange].endAfterHeaders) return
  stream.on('trailers', onTrailers)
  stream.on('end', onEnd)
  this.on('pause', onPause)
  this.on('resume', onResume)
  // The program has started to read.
  if (this[kRead]) stream.on('data', onData)
}

function onData(chunk) {
  if (this[kRequest]?.push(chunk) === false) this.pause()
}

function onTrailers(trailers, _flags, raw) {
  const req = this[kRequest]
  if (req === undefined) return
  Object.assign(req.trailers, trailers)
  delete req.trailers[http2.sensitiveHeaders]
  req.rawTrailers.push(...raw)
}

function onEnd() {
  this[kRequest]?.push(null)
}

function ignore() {}

function onAborted() {
  const req = this[kRequest]
  if (req === undefined || req[kClosed]) return
  req[kAborted] = true
  req.emit('aborted')
}

function onTimeout() {
  this[kRequest].emit('timeout')
}

function onClose() {
  const req = this[kRequest]
  if (req === undefined) return
  req[kClosed] = true
  // Discard a body that the program has not read, as Node does for HTTP/1.
  if (!passEnd(req)) {
    req.push(null)
    if (!req[kRead] && !req._readableState.resumeScheduled) req.resume()
  }
  forgetSocket(this)
  this[kRequest] = undefined
  req.emit('close')
}

function onPause() {
  this[kStream].pause()
}

function onResume() {
  this[kStream].resume()
}

function resume(stream) {
  stream.resume()
}

// --- called by the exchange, as long as there is no stream object

prototype[kIsRead] = function () {
  return this[kRead] || this.readableFlowing !== null
}

prototype[kOnTrailers] = function (text) {
  Object.assign(this.trailers, fieldsObject(text))
  delete this.trailers[http2.sensitiveHeaders]
  this.rawTrailers.push(...rawFields(text))
}

prototype[kOnExchangeClosed] = function () {
  const { aborted, remoteEnded } = this[kExchange]
  const isNew = !this[kClosed]
  this[kClosed] = true
  if (aborted && isNew) this[kAborted] = true
  try {
    if (aborted && isNew) this.emit('aborted')
  } finally {
    if (!remoteEnded) this.push(null)
    // Discard a body that the program has not read, as Node does for HTTP/1, if there is a listener for the end.
    if (!this[kRead] && this.listenerCount('end') > 0 && !this._readableState.resumeScheduled) this.resume()
    // A program that reads gets the whole body before 'close'.
    if (this[kIsRead]() && !aborted && this.readable) this.once('end', () => process.nextTick(emitClose, this))
    else {
      passEnd(this)
      this.emit('close')
    }
  }
}

function emitClose(req) {
  req.emit('close')
}

module.exports = { Http2ServerRequest, isInstance, define }
