'use strict'

// A response as the handler first sees it: nothing but room for a status and headers.
//
// `LeanResponse` answers the calls that most handlers make (`writeHead`, `setHeader`, `getHeader`, `end` with one body) by
// recording them and handing the result to Rust in one crossing, which writes the head in Node's order and spelling. Anything
// else turns the object, in place, into a genuine core `ServerResponse` over the connection's socket, with everything
// recorded so far replayed into it (`widen`), so that what is rare behaves exactly as in Node because it is Node's.

const { OutgoingMessage, ServerResponse, STATUS_CODES } = require('node:http')
const { lean, kConnection, fieldsOf, stamping, settable, trap } = require('./widen')
const { responseStamp } = require('./stamp')
const { flag, kFlags } = require('./request')

const core = ServerResponse.prototype

/** How far a lean response is. */
const state = {
  /** Recording headers. */
  OPEN: 0,
  /** `writeHead` was called: the head is fixed. */
  HEAD: 1,
  /** `end` was called and everything is with Rust. */
  ENDED: 2,
  /** The connection went away before `end`. */
  CLOSED: 3,
  /** Ended, and everybody who listened for 'finish' was told. */
  SETTLED: 4,
}

/** Bits of `respond`'s second argument above the status (src/binding/http.rs). */
const wire = { CLOSE: 1 << 10, CHUNKED: 1 << 11, LENGTH: 1 << 12, BODY: 1 << 13 }

const kState = Symbol('state')
/** The status that `writeHead` fixed; `statusCode` may be changed after it, to no effect. */
const kStatus = Symbol('status')
/** Header lines for Rust: `Name: value\r\n…`. */
const kLines = Symbol('header lines')
/** What `setHeader` recorded, `[lower-case name, name, value, …]`. */
const kRecorded = Symbol('recorded headers')
/** The headers argument of `writeHead`, for a replay. */
const kGiven = Symbol('given headers')

/** Larger bodies go through the socket's stream, whose callbacks say when they have left. */
const LARGE_BODY = 64 * 1024

/**
 * Header names seen so far: ORDINARY ones only join the lines, a LENGTH says that the body's framing is given, the others
 * change what Node does with the connection and widen. Names come from the application, but bound the table all the same.
 */
const ORDINARY = 1
const LENGTH = 2
const SPECIAL = 3
const nameKinds = new Map([['content-length', LENGTH]])
for (const name of [
  'connection',
  'transfer-encoding',
  'date',
  'expect',
  'trailer',
  'keep-alive',
  'content-disposition',
]) {
  nameKinds.set(name, SPECIAL)
}
const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/

function nameKind(name) {
  let kind = nameKinds.get(name)
  if (kind === undefined) {
    if (typeof name !== 'string' || !TOKEN.test(name)) return SPECIAL
    kind = nameKinds.get(name.toLowerCase()) ?? ORDINARY
    if (nameKinds.size < 1024 && name.length < 64) nameKinds.set(name, kind)
  }
  return kind
}

function LeanResponse(connection, req) {
  this.req = req
  this[lean] = this
  this[kConnection] = connection
  this[kState] = state.OPEN
  this[kStatus] = 0
  this[kLines] = ''
  this[kRecorded] = null
  this[kGiven] = null
  /** Whether the application gave a Content-Length. */
  this[kLength] = false
}
const kLength = Symbol('content-length given')

/** Adds one header line; false when only core knows what to do with it. */
function addLine(res, name, value) {
  const kind = nameKind(name)
  if (kind === SPECIAL) return false
  if (typeof value === 'number') value = String(value)
  if (typeof value !== 'string' || BAD_VALUE.test(value)) return false
  if (kind === LENGTH) res[kLength] = true
  res[kLines] += `${name}: ${value}\r\n`
  return true
}

/** Adds what `setHeader` recorded. */
function addRecorded(res) {
  const recorded = res[kRecorded]
  for (let i = 0; i < recorded.length; i += 3) {
    if (!addLine(res, recorded[i + 1], recorded[i + 2])) return false
  }
  return true
}

LeanResponse.prototype = Object.create(ServerResponse.prototype)

