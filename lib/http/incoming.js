'use strict'

// Requests are core's own objects from the start: constructing one costs 60 ns, and all of core's methods work on it.
// This module fills them, and skips work whose result nothing would observe.

const {
  http: { IncomingMessage },
} = require('../genuine.js')
const { Buffer } = require('node:buffer')
const { getDefaultHighWaterMark } = require('node:stream')
const core = require('../core.js')
const { flag, row } = require('../constants.js')
const { constructorLike } = require('./shapes')
const { aborted } = require('./errors')

const { kHeaders, kHeadersCount, kDetachAbortSignal, own } = core
const { HTTP_1_1 } = row

/** Node's default for `maxHeadersCount`: 2,000 strings, which are 1,000 names with their values. */
const MAX_STRINGS = 2000
/** Node's parser hands over this many strings at a time, and cuts `rawHeaders` only in between. */
const STRINGS_AT_A_TIME = 62

/** What core's constructor reads from a socket. */
const sampleSocket = { readableHighWaterMark: getDefaultHighWaterMark(false) }
const sample = new IncomingMessage(sampleSocket)
const kState = core.find(sample._readableState, 'kState')
/** The bits of a stream's state: as the constructor leaves them, after the end, and once it is closed. */
const fresh = sample._readableState[kState]
const ended = bitsAfter(end)
const closed = bitsAfter(close)

function bitsAfter(change) {
  const { _readableState: state } = new IncomingMessage(sampleSocket)
  change(state)
  return state[kState]
}

function end(state) {
  state.ended = true
}

/** Closes a stream without listeners at once, instead of in the three ticks that core takes. */
function close(state) {
  state.ended = state.endEmitted = state.destroyed = state.closed = state.closeEmitted = true
}

const State = constructorLike(sample._readableState, ['highWaterMark'], { highWaterMark: 'highWaterMark' })
const Request = constructorLike(
  sample,
  [
    'socket',
    'highWaterMark',
    'method',
    'url',
    'major',
    'minor',
    'version',
    'join',
    'upgrade',
    'raw',
    'count',
    'headers',
  ],
  {
    _readableState: 'new State(highWaterMark)',
    socket: 'socket',
    client: 'socket',
    method: 'method',
    url: 'url',
    httpVersionMajor: 'major',
    httpVersionMinor: 'minor',
    httpVersion: 'version',
    joinDuplicateHeaders: 'join',
    upgrade: 'upgrade',
    rawHeaders: 'raw',
    [kHeadersCount]: 'count',
    [kHeaders]: 'headers',
  },
  { State },
)

/** Header fields, shared by all requests that repeat them. */
class Fields {
  constructor(head) {
    /** Names and values alternating. Requests get copies. */
    this.raw = head === '' ? [] : head.split('\0')
    /** Whether a request has asked for them as an object. */
    this.wanted = false
    /**
     * The fields as an object: null until it is made, undefined if a value is not a plain string. Requests get copies.
     */
    this.headers = null
    /** The value of `joinDuplicateHeaders` that `headers` was made with. */
    this.joined = null
  }

  /** Returns a copy of the object for a request with these fields; null if it should be made on first use. */
  copy(join) {
    if (!this.wanted) return null
    if (this.headers === null || this.joined !== join) {
      this.headers = headersOf(this.raw, join)
      this.joined = join
    }
    return this.headers === undefined ? null : { ...this.headers }
  }
}

const NO_FIELDS = new Fields('')

/**
 * The fields that connections begin with. Clients of one kind send the same, and thousands of them may be idle, so they
 * share one object.
 */
const known = new Map()
const MAX_KNOWN = 256
const MAX_KNOWN_LENGTH = 1024

/** The fields of a head. `last` are the connection's previous fields. */
function fieldsOf(head, last) {
  if (last !== NO_FIELDS || head.length > MAX_KNOWN_LENGTH) return new Fields(head)
  let fields = known.get(head)
  if (fields === undefined) {
    // A copy, because a substring in V8 keeps the whole string alive: here the heads of all connections of this batch.
    const copy = Buffer.from(head, 'latin1').latin1Slice()
    fields = new Fields(copy)
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(copy, fields)
  }
  return fields
}

