'use strict'

// The response of the compatible API.

const { http2 } = require('../genuine.js')
const process = require('node:process')
const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const { Stream, Writable } = require('node:stream')
const { isArrayBufferView, isUint8Array } = require('node:util/types')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { each } = require('./each.js')
const errors = require('./errors.js')
const { fieldsText, lower, TOKEN } = require('./fields.js')
const { define, isInstance, kExchange } = require('./request.js')
const { socketOf } = require('./proxy.js')

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

const HIGH_WATER_MARK = new Writable().writableHighWaterMark

function Http2ServerResponse(exchange) {
  Stream.call(this)
  this[kExchange] = exchange
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
  exchange.res = this
  exchange.stream?.join()
}
Object.setPrototypeOf(Http2ServerResponse.prototype, http2.Http2ServerResponse.prototype)
Object.setPrototypeOf(Http2ServerResponse, http2.Http2ServerResponse)
isInstance(Http2ServerResponse, http2.Http2ServerResponse)

const { prototype } = Http2ServerResponse

/** What Node takes for a link. */
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
      return this[kExchange].getStream()
    },
  },
  req: {
    get() {
      return this[kExchange].req
    },
    set(value) {
      Object.defineProperty(this, 'req', { value, configurable: true, enumerable: true, writable: true })
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
      return this[kCorked]
    },
  },
  writableHighWaterMark: { get: () => HIGH_WATER_MARK },
  writableObjectMode: { get: () => false },
  writableNeedDrain: {
    get() {
      return this[kNeedDrain] && !this[kEnding]
    },
  },
  writableFinished: {
    get() {
      return this[kFinished]
    },
  },
  writableLength: {
    get() {
      return this[kQueued]
    },
  },
})

function checkName(name) {
  if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
  return lower(name.trim())
}

const PSEUDO = new Set([':status', ':method', ':path', ':authority', ':scheme'])

/** Checks a field, and says whether it is one that is sent. */
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

prototype.getHeader = function (name) {
  const key = checkName(name)
  return this[kHeaders]?.[key]
}

prototype.getHeaderNames = function () {
  return Object.keys(this[kHeaders] ?? {})
}

prototype.getHeaders = function () {
  return Object.assign(Object.create(null), this[kHeaders])
}

prototype.hasHeader = function (given) {
  const name = checkName(given)
  return this[kHeaders] !== undefined && Object.hasOwn(this[kHeaders], name)
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
  if (before === undefined) return set(this, name, value)
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
  begin(this, undefined, '', false)
  return this
}

function giveHead(res, statusCode, statusMessage, headers) {
  if (typeof statusMessage === 'string') warnOfMessage()
  if (headers === undefined && typeof statusMessage === 'object') headers = statusMessage
  if (Array.isArray(headers)) {
    if (headers.length % 2 === 1 && !Array.isArray(headers[0])) {
      throw invalidArgValue('headers', headers)
    }
    if (Array.isArray(headers[0])) for (const [name, value] of headers) res.appendHeader(name, value)
    else for (let i = 0; i < headers.length; i += 2) res.appendHeader(headers[i], headers[i + 1])
  } else if (headers !== null && typeof headers === 'object') {
    for (const name of Object.keys(headers)) set(res, name, headers[name])
  }
  statusCode |= 0
  if (statusCode < 200 || statusCode > 599) throw errors.invalidStatus(statusCode)
  res[kStatus] = statusCode
}

/** The header, and `body` behind it. Returns whether all is framed. */
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
  this[kCorked]++
}

prototype.uncork = function () {
  if (this[kCorked] === 0) return
  this[kCorked]--
  if (this[kCorked] === 0) flush(this)
}

/** What was written while corked leaves as one. */
function flush(res) {
  const chunks = res[kChunks]
  if (chunks === undefined) return
  res[kChunks] = undefined
  const corked = res[kCorked]
  res[kCorked] = 0
  const callbacks = chunks.map(({ callback }) => callback).filter((callback) => typeof callback === 'function')
  res.write(Buffer.concat(chunks.map(({ bytes }) => bytes)), '', () => each(callbacks, call))
  res[kCorked] = corked
}

