'use strict'

// The response of the compatibility API. It sends through the exchange; once the program has asked for the stream, it sends through that only.

const { http2 } = require('../genuine.js')
const process = require('node:process')
const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const { constants } = require('node:http2')
const { Stream, Writable } = require('node:stream')
const { isArrayBufferView, isUint8Array } = require('node:util/types')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { each } = require('./each.js')
const { server: channels } = require('./channels.js')
const errors = require('./errors.js')
const { fieldsText, lower, STATUS, TOKEN } = require('./fields.js')
const { define, isInstance } = require('./request.js')
const { forgetSocket, socketOf } = require('./proxy.js')
const { ServerHttp2Stream } = require('./server-stream.js')
const { kExchange, kOnExchangeClosed, kRecall, kRequest, kResponse, kSaidSoFar, kStandOn } = require('./symbols.js')

const kHeaders = Symbol('headers')
const kTrailers = Symbol('trailers')
const kStatus = Symbol('status')
const kDate = Symbol('send date')
const kEnding = Symbol('ending')
const kClosed = Symbol('closed')
const kNeedDrain = Symbol('need drain')
const kCorked = Symbol('corked')
const kQueued = Symbol('queued')
const kFinished = Symbol('finished')
const kCallbacks = Symbol('callbacks')
const kChunks = Symbol('chunks')
const kDestroyed = Symbol('destroyed')
const kStream = Symbol('stream')
const kInformation = Symbol('information')

const { HTTP2_HEADER_STATUS } = constants
const HIGH_WATER_MARK = new Writable().writableHighWaterMark

/** Takes an exchange; or a stream, as Node's class does and subclasses expect. */
function Http2ServerResponse(exchange, options) {
  const stream = exchange[kExchange] === undefined ? undefined : exchange
  if (stream !== undefined) exchange = stream[kExchange]
  Stream.call(this, options)
  this[kExchange] = exchange
  this[kStream] = undefined
  this[kHeaders] = undefined
  this[kTrailers] = undefined
  this[kStatus] = 200
  this[kDate] = true
  this[kEnding] = false
  this[kClosed] = false
  this[kNeedDrain] = false
  this[kCorked] = 0
  this[kQueued] = 0
  this[kFinished] = false
  this[kCallbacks] = undefined
  this[kChunks] = undefined
  this[kDestroyed] = false
  this.writable = true
  if (stream === undefined) {
    this.req = exchange.req
    exchange.res = this
  } else {
    this.req = stream[kRequest]
    this[kStandOn](stream)
  }
}
Object.setPrototypeOf(Http2ServerResponse.prototype, http2.Http2ServerResponse.prototype)
Object.setPrototypeOf(Http2ServerResponse, http2.Http2ServerResponse)
isInstance(Http2ServerResponse, http2.Http2ServerResponse)

const { prototype } = Http2ServerResponse