/** The headers object as core makes it; undefined if a value is not a plain string. */
function headersOf(raw, join) {
  const message = new IncomingMessage(sampleSocket)
  message.joinDuplicateHeaders = join
  message._addHeaderLines(raw, raw.length)
  const { headers } = message
  return headers['set-cookie'] === undefined ? headers : undefined
}

/** How many strings of fields a request may have: names and values. */
function limitOf({ maxHeadersCount }) {
  const limit = typeof maxHeadersCount === 'number' ? maxHeadersCount << 1 : MAX_STRINGS
  return limit > 0 ? limit : Number.POSITIVE_INFINITY
}

/** Leaves away what Node's parser does. Returns how many strings are shown as fields. */
function cut(raw, limit) {
  if (raw.length <= limit) return raw.length
  raw.length = Math.min(raw.length, Math.ceil(limit / STRINGS_AT_A_TIME) * STRINGS_AT_A_TIME)
  return limit
}

/** Whether these are more fields, or trailers, than Node's parser accepts. `text` is `name\0value\0name\0value…`. */
function hasTooMany(server, text) {
  const limit = limitOf(server)
  // Most are far too short to be asked about.
  if (text.length < limit) return false
  let count = 1
  for (let at = text.indexOf('\0'); at !== -1; at = text.indexOf('\0', at + 1)) count++
  return count > limit && core.refusesManyFields()
}

/**
 * Makes a request of class `Message`. `head` is `name\0value\0name\0value…`, or null if the fields are those of the
 * last request. `version` is `major << 8 | minor`.
 */
function makeRequest(Message, connection, method, url, version, flags, head) {
  const { shown: socket, server, highWaterMark } = connection
  if (head !== null) connection.lastFields = fieldsOf(head, connection.lastFields)
  const { lastFields } = connection
  const raw = lastFields.raw.slice()
  const count = cut(raw, limitOf(server))
  const major = version >>> 8
  const minor = version & 0xff
  const name = version === HTTP_1_1 ? '1.1' : `${major}.${minor}`
  const upgrade = (flags & flag.UPGRADE) !== 0
  const join = server.joinDuplicateHeaders || null
  if (Message === IncomingMessage && Request !== undefined) {
    const headers = head === null && count === lastFields.raw.length ? lastFields.copy(join) : null
    return new Request(socket, highWaterMark, method, url, major, minor, name, join, upgrade, raw, count, headers)
  }
  const req = new Message(socket)
  req.method = method
  req.url = url
  req.httpVersionMajor = major
  req.httpVersionMinor = minor
  req.httpVersion = name
  req.joinDuplicateHeaders = join
  req.upgrade = upgrade
  req.rawHeaders = raw
  req[kHeadersCount] = count
  return req
}

/**
 * Whether nothing observes the request's events: it has no listeners, and no method that would be called is replaced.
 */
function isUnheard(req) {
  return (
    req._eventsCount === 0 &&
    req.emit === own.emit &&
    req.push === own.push &&
    req.destroy === own.destroy &&
    req._dump === own._dump
  )
}

/** Completes a request of a server. `trailers` has the same form as a head. */
function complete(req, trailers, server) {
  req.complete = true
  if (trailers !== '') {
    const raw = trailers.split('\0')
    cut(raw, limitOf(server))
    req._addHeaderLines(raw, raw.length)
  }
  const state = req._readableState
  // Beyond this, push() would only notify listeners in a later tick.
  if (fresh !== undefined && state[kState] === fresh && isUnheard(req)) state[kState] = ended
  else req.push(null)
}

/** Passes on a part of the body. Returns whether the request wants more now. */
function deliver(req, chunk) {
  return req._dumped || req.push(chunk)
}

/** The response was sent: discards the rest of the request's body, unless the program reads it. */
function dump(req) {
  if (kDetachAbortSignal !== undefined) req[kDetachAbortSignal]()
  const state = req._readableState
  if (fresh !== undefined && state[kState] === ended && isUnheard(req)) {
    req._dumped = true
    state[kState] = closed
  } else if (!req._consuming && !state.resumeScheduled) req._dump()
}

/** The connection ended before the request was answered. */
function abort(req) {
  req.destroy(aborted())
}

module.exports = { NO_FIELDS, makeRequest, hasTooMany, complete, deliver, dump, abort }
