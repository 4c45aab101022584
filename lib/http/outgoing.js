'use strict'

// Responses are core's own objects, and core's methods work on them. `end` and `write` here do what core's do and leave
// the fields in the same state, but pass the bytes to Rust in one call instead of through the socket's stream. If
// anything unusual is under way, they leave the call to core.

const {
  http: { ServerResponse },
} = require('../genuine.js')
const { isUint8Array } = require('node:util/types')
const { Buffer } = require('node:buffer')
const { native } = require('../engine.js')
const { find, kCorked, kNeedDrain, kRejectBodyWrites, kUniqueHeaders, own, sampleResponse } = require('../core.js')
const { constructorLike } = require('./shapes')
const { told } = require('./observers')
const { ordinary } = require('./head.js')
const { responseCreated } = require('./channels')
const { isBodyUnseen } = require('./install')
const { ready } = require('./source')

const { byteLength } = Buffer

const { TEXT, LATIN1, BYTES, CHUNK, LAST, HEAD, UTF8_HEAD, FILE } = require('../constants.js').send

/**
 * Whether a response may be sent without its socket's stream: it is its turn, and nothing is queued or held back
 * anywhere.
 */
function isDirect(res, connection) {
  if (connection.current !== res || connection.ending || connection.failure !== 0) return false
  if (res.finished || res.destroyed || res[kCorked] > 0 || res.outputData.length > 0 || res.strictContentLength)
    return false
  if (res._send !== own._send || res._writeRaw !== own._writeRaw) return false
  const { socket } = connection
  if (socket === undefined) return !connection.closing
  const state = socket._writableState
  return state.length === 0 && state.corked === 0 && !socket.destroyed
}

/** How a body is passed to Rust, as a bit of `httpSend`; 0 if core must handle it. */
function kindOf(chunk, encoding) {
  if (typeof chunk === 'string') {
    if (encoding === undefined || encoding === null || encoding === 'utf8' || encoding === 'utf-8') return TEXT
    return encoding === 'latin1' || encoding === 'binary' ? LATIN1 : 0
  }
  return isUint8Array(chunk) ? BYTES : 0
}

/**
 * If a string follows the head at once, core joins the two and encodes them as UTF-8. The head is encoded in the same
 * way here.
 */
function headBits(bits) {
  return (bits & (TEXT | CHUNK)) === TEXT ? UTF8_HEAD : 0
}

function lengthOf(chunk, kind) {
  return kind === TEXT ? byteLength(chunk) : chunk.length
}

function send(res, connection, bits, chunk, length) {
  if (res._headerSent) return native.httpSend(connection.id, bits, undefined, chunk, length)
  res._headerSent = true
  return native.httpSend(connection.id, bits | headBits(bits) | HEAD, res._header, chunk, length)
}

/** Sends a whole response. Rust writes the head. */
function respond(res, connection, bits, chunk, length) {
  const { lines } = ordinary
  ordinary.res = null
  res._headerSent = true
  return native.httpRespond(connection.id, ordinary.bits, bits | headBits(bits), lines, chunk, length)
}

/** `end` of a response of ours; `core` is core's `end`. */
function end(connection, res, chunk, encoding, callback, core) {
  let bits = 0
  let length = 0
  if (!isDirect(res, connection) || typeof callback === 'function' || typeof encoding === 'function' || res._trailer) {
    return endByCore(connection, res, chunk, encoding, callback, core)
  }
  if (chunk) {
    bits = kindOf(chunk, encoding)
    if (bits === 0) return endByCore(connection, res, chunk, encoding, callback, core)
    length = lengthOf(chunk, bits)
  }
  if (!res._header) {
    res._contentLength = length
    // This may call a `writeHead` of the program's, which may do anything.
    res._implicitHeader()
    if (!isDirect(res, connection)) return endByCore(connection, res, chunk, encoding, callback, core)
  }
  if (!res._hasBody) {
    if (bits !== 0 && res[kRejectBodyWrites]) return endByCore(connection, res, chunk, encoding, callback, core)
    bits = length = 0
  } else if (res.chunkedEncoding) bits |= CHUNK | LAST
  const whole = ordinary.res === res && !res._headerSent
  const status = whole ? respond(res, connection, bits, chunk, length) : send(res, connection, bits, chunk, length)
  res.finished = true
  res._finish()
  connection.sent(res, status)
  return res
}