LeanResponse.prototype.writeHead = function writeHead(status, reason, headers) {
  const plain =
    this[lean] === this &&
    this[kState] === state.OPEN &&
    this.statusMessage === undefined &&
    status >= 200 &&
    status <= 999 &&
    (status | 0) === status &&
    headers === undefined &&
    (reason === undefined || (typeof reason === 'object' && !Array.isArray(reason)))
  if (!plain) return core.writeHead.call(genuine(this), status, reason, headers)
  if (!(this[kRecorded] === null ? addGiven(this, reason) : recordGiven(this, reason) && addRecorded(this))) {
    this[kLines] = ''
    this[kLength] = false
    return core.writeHead.call(genuine(this), status, reason)
  }
  this.statusCode = this[kStatus] = status
  this[kState] = state.HEAD
  return this
}

/** The headers of `writeHead` alone: they leave as they are. */
function addGiven(res, headers) {
  for (const name in headers) {
    if (Object.hasOwn(headers, name) && !addLine(res, name, headers[name])) return false
  }
  res[kGiven] = headers
  return true
}

/** The headers of `writeHead` after `setHeader`: they join and replace those. */
function recordGiven(res, headers) {
  for (const name in headers) {
    if (name !== '' && Object.hasOwn(headers, name) && !record(res, name, headers[name])) return false
  }
  return true
}

LeanResponse.prototype.setHeader = function setHeader(name, value) {
  if (this[lean] === this && this[kState] === state.OPEN && record(this, name, value)) return this
  return core.setHeader.call(genuine(this), name, value)
}

/** Notes a header; false when only core knows what to do with it. */
function record(res, name, value) {
  const simple = typeof value === 'string' ? !BAD_VALUE.test(value) : typeof value === 'number'
  if (!simple || nameKind(name) === SPECIAL) return false
  const lower = name.toLowerCase()
  const recorded = res[kRecorded]
  if (recorded === null) {
    res[kRecorded] = [lower, name, value]
    return true
  }
  const at = indexOf(recorded, lower)
  if (at < 0) recorded.push(lower, name, value)
  else {
    recorded[at + 1] = name
    recorded[at + 2] = value
  }
  return true
}

LeanResponse.prototype.getHeader = function getHeader(name) {
  if (this[lean] !== this || this[kState] !== state.OPEN || typeof name !== 'string')
    return core.getHeader.call(genuine(this), name)
  const recorded = this[kRecorded]
  if (recorded === null) return
  const at = indexOf(recorded, name.toLowerCase())
  return at < 0 ? undefined : recorded[at + 2]
}

LeanResponse.prototype.hasHeader = function hasHeader(name) {
  if (this[lean] !== this || this[kState] !== state.OPEN || typeof name !== 'string')
    return core.hasHeader.call(genuine(this), name)
  return this[kRecorded] !== null && indexOf(this[kRecorded], name.toLowerCase()) >= 0
}

function indexOf(recorded, lower) {
  for (let i = 0; i < recorded.length; i += 3) if (recorded[i] === lower) return i
  return -1
}

LeanResponse.prototype.end = function end(chunk, encoding, callback) {
  const connection = this[kConnection]
  if (
    this[lean] !== this ||
    encoding !== undefined ||
    callback !== undefined ||
    this[kState] > state.HEAD ||
    !connection.takesLean(this)
  ) {
    return core.end.call(genuine(this), chunk, encoding, callback)
  }
  let body
  if (typeof chunk === 'string') body = chunk
  else if (chunk instanceof Uint8Array) body = chunk
  else if (chunk != null) return core.end.call(genuine(this), chunk)

  const explicit = this[kState] === state.HEAD
  const status = explicit ? this[kStatus] : this.statusCode
  let flags = status
  if (explicit) {
    // The head was fixed before the body's length was known: Node answers chunked.
    if (!this[kLength]) flags |= wire.CHUNKED
  } else {
    if (!(status >= 200 && status <= 999 && (status | 0) === status)) return core.end.call(genuine(this), chunk)
    if (this.statusMessage !== undefined || (this[kRecorded] !== null && !addRecorded(this))) {
      this[kLines] = ''
      this[kLength] = false
      return core.end.call(genuine(this), chunk)
    }
    if (!this[kLength]) flags |= wire.LENGTH
  }
  if (body !== undefined && body.length > LARGE_BODY) {
    if (!explicit) this[kLines] = ''
    return core.end.call(genuine(this), chunk)
  }
  const { req } = this
  if (status === 204 || status === 304 || req.method === 'HEAD') flags &= ~(wire.CHUNKED | wire.LENGTH)
  else flags |= wire.BODY
  if ((req[kFlags] & flag.KEEP_ALIVE) === 0) flags |= wire.CLOSE
  this[kState] = state.ENDED
  connection.respond(this, flags, this[kLines], body)
  return this
}