function bytesOf(chunk, encoding) {
  if (typeof chunk === 'string') {
    // Those two Rust writes by itself.
    const plain =
      !encoding || encoding === 'utf8' || encoding === 'utf-8' || encoding === 'latin1' || encoding === 'binary'
    return plain ? chunk : Buffer.from(chunk, encoding)
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
  else if (this[kDestroyed]) return false
  else if (this[kClosed] || exchange.closed) error = errors.invalidStream()
  if (error !== undefined) {
    if (typeof callback === 'function') process.nextTick(callback, error)
    this.destroy(error)
    return false
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
    // The answer has no body, and so this is not sent.
    if (typeof callback === 'function') process.nextTick(callback)
    return true
  }
  const all = headersSent ? exchange.write(body, encoding, false) : begin(this, body, encoding, false)
  if (all) {
    if (typeof callback === 'function') process.nextTick(callback)
    return true
  }
  wait(this, body.length, callback)
  if (this[kQueued] < HIGH_WATER_MARK) return true
  this[kNeedDrain] = true
  return false
}

/** Core calls this through the object: whoever has replaced it, to set headers at the last moment, is called here, too. */
function callWriteHead(res) {
  if (res.writeHead !== writeHead && !res.headersSent) res.writeHead(res[kStatus])
}

function wait(res, length, callback) {
  res[kQueued] += length
  if (typeof callback === 'function') addCallback(res, AsyncResource.bind(callback))
  res[kExchange].wait(() => drained(res))
}

/** One that is called when all that was written so far is framed. */
function addCallback(res, callback) {
  res[kCallbacks] ??= []
  res[kCallbacks].push(callback)
}

function drained(res) {
  res[kQueued] = 0
  const callbacks = res[kCallbacks] ?? []
  res[kCallbacks] = undefined
  if (res[kNeedDrain]) {
    res[kNeedDrain] = false
    if (!res[kEnding]) callbacks.push(() => res.emit('drain'))
  }
  each(callbacks, call)
}

function call(callback) {
  callback()
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
    // As core has it: with what becomes of it, or at once.
    if (this[kFinished] || exchange.closed) process.nextTick(callback)
    else this.once('finish', callback)
  }
  if (this[kClosed] || this[kEnding] || exchange.closed) return this
  let body = chunk === null || chunk === undefined ? undefined : bytesOf(chunk, encoding)
  if (body !== undefined && this.write !== write) {
    // As with the header.
    this.write(chunk, encoding)
    body = undefined
  }
  flush(this)
  this[kEnding] = true
  callWriteHead(this)
  if (typeof callback === 'function') addCallback(this, AsyncResource.bind(callback))
  if (!sendEnd(this, body, encoding)) wait(this, body?.length ?? 0)
  else if (this[kCallbacks] !== undefined) process.nextTick(drained, this)
  exchange.stream?.endedElsewhere()
  return this
}

/** What is left of a response, and its end. Returns whether all is framed. */
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
  this.stream.pushStream(headers, {}, (error, _stream, _headers, _flags, exchange) => {
    if (error) callback(error)
    else callback(null, new this.constructor(exchange))
  })
}

prototype.writeContinue = function () {
  return this.writeInformation(100)
}

prototype.writeInformation = function (status, headers) {
  const exchange = this[kExchange]
  if (this[kClosed] || exchange.closed || exchange.headersSent) return false
  return exchange.inform(status, headers === undefined ? '' : fieldsText(headers))
}

prototype.writeEarlyHints = function (hints) {
  if (hints === null || typeof hints !== 'object' || Array.isArray(hints)) {
    throw invalidArgType('hints', 'an instance of Object', hints)
  }
  const { link, ...rest } = hints
  if (link === undefined || link === null) return false
  const links = Array.isArray(link) ? link : [link]
  for (const one of links) {
    if (typeof one !== 'string' || !LINK.test(one)) throw invalidArgValue('hints', one, LINK_REASON)
  }
  const value = links.join(', ')
  if (value === '') return false
  return this.writeInformation(103, { link: value, ...rest })
}

// --- called by the exchange

prototype.onExchangeClosed = function () {
  this[kClosed] = true
  this[kFinished] = true
  try {
    if (this[kCallbacks] !== undefined) drained(this)
    this.emit('finish')
  } finally {
    this.emit('close')
  }
}

// What core's, or whoever has replaced them, is told from.
const { write, writeHead } = prototype

module.exports = { Http2ServerResponse }