/** Lets core end the response. As in core's server, the 'finish' event then tells the connection. */
function endByCore(connection, res, chunk, encoding, callback, core) {
  connection.awaitFinish(res)
  return core.call(res, chunk, encoding, callback)
}

/**
 * Ends a response with a body that Rust has. `body.send(id)` sends it behind the head and returns what `httpSend`
 * returns. Returns false if the body must be sent in the usual way; the head may have been made by then.
 */
function endNatively(connection, res, body) {
  if (!isDirect(res, connection) || !isBodyUnseen(res) || res._trailer) return false
  if (!res._header) {
    res._implicitHeader()
    if (!isDirect(res, connection) || !isBodyUnseen(res)) return false
  }
  if (!res._hasBody || res.chunkedEncoding) return false
  const whole = ordinary.res === res && !res._headerSent
  const head = whole ? respond(res, connection, 0) : send(res, connection, 0)
  const status = head < 0 ? head : body.send(connection.id)
  res.finished = true
  res._finish()
  if (status > 0) connection.leaves(res)
  else connection.sent(res, status)
  return true
}

/** `write` of a response of ours; `core` is core's `write`. */
function write(connection, res, chunk, encoding, callback, core) {
  if (!isDirect(res, connection)) return core.call(res, chunk, encoding, callback)
  if (typeof encoding === 'function') {
    callback = encoding
    encoding = undefined
  }
  let bits = chunk === ready.chunk ? FILE : kindOf(chunk, encoding)
  if (bits === 0) return core.call(res, chunk, encoding, callback)
  if (!res._header) {
    res._implicitHeader()
    if (!isDirect(res, connection)) return core.call(res, chunk, encoding, callback)
  }
  const joins = joinsParts && res.chunkedEncoding && bits !== FILE
  if (!res._hasBody || joins) return core.call(res, chunk, encoding, callback)
  const length = lengthOf(chunk, bits)
  if (res.chunkedEncoding) bits |= CHUNK
  const status = send(res, connection, bits, chunk, length)
  const framing = bits & CHUNK ? length.toString(16).length + 4 : 0
  const more = connection.wrote(length + framing, status, callback)
  if (!more) res[kNeedDrain] = true
  return more
}

/**
 * Whether core joins the chunks that are written in one tick, as it does since Node 26. Those writes are left to core.
 */
const joinsParts = (() => {
  if (own.write === undefined) return true
  const res = sampleResponse()
  res._header = ' '
  res.chunkedEncoding = true
  res.socket = { writableCorked: 0, cork() {}, uncork() {} }
  // It stays replaced, because core calls it in a later tick, too.
  res._send = () => true
  own.write.call(res, ' ')
  return res[kCorked] > 0
})()

const sample = sampleResponse({ highWaterMark: 1 })
// Node's server sets this on each response.
sample[kUniqueHeaders] = null
const kHighWaterMark = find(sample, 'kHighWaterMark')
const Response = constructorLike(sample, ['req', 'hasBody', 'keepAlive', 'connection', 'highWaterMark'], {
  req: 'req',
  _hasBody: 'hasBody',
  shouldKeepAlive: 'keepAlive',
  _keepAliveTimeout: 'connection.server.keepAliveTimeout',
  _onPendingData: 'connection.onPendingData',
  [kHighWaterMark]: 'highWaterMark',
})

/** Makes a response of class `Message` to a request. */
function makeResponse(Message, req, connection, keepAlive) {
  const { server } = connection
  let res
  const usual =
    Message === ServerResponse && req.httpVersion === '1.1' && !told.observed && !responseCreated.hasSubscribers
  if (usual && Response !== undefined) {
    res = new Response(req, req.method !== 'HEAD', keepAlive, connection, connection.highWaterMark)
  } else {
    const { highWaterMark } = connection
    res = new Message(req, { highWaterMark, rejectNonStandardBodyWrites: server.rejectNonStandardBodyWrites })
    res._keepAliveTimeout = server.keepAliveTimeout
    res._onPendingData = connection.onPendingData
    // Core's constructor has set it to false for an HTTP/1.0 request.
    res.shouldKeepAlive = keepAlive
    res[kUniqueHeaders] = null
  }
  res._maxRequestsPerSocket = server.maxRequestsPerSocket
  if (server.rejectNonStandardBodyWrites) res[kRejectBodyWrites] = true
  if (server[kUniqueHeaders] !== null) res[kUniqueHeaders] = server[kUniqueHeaders]
  return res
}

module.exports = { makeResponse, isDirect, end, endNatively, write }