/** Node's pattern for a `link` field. */
const LINK = /^(?:<[^>]*>)(?:\s*;\s*[^;"\s]+(?:=(")?[^;"\s]*\1)?)*$/
const LINK_REASON = 'must be an array or string of format "</styles.css>; rel=preload; as=style"'

let messageWarned = false
let connectionWarned = false

function warnOfMessage() {
  if (messageWarned) return
  messageWarned = true
  process.emitWarning('Status message is not supported by HTTP/2 (RFC7540 8.1.2.4)', 'UnsupportedWarning')
}

function warnOfConnection() {
  if (connectionWarned) return
  connectionWarned = true
  const what =
    'The provided connection header is not valid, the value will be dropped from the header and will never be in use.'
  process.emitWarning(what, 'UnsupportedWarning')
}

define(prototype, {
  _header: {
    get() {
      return this.headersSent
    },
  },
  writableEnded: {
    get() {
      return this[kEnding]
    },
  },
  finished: {
    get() {
      return this[kEnding]
    },
  },
  socket: {
    get() {
      return this[kClosed] ? undefined : socketOf(this[kExchange])
    },
  },
  connection: {
    get() {
      return this.socket
    },
  },
  stream: {
    get() {
      return this[kStream] ?? this[kExchange].getStream()
    },
  },
  headersSent: {
    get() {
      return this[kExchange].headersSent
    },
  },
  sendDate: {
    get() {
      return this[kDate]
    },
    set(value) {
      this[kDate] = Boolean(value)
    },
  },
  statusCode: {
    get() {
      return this[kStatus]
    },
    set(code) {
      code |= 0
      if (code >= 100 && code < 200) throw errors.infoStatus()
      if (code < 100 || code > 599) throw errors.invalidStatus(code)
      this[kStatus] = code
    },
  },
  statusMessage: {
    get() {
      warnOfMessage()
      return ''
    },
    set() {
      warnOfMessage()
    },
  },
  writableCorked: {
    get() {
      return this[kStream]?.writableCorked ?? this[kCorked]
    },
  },
  writableHighWaterMark: { get: () => HIGH_WATER_MARK },
  writableObjectMode: { get: () => false },
  writableNeedDrain: {
    get() {
      return this[kStream]?.writableNeedDrain ?? (this[kNeedDrain] && !this[kEnding])
    },
  },
  writableFinished: {
    get() {
      return this[kStream]?.writableFinished ?? this[kFinished]
    },
  },
  writableLength: {
    get() {
      if (this[kStream] !== undefined) return this[kStream].writableLength
      const corked = this[kChunks] ?? []
      return corked.reduce((sum, { bytes }) => sum + bytes.length, this[kQueued])
    },
  },
})

function checkName(name) {
  if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
  return lower(name.trim())
}

const PSEUDO = new Set([':status', ':method', ':path', ':authority', ':scheme'])

/** Checks a field. Returns false if it must not be sent, which is the case for `connection`. */
function checkField(name, value) {
  if (name === '' || name.includes(' ')) throw errors.invalidToken('Header name', name)
  if (PSEUDO.has(name)) throw errors.pseudoNotAllowed()
  if (value === undefined || value === null) throw errors.invalidHeaderValue(value, name)
  const dropped = name === 'connection' && value !== 'trailers'
  if (dropped) warnOfConnection()
  return !dropped
}

function set(res, given, value) {
  const name = checkName(given)
  if (!checkField(name, value)) return
  if (name[0] === ':') throw errors.invalidPseudo(name)
  if (!TOKEN.test(name)) {
    res.destroy(errors.invalidToken('Header name', name))
    return
  }
  res[kHeaders] ??= Object.create(null)
  res[kHeaders][name] = value
}

prototype.setTrailer = function (given, value) {
  const name = checkName(given)
  checkField(name, value)
  this[kTrailers] ??= Object.create(null)
  this[kTrailers][name] = value
}

prototype.addTrailers = function (headers) {
  for (const name of Object.keys(headers)) this.setTrailer(name, headers[name])
}

/** The fields that were set so far. */
function fieldsOf(res) {
  return res.headersSent ? sentHeaders(res) : res[kHeaders]
}

prototype.getHeader = function (name) {
  const key = checkName(name)
  return fieldsOf(this)?.[key]
}

prototype.getHeaderNames = function () {
  return Object.keys(fieldsOf(this) ?? {})
}

prototype.getHeaders = function () {
  return Object.assign(Object.create(null), fieldsOf(this))
}

prototype.hasHeader = function (given) {
  const name = checkName(given)
  const fields = fieldsOf(this)
  return fields !== undefined && Object.hasOwn(fields, name)
}

prototype.removeHeader = function (given) {
  const name = checkName(given)
  if (this.headersSent) throw errors.headersSent()
  if (name === 'date') this[kDate] = false
  if (this[kHeaders] !== undefined) delete this[kHeaders][name]
}

prototype.setHeader = function (name, value) {
  if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
  if (this.headersSent) throw errors.headersSent()
  set(this, name, value)
}

prototype.appendHeader = function (given, value) {
  const name = checkName(given)
  if (this.headersSent) throw errors.headersSent()
  const before = this[kHeaders]?.[name]
  if (!before) return set(this, name, value)
  if (!checkField(name, value)) return
  this[kHeaders][name] = [].concat(before, value)
}

prototype.flushHeaders = function () {
  if (!this[kClosed] && !this.headersSent) this.writeHead(this[kStatus])
}

prototype.writeHead = function (statusCode, statusMessage, headers) {
  const exchange = this[kExchange]
  if (this[kClosed] || exchange.closed) return this
  if (exchange.headersSent) throw errors.headersSent()
  giveHead(this, statusCode, statusMessage, headers)
  if (this[kStream] === undefined) begin(this, undefined, '', false)
  else respond(this)
  return this
}

/** Sends the header through the stream. */
function respond(res) {
  const headers = sentHeaders(res)
  res[kStream].respond(headers, { endStream: res[kEnding], waitForTrailers: true, sendDate: res[kDate] })
}

/** The fields for the stream. Like in Node, the status becomes one of them when they are sent. */
function sentHeaders(res) {
  res[kHeaders] ??= Object.create(null)
  res[kHeaders][HTTP2_HEADER_STATUS] = res[kStatus]
  return res[kHeaders]
}

function giveHead(res, statusCode, statusMessage, headers) {
  if (typeof statusMessage === 'string') warnOfMessage()
  if (headers === undefined && typeof statusMessage === 'object') headers = statusMessage
  if (Array.isArray(headers)) {
    if (headers.length % 2 === 1 && !Array.isArray(headers[0])) {
      throw invalidArgValue('headers', headers)
    }
    const list = Array.isArray(headers[0]) ? headers : [...pairs(headers)]
    // These fields replace those that were set before, but a name may occur several times among them.
    for (const [name] of list) res.removeHeader(name)
    for (const [name, value] of list) res.appendHeader(name, value)
  } else if (headers !== null && typeof headers === 'object') {
    for (const name of Object.keys(headers)) set(res, name, headers[name])
  }
  // As in Node, a status of 0 or none means 200.
  statusCode = statusCode | 0 || 200
  if (statusCode < 200 || statusCode > 599) throw errors.invalidStatus(statusCode)
  res[kStatus] = statusCode
}

function* pairs(list) {
  for (let at = 0; at < list.length; at += 2) yield [list[at], list[at + 1]]
}

/** Sends the header, followed by `body`. Returns whether everything has been put into frames. */
function begin(res, body, encoding, ends) {
  const exchange = res[kExchange]
  const headers = res[kHeaders]
  const status = res[kStatus]
  const bodiless = status === 204 || status === 205 || status === 304 || exchange.method === 'HEAD' || exchange.bodiless
  let text = ''
  let date = res[kDate]
  if (headers !== undefined) {
    text = fieldsText(headers)
    if (headers.date !== undefined) date = false
  }
  if (bodiless) return exchange.respond(status, text, date, undefined, '', true)
  return exchange.respond(status, text, date, body, encoding, ends)
}

prototype.cork = function () {
  if (this[kStream] === undefined) this[kCorked]++
  else this[kStream].cork()
}

prototype.uncork = function () {
  if (this[kStream] !== undefined) return this[kStream].uncork()
  if (this[kCorked] === 0) return
  this[kCorked]--
  if (this[kCorked] === 0) flush(this)
}

/** Sends everything that was written while corked in one piece. */
function flush(res) {
  const chunks = res[kChunks]
  if (chunks === undefined) return
  res[kChunks] = undefined
  const callbacks = chunks.map(({ callback }) => callback).filter((callback) => typeof callback === 'function')
  res.write(Buffer.concat(chunks.map(({ bytes }) => bytes)), '', () => each(callbacks, (tell) => tell(null)))
}

function bytesOf(chunk, encoding) {
  if (typeof chunk === 'string') {
    // Rust encodes these two itself.
    const plain =
      !encoding || encoding === 'utf8' || encoding === 'utf-8' || encoding === 'latin1' || encoding === 'binary'
    if (plain) return chunk
    if (!Buffer.isEncoding(encoding)) throw errors.unknownEncoding(encoding)
    return Buffer.from(chunk, encoding)
  }
  if (isUint8Array(chunk)) return chunk
  if (isArrayBufferView(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  if (chunk === null) throw errors.nullValues()
  throw invalidArgType('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk)
}

prototype.write = function (chunk, encoding, callback) {
  if (typeof encoding === 'function') {
    callback = encoding
    encoding = 'utf8'
  }
  const exchange = this[kExchange]
  let error
  if (this[kEnding]) error = errors.writeAfterEnd()
  else if (this[kDestroyed] && !this[kClosed]) return false
  else if (this[kClosed] || exchange.closed) error = errors.invalidStream()
  if (error !== undefined) {
    if (typeof callback === 'function') process.nextTick(callback, error)
    this.destroy(error)
    return false
  }
  if (this[kStream] !== undefined) {
    if (!exchange.headersSent) this.writeHead(this[kStatus])
    return this[kStream].write(chunk, encoding, callback)
  }
  const body = bytesOf(chunk, encoding)
  if (this[kCorked] > 0) {
    this[kChunks] ??= []
    this[kChunks].push({ bytes: typeof body === 'string' ? Buffer.from(body, encoding) : Buffer.from(body), callback })
    return true
  }
  callWriteHead(this)
  const { headersSent } = exchange
  if (headersSent && exchange.localEnded) {
    // The response has no body, so the chunk is dropped.
    if (typeof callback === 'function') process.nextTick(callback, null)
    return true
  }
  const all = headersSent ? exchange.write(body, encoding, false) : begin(this, body, encoding, false)
  if (all) {
    if (typeof callback === 'function') process.nextTick(callback, null)
    return true
  }
  wait(this, body.length, callback)
  if (this[kQueued] < HIGH_WATER_MARK) return true
  this[kNeedDrain] = true
  return false
}

/** Calls `writeHead()` if a program has replaced it, which is how middleware sets headers at the last moment. Node's response calls it, too. */
function callWriteHead(res) {
  if (res.writeHead !== writeHead && !res.headersSent) res.writeHead(res[kStatus])
}

function wait(res, length, callback) {
  res[kQueued] += length
  if (typeof callback === 'function') addCallback(res, AsyncResource.bind(callback))
  res[kExchange].wait((error) => drained(res, error))
}

/** Adds a callback for when everything written so far has been put into frames, or for the error that prevents it. */
function addCallback(res, callback) {
  res[kCallbacks] ??= []
  res[kCallbacks].push(callback)
}

function drained(res, error = null) {
  res[kQueued] = 0
  const callbacks = res[kCallbacks] ?? []
  res[kCallbacks] = undefined
  if (res[kNeedDrain]) {
    res[kNeedDrain] = false
    if (!res[kEnding] && error === null) callbacks.push(() => res.emit('drain'))
  }
  each(callbacks, (callback) => callback(error))
}

prototype.end = function (chunk, encoding, callback) {
  if (typeof chunk === 'function') {
    callback = chunk
    chunk = null
  } else if (typeof encoding === 'function') {
    callback = encoding
    encoding = 'utf8'
  }
  const exchange = this[kExchange]
  if ((this[kClosed] || this[kEnding] || exchange.closed) && typeof callback === 'function') {
    // As in Node: call it with 'finish', or at once if that has been emitted.
    if (this[kFinished] || exchange.closed) process.nextTick(callback)
    else this.once('finish', callback)
  }
  if (this[kClosed] || this[kEnding] || exchange.closed) return this
  let body = chunk === null || chunk === undefined ? undefined : bytesOf(chunk, encoding)
  if (body !== undefined && this.write !== write) {
    // A program has replaced `write()`: call that, as with `writeHead()`.
    this.write(chunk, encoding)
    body = undefined
  }
  if (this[kStream] !== undefined && !isQuiet(this[kStream])) {
    endStream(this, body === undefined ? undefined : chunk, encoding, callback)
    return this
  }
  this[kCorked] = 0
  flush(this)
  this[kEnding] = true
  callWriteHead(this)
  if (typeof callback === 'function') addCallback(this, AsyncResource.bind(whenSent(callback)))
  if (!sendEnd(this, body, encoding)) wait(this, body?.length ?? 0)
  else if (this[kCallbacks] !== undefined) process.nextTick(drained, this)
  this[kStream]?.[kRecall](this)
  return this
}

/** Whether the response may end without the stream object: no program would notice, and the stream has nothing to send before. */
function isQuiet(stream) {
  return (
    !channels.finish.hasSubscribers &&
    stream.end === own.end &&
    stream.write === own.write &&
    stream.respond === own.respond &&
    stream.sendTrailers === own.sendTrailers &&
    stream.writableLength === 0 &&
    stream.writableCorked === 0 &&
    stream.listenerCount('wantTrailers') === 1
  )
}

function endStream(res, chunk, encoding, callback) {
  const stream = res[kStream]
  if (chunk !== null && chunk !== undefined) res.write(chunk, encoding)
  res[kEnding] = true
  if (typeof callback === 'function') {
    if (stream.writableEnded) res.once('finish', callback)
    else stream.once('finish', callback)
  }
  if (!stream.headersSent) res.writeHead(res[kStatus])
  if (res[kClosed] || stream.destroyed) onClose.call(stream)
  else stream.end()
}

/** The callback of `end()` is not called with errors. */
function whenSent(callback) {
  return (error) => {
    if (error === null) callback()
  }
}

/** Sends the rest of a response, and ends it. Returns whether everything has been put into frames. */
function sendEnd(res, body, encoding) {
  const exchange = res[kExchange]
  const trailers = res[kTrailers]
  if (trailers === undefined) {
    if (!exchange.headersSent) return begin(res, body?.length > 0 ? body : undefined, encoding, true)
    return exchange.localEnded || exchange.write(body, encoding, true)
  }
  if (!exchange.headersSent) begin(res, body, encoding, false)
  else if (body !== undefined) exchange.write(body, encoding, false)
  return exchange.localEnded || exchange.sendTrailers(fieldsText(trailers))
}

prototype.destroy = function (error) {
  if (this[kDestroyed]) return
  this[kDestroyed] = true
  if (!this[kClosed]) this[kExchange].getStream().destroy(error)
}

prototype.setTimeout = function (msecs, callback) {
  if (!this[kClosed]) this[kExchange].getStream().setTimeout(msecs, callback)
}

prototype.createPushResponse = function (headers, callback) {
  if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
  if (this[kClosed]) {
    process.nextTick(callback, errors.invalidStream())
    return
  }
  this.stream.pushStream(headers, {}, (error, stream) => {
    if (error) callback(error)
    else callback(null, new Http2ServerResponse(stream))
  })
}

prototype.writeContinue = function () {
  return this.writeInformation(100)
}

prototype.writeInformation = function (status, headers) {
  if (typeof status !== 'number' || status < 100 || status > 199 || status === 101) throw errors.invalidStatus(status)
  const exchange = this[kExchange]
  if (this[kClosed] || exchange.closed || exchange.headersSent) return false
  if (headers !== undefined && headers !== null && (typeof headers !== 'object' || Array.isArray(headers))) {
    throw invalidArgType('headers', 'of type object', headers)
  }
  const all = Object.assign(Object.create(null), headers)
  all[HTTP2_HEADER_STATUS] = status
  if (this[kStream] !== undefined) {
    this[kStream].additionalHeaders(all)
    return true
  }
  const sent = exchange.inform(status, fieldsText(all, STATUS))
  if (sent) {
    this[kInformation] ??= []
    this[kInformation].push(all)
  }
  return sent
}

prototype.writeEarlyHints = function (hints) {
  if (hints === null || typeof hints !== 'object' || Array.isArray(hints)) {
    throw invalidArgType('hints', 'of type object', hints)
  }
  const { link, ...given } = hints
  const links = Array.isArray(link) ? link : [link]
  for (const one of links) {
    if (typeof one !== 'string' || !LINK.test(one)) throw invalidArgValue('hints', one, LINK_REASON)
  }
  const value = links.join(', ')
  if (value === '') return false
  const rest = Object.create(null)
  for (const key of Object.keys(given)) {
    const name = lower(key.trim())
    checkField(name, given[key])
    if (!TOKEN.test(name)) throw errors.invalidToken('Header name', name)
    rest[name] = given[key]
  }
  return this.writeInformation(103, { ...rest, Link: value })
}

// --- with a stream object

/** Sends everything through this stream from now on, including what is still corked. */
prototype[kStandOn] = function (stream) {
  this[kStream] = stream
  stream[kResponse] = this
  forgetSocket(stream)
  stream.on('drain', onDrain)
  stream.on('close', onClose)
  stream.on('wantTrailers', onWantTrailers)
  stream.on('timeout', onTimeout)
  for (let corked = this[kCorked]; corked > 0; corked--) stream.cork()
  for (const { bytes, callback } of this[kChunks] ?? []) this.write(bytes, '', callback)
  this[kChunks] = undefined
}

/** What was sent before there was a stream object. */
prototype[kSaidSoFar] = function () {
  const { headersSent, localEnded } = this[kExchange]
  if (!headersSent) return { information: this[kInformation] }
  const headers = Object.assign(Object.create(null), sentHeaders(this))
  if (this[kDate]) headers.date ??= new Date().toUTCString()
  return {
    information: this[kInformation],
    headers,
    trailers: localEnded ? Object.assign(Object.create(null), this[kTrailers]) : undefined,
  }
}

function onDrain() {
  this[kResponse]?.emit('drain')
}

function onWantTrailers() {
  this.sendTrailers(this[kResponse][kTrailers] ?? {})
}

function onTimeout() {
  this[kResponse].emit('timeout')
}

function onClose() {
  const res = this[kResponse]
  if (res === undefined) return
  res[kClosed] = true
  forgetSocket(this)
  this.removeListener('wantTrailers', onWantTrailers)
  this[kResponse] = undefined
  try {
    res.emit('finish')
  } finally {
    res.emit('close')
  }
}

// --- called by the exchange, as long as there is no stream object

prototype[kOnExchangeClosed] = function () {
  this[kClosed] = true
  this[kFinished] = this[kExchange].waiting === undefined
  try {
    if (this[kFinished] && this[kCallbacks] !== undefined) drained(this)
    this.emit('finish')
  } finally {
    this.emit('close')
  }
}

// The original functions, to detect that a program has replaced one.
const { write, writeHead } = prototype
const { end, respond: respondByStream, sendTrailers, write: writeByStream } = ServerHttp2Stream.prototype
const own = { end, respond: respondByStream, sendTrailers, write: writeByStream }

module.exports = { Http2ServerResponse }
