'use strict'

// Requests. They are core's own objects from the start: to construct one costs 60 ns, and every method of core's works on it, whoever
// calls it. What is ours is how it gets filled, and that what nobody looks at is not done.

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

/** Where `maxHeadersCount` is not set, Node looks at 2,000 strings: a thousand names with their values. */
const MAX_HEADERS = 1000

/** What core's constructor reads off a socket. */
const sampleSocket = { readableHighWaterMark: getDefaultHighWaterMark(false) }
const sample = new IncomingMessage(sampleSocket)
const kState = core.find(sample._readableState, 'kState')
/** The bits of a stream's state as the constructor leaves them, at its end, and when it is closed. */
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

/** The end of a stream that nobody listens to, without the three ticks that it takes. */
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

/** What is made of header fields, which more than one request has. */
class Fields {
  constructor(head) {
    /** Names and values by turns, not to be given away. */
    this.raw = head === '' ? [] : head.split('\0')
    /** They were asked for as an object. */
    this.wanted = false
    /** That object, not to be given away: another is made of it. */
    this.headers = null
    /** What `joinDuplicateHeaders` was then. */
    this.joined = null
  }

  /** The object for a request that repeats them; null where it should be made when it is asked for. */
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

/** Fields that connections have begun with: clients of a kind send the same, and thousands of them may be idle. */
const known = new Map()
const MAX_KNOWN = 256
const MAX_KNOWN_LENGTH = 1024

/** The fields of a head, of which the connection had `last` before. */
function fieldsOf(head, last) {
  if (last !== NO_FIELDS || head.length > MAX_KNOWN_LENGTH) return new Fields(head)
  let fields = known.get(head)
  if (fields === undefined) {
    // A copy: V8's parts of a string keep the whole of it, and that is the text of all connections of this turn.
    const copy = Buffer.from(head, 'latin1').latin1Slice()
    fields = new Fields(copy)
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(copy, fields)
  }
  return fields
}

/** As core makes it; undefined where values are not plain text. */
function headersOf(raw, join) {
  const message = new IncomingMessage(sampleSocket)
  message.joinDuplicateHeaders = join
  message._addHeaderLines(raw, raw.length)
  const { headers } = message
  return headers['set-cookie'] === undefined ? headers : undefined
}

/** A request of class `Message`; `head` is `name\0value\0name\0value…`, `version` is `major << 8 | minor`. */
function makeRequest(Message, connection, method, url, version, flags, head) {
  const { shown: socket, server, highWaterMark } = connection
  if (head !== null) connection.lastFields = fieldsOf(head, connection.lastFields)
  const { lastFields } = connection
  const raw = lastFields.raw.slice()
  const limit = server.maxHeadersCount
  const most = (typeof limit === 'number' ? limit : MAX_HEADERS) * 2
  if (most > 0 && raw.length > most) raw.length = most
  const count = raw.length
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

/** Whether what happens to a request is nobody's concern: no listener is there, and no method that would be called is replaced. */
function isUnheard(req) {
  return (
    req._eventsCount === 0 &&
    req.emit === own.emit &&
    req.push === own.push &&
    req.destroy === own.destroy &&
    req._dump === own._dump
  )
}

/** The message is complete; `trailers` has the form of a head. */
function complete(req, trailers) {
  req.complete = true
  if (trailers !== '') {
    const raw = trailers.split('\0')
    req._addHeaderLines(raw, raw.length)
  }
  const state = req._readableState
  // What push() would do besides is to tell listeners in a later tick.
  if (fresh !== undefined && state[kState] === fresh && isUnheard(req)) state[kState] = ended
  else req.push(null)
}

/** Body bytes; returns whether the request wants more of them now. */
function deliver(req, chunk) {
  return req._dumped || req.push(chunk)
}

/** The response is out: what is left of the body is of no interest, unless somebody reads it. */
function dump(req) {
  if (kDetachAbortSignal !== undefined) req[kDetachAbortSignal]()
  const state = req._readableState
  if (fresh !== undefined && state[kState] === ended && isUnheard(req)) {
    req._dumped = true
    state[kState] = closed
  } else if (!req._consuming && !state.resumeScheduled) req._dump()
}

/** The connection is gone before the answer. */
function abort(req) {
  req.destroy(aborted())
}

module.exports = { NO_FIELDS, makeRequest, complete, deliver, dump, abort }
