'use strict'

// A request as the handler first sees it: method, URL, and one string for all headers.
//
// `LeanRequest` is not a stream yet. Its prototype stands on `http.IncomingMessage.prototype`, and every field that the core
// constructor would have set is an accessor there: the first touch turns the object, in place, into the genuine core object
// (`widen`), with the core constructor run. A handler that only answers never pays.

const { IncomingMessage } = require('node:http')
const { lean, kConnection, fieldsOf, stamping, settable, trap } = require('./widen')
const { requestStamp } = require('./stamp')
const { aborted } = require('./errors')

const kHead = Symbol('head')
const kRaw = Symbol('raw headers')
const kHeaders = Symbol('headers')
const kFlags = Symbol('flags')

/** Bits of the flags that the parser reports (src/http1/conn.rs), and of our own above them. */
const flag = {
  KEEP_ALIVE: 1,
  HAS_BODY: 2,
  UPGRADE: 4,
  EXPECT: 8,
  HOST: 16,
  /** The body has arrived in full. */
  COMPLETE: 1 << 16,
  /** Nobody will read the body any more. */
  DUMPED: 1 << 17,
  /** The connection went away before the request was answered. */
  ABORTED: 1 << 18,
}

/** Where `maxHeadersCount` is not set, Node keeps 2,000 strings: a thousand names with their values. */
const MAX_HEADERS = 1000

/**
 * `head` is `name\0value\0name\0value…`; `version` is `major << 8 | minor`.
 */
function LeanRequest(connection, method, url, version, flags, head) {
  this.method = method
  this.url = url
  this[lean] = this
  this[kConnection] = connection
  this[kFlags] = flags | (version << 20)
  this[kHead] = head
  this[kRaw] = null
  this[kHeaders] = null
}

function rawHeaders(req) {
  if (req[kRaw] === null) req[kRaw] = splitHead(req[kHead], req[kConnection].server)
  return req[kRaw]
}

/** Names and values by turns, no more of them than `maxHeadersCount` allows. */
function splitHead(head, server) {
  if (head === '') return []
  const limit = server.maxHeadersCount
  const pairs = (typeof limit === 'number' ? limit : MAX_HEADERS) * 2
  const raw = head.split('\0')
  return pairs > 0 && raw.length > pairs ? raw.slice(0, pairs) : raw
}

/** Lower-cased header names; names come from peers, so the table is bounded. */
const lowerCased = new Map()
function lowerCase(name) {
  let lower = lowerCased.get(name)
  if (lower === undefined) {
    lower = name.toLowerCase()
    if (lowerCased.size < 1024 && name.length < 64) lowerCased.set(name, lower)
  }
  return lower
}

/** Node's rules for repeated headers are core's own method; a name seen for the first time needs none of them. */
function parseHeaders(req) {
  const raw = rawHeaders(req)
  const headers = {}
  for (let i = 0; i < raw.length; i += 2) {
    const name = lowerCase(raw[i])
    if (headers[name] === undefined && name !== 'set-cookie') headers[name] = raw[i + 1]
    else IncomingMessage.prototype._addHeaderLine.call(joining(req), raw[i], raw[i + 1], headers)
  }
  return headers
}

/** What core's method reads from its receiver. */
function joining(req) {
  return { joinDuplicateHeaders: req[kConnection].server.joinDuplicateHeaders }
}

const coreHeaders = Object.getOwnPropertyDescriptor(IncomingMessage.prototype, 'headers')

LeanRequest.prototype = Object.create(IncomingMessage.prototype, {
  headers: {
    configurable: true,
    get() {
      const req = this[lean]
      if (req === null) return coreHeaders.get.call(this)
      if (req[kHeaders] === null) req[kHeaders] = parseHeaders(req)
      return req[kHeaders]
    },
    set(headers) {
      if (this[lean] === this) this[kHeaders] = headers
      else coreHeaders.set.call(this, headers)
    },
  },
  rawHeaders: {
    configurable: true,
    get() {
      return rawHeaders(this)
    },
    set(raw) {
      this[kRaw] = raw
    },
  },
  httpVersion: {
    configurable: true,
    get() {
      return `${this.httpVersionMajor}.${this.httpVersionMinor}`
    },
  },
  httpVersionMajor: {
    configurable: true,
    get() {
      return this[kFlags] >>> 28
    },
  },
  httpVersionMinor: {
    configurable: true,
    get() {
      return (this[kFlags] >>> 20) & 0xff
    },
  },
  complete: {
    configurable: true,
    get() {
      return (this[kFlags] & flag.COMPLETE) !== 0
    },
  },
  aborted: {
    configurable: true,
    get() {
      return (this[kFlags] & flag.ABORTED) !== 0
    },
  },
  socket: {
    configurable: true,
    get() {
      return this[kConnection].getSocket()
    },
  },
})

/** Turns a lean request into the genuine core object. */
function widen(req) {
  const connection = req[kConnection]
  stamp(req)
  req[lean] = null
  const flags = req[kFlags]
  const { url, method } = req
  IncomingMessage.call(req, connection.getSocket())
  fill(req, connection, method, url, flags >>> 28, (flags >>> 20) & 15, req[kHead], req[kRaw])
  if (req[kHeaders] !== null) req.headers = req[kHeaders]
  if (flags & flag.COMPLETE) complete(req, '')
  if (flags & flag.DUMPED) req._dump()
  if (flags & flag.ABORTED) req.destroy(aborted())
}

/** Gives a core object what the parser read. */
function fill(req, connection, method, url, major, minor, head, raw) {
  const { server } = connection
  req.method = method
  req.url = url
  req.httpVersionMajor = major
  req.httpVersionMinor = minor
  req.httpVersion = `${major}.${minor}`
  req.joinDuplicateHeaders = server.joinDuplicateHeaders
  raw ??= splitHead(head, server)
  req._addHeaderLines(raw, raw.length)
}

/** The body is complete; `trailers` has the form of a head. */
function complete(req, trailers) {
  if (req[lean]) {
    if (trailers === '') {
      req[kFlags] |= flag.COMPLETE
      return
    }
    widen(req)
  }
  req.complete = true
  if (trailers !== '') {
    const raw = trailers.split('\0')
    req._addHeaderLines(raw, raw.length)
  }
  req.push(null)
}

/** Body bytes; returns whether the request wants more of them now. */
function deliver(req, chunk) {
  if (req[lean]) {
    if (req[kFlags] & flag.DUMPED) return true
    widen(req)
  }
  return req._dumped || req.push(chunk)
}

/** The response is out: what is left of the body is of no interest, unless somebody reads it. */
function dump(req) {
  if (req[lean]) req[kFlags] |= flag.DUMPED
  else if (!req._consuming && !req._readableState.resumeScheduled) req._dump()
}

/** The connection is gone before the answer. */
function abort(req) {
  if (req[lean]) req[kFlags] |= flag.ABORTED
  else req.destroy(aborted())
}

const fields = fieldsOf(new IncomingMessage(null), ['method', 'url'])
const stamp = stamping(fields, requestStamp)
settable(LeanRequest.prototype, fields, widen)

function trapRequests() {
  trap(IncomingMessage.prototype, fields, stamp, 'widenRequest', () => new IncomingMessage(null))
}

module.exports = { LeanRequest, flag, kFlags, widenRequest: widen, trapRequests, fill, complete, deliver, dump, abort }