/** The genuine object behind a lean one, for a call that the lean one cannot take. */
function genuine(res) {
  if (res[lean] !== null) widen(res[lean])
  return res
}

/** Turns a lean response into the genuine core object, replaying what was recorded. */
function widen(res) {
  const connection = res[kConnection]
  const was = res[kState]
  const message = Object.hasOwn(res, 'statusMessage') ? res.statusMessage : undefined
  stamp(res)
  res.statusMessage = message
  res[lean] = null
  const { req } = res
  construct(res, connection, req)
  if (was === state.ENDED || was === state.SETTLED) {
    replay(res)
    res.finished = true
    res._headerSent = true
    if (was === state.SETTLED) res.destroyed = res._closed = true
    else res.socket = connection.getSocket()
    return
  }
  if (was === state.CLOSED) {
    replay(res)
    res.socket = connection.getSocket()
    res.destroyed = true
    res._closed = true
    return
  }
  connection.adopt(res)
  replay(res)
}

/** Runs the core constructor and sets what core's server sets. */
function construct(res, connection, req) {
  const { server } = connection
  ServerResponse.call(res, req, responseOptions(connection))
  prepare(res, connection, (req[kFlags] & flag.KEEP_ALIVE) !== 0)
  if (req[kFlags] & flag.EXPECT) res._expect_continue = connection.expects === req
  return server
}

function responseOptions(connection) {
  const { server } = connection
  return { highWaterMark: connection.highWaterMark, rejectNonStandardBodyWrites: server.rejectNonStandardBodyWrites }
}

function prepare(res, connection, keepAlive) {
  const { server } = connection
  res._keepAliveTimeout = server.keepAliveTimeout
  res._maxRequestsPerSocket = server.maxRequestsPerSocket
  res._onPendingData = connection.onPendingData
  res.shouldKeepAlive = keepAlive
  const unique = server.uniqueHeadersSymbol
  if (unique !== undefined) res[unique] = server.uniqueHeaders
}

function replay(res) {
  const recorded = res[kRecorded]
  if (recorded !== null) {
    for (let i = 0; i < recorded.length; i += 3) res.setHeader(recorded[i + 1], recorded[i + 2])
  }
  const was = res[kState]
  if (was === state.HEAD || was === state.ENDED || was === state.SETTLED) {
    const { statusCode } = res
    res.writeHead(res[kStatus] || statusCode, res[kGiven] ?? undefined)
    res.statusCode = statusCode
  }
}

Object.defineProperty(LeanResponse.prototype, 'statusMessage', {
  configurable: true,
  get() {
    return this[kState] === state.OPEN ? undefined : STATUS_CODES[this[kStatus] || this.statusCode] || 'unknown'
  },
  set(value) {
    Object.defineProperty(this, 'statusMessage', { value, writable: true, enumerable: true, configurable: true })
  },
})

const sample = new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} })
/** What middleware asks of a response again and again is answered without widening. */
const answers = {
  headersSent: (res) => res[kState] !== state.OPEN && res[kState] !== state.CLOSED,
  writableEnded: isOut,
  finished: isOut,
  destroyed: (res) => res[kState] === state.CLOSED || res[kState] === state.SETTLED,
}

function isOut(res) {
  return res[kState] === state.ENDED || res[kState] === state.SETTLED
}

for (const [name, answer] of Object.entries(answers)) {
  const inherited = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, name)
  Object.defineProperty(LeanResponse.prototype, name, {
    configurable: true,
    get() {
      return this[lean] === null ? inherited.get.call(this) : answer(this)
    },
  })
}

const fields = fieldsOf(sample, ['req'])
settable(LeanResponse.prototype, fields, widen)
// That one is not set by the constructor, but by writeHead.
const stamp = stamping([...fields, 'statusMessage'], responseStamp)
const coreStamp = stamping(fields, responseStamp)

function trapResponses() {
  trap(ServerResponse.prototype, fields, coreStamp, 'widenResponse', () => new ServerResponse(sample.req))
}

/** The lean response's connection is gone. */
function closeLean(res) {
  res[kState] = state.CLOSED
}

/** The lean response is out, and its listeners know. */
function settleLean(res) {
  res[kState] = state.SETTLED
}

module.exports = {
  LeanResponse,
  wire,
  widenResponse: widen,
  trapResponses,
  prepare,
  responseOptions,
  closeLean,
  settleLean,
}
