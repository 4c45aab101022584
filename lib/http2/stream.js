'use strict'

// The stream that programs see: what the streams of servers and clients have in common.

const process = require('node:process')
const { constants } = require('node:http2')
const { errorMonitor } = require('node:events')
const { Duplex } = require('node:stream')
const { deprecate, inspect } = require('node:util')
const { invalidArgType, outOfRange } = require('../errors.js')
const errors = require('./errors.js')
const { fieldsObject, fieldsText, rawFields } = require('./fields.js')
const {
  kCloseCleanly,
  kDestroyWhenDone,
  kEffectiveStreamWindow,
  kEndedElsewhere,
  kExchange,
  kFinishClose,
  kIsLast,
  kIsRead,
  kOnExchangeClosed,
  kOnTrailers,
  kProceed,
  kProgress,
  kReadOut,
  kRequest,
  kResponse,
  kSay,
  kTouch,
} = require('./symbols.js')
const { Timer } = require('./timer.js')

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants

const kTimer = Symbol('timer')
const kRead = Symbol('was read')
const kWaitForTrailers = Symbol('wait for trailers')
const kTrailersReady = Symbol('trailers ready')
const kEnding = Symbol('ending')
const kSent = Symbol('sent headers')
const kSentInfo = Symbol('sent info headers')
const kSentTrailers = Symbol('sent trailers')
const kSession = Symbol('session')

function checkObject(value, name) {
  if (value !== undefined && (value === null || typeof value !== 'object' || Array.isArray(value))) {
    throw invalidArgType(name, 'of type object', value)
  }
}

class Http2Stream extends Duplex {
  constructor(exchange) {
    super({ allowHalfOpen: true, autoDestroy: false, decodeStrings: false, emitClose: true })
    this[kExchange] = exchange
    this[kSession] = exchange.session
    this[kTimer] = new Timer(this)
    this[kRead] = false
    this[kWaitForTrailers] = false
    this[kTrailersReady] = false
    this[kEnding] = false
    this[kSent] = undefined
    this[kSentInfo] = undefined
    this[kSentTrailers] = undefined
    this[kRequest] = undefined
    this[kResponse] = undefined
  }

  get aborted() {
    return this[kExchange].aborted
  }

  get bufferSize() {
    return this.writableLength
  }

  get closed() {
    return this[kExchange].closed || this[kExchange].doomed
  }

  get endAfterHeaders() {
    return this[kExchange].endAfterHeaders
  }

  get headersSent() {
    return this[kExchange].headersSent
  }

  get id() {
    return this[kExchange].id
  }

  get rstCode() {
    return this[kExchange].code
  }

  get sentHeaders() {
    return this[kSent]
  }

  get sentInfoHeaders() {
    return this[kSentInfo]
  }

  get sentTrailers() {
    return this[kSentTrailers]
  }

  get session() {
    return this[kSession]?.destroyed ? undefined : this[kSession]
  }

  get state() {
    if (this.session === undefined) return {}
    const { localEnded, remoteEnded, closed } = this[kExchange]
    // nghttp2's numbers for the state.
    const state = closed ? 7 : localEnded ? 5 : remoteEnded ? 6 : 2
    return {
      state,
      weight: 16,
      sumDependencyWeight: 0,
      localClose: localEnded ? 1 : 0,
      remoteClose: remoteEnded ? 1 : 0,
      localWindowSize: this[kSession]?.[kEffectiveStreamWindow] ?? 0,
    }
  }

  setTimeout(msecs, callback) {
    return this[kTimer].set(msecs, callback)
  }

  /** Priorities are ignored (RFC 9113, 5.3.2). */
  priority() {
    warnOfPriority()
    if (this.destroyed || this.closed) throw errors.invalidStream()
  }

  [kTouch]() {
    this[kTimer].touch()
  }

  /** For the timer: a number that changes while written data is leaving. */
  [kProgress]() {
    return this[kExchange].waiting === undefined ? undefined : this[kSession]?.[kProgress]()
  }

  // --- headers and closing

  sendTrailers(headers) {
    if (this.destroyed || this.closed) throw errors.invalidStream()
    if (this[kSentTrailers] !== undefined) throw errors.trailersSent()
    if (!this[kTrailersReady]) throw errors.trailersNotReady()
    checkObject(headers, 'headers')
    const text = headers === undefined ? '' : fieldsText(headers)
    this[kSentTrailers] = Object.assign(Object.create(null), headers)
    this[kTrailersReady] = false
    const exchange = this[kExchange]
    if (text === '') exchange.write(undefined, '', true)
    else exchange.sendTrailers(text)
  }

  close(code = NGHTTP2_NO_ERROR, callback) {
    if (typeof code !== 'number') throw invalidArgType('code', 'of type number', code)
    if (!Number.isInteger(code)) throw outOfRange('code', 'an integer', code)
    if (code < 0 || code > 0xffffffff) throw outOfRange('code', '>= 0 && <= 4294967295', code)
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (this.closed) return
    if (callback !== undefined) this.once('close', callback)
    this[kFinishClose](code)
  }

  /** Without an error, everything written before is sent first. */
  [kFinishClose](code) {
    if (code !== NGHTTP2_NO_ERROR) this[kExchange].reset(code)
    else this[kCloseCleanly](code)
  }

  // --- the Duplex stream

  _read() {
    const exchange = this[kExchange]
    const isNew = !this[kRead]
    this[kRead] = true
    // A listener that is added in this tick gets the whole body.
    if (isNew && exchange.unread !== undefined) process.nextTick(read, exchange, this)
    else exchange.read(this)
  }

  end(...args) {
    this[kEnding] = true
    return super.end(...args)
  }

  _write(chunk, encoding, callback) {
    const exchange = this[kExchange]
    // The stream learns of the end in another way.
    if (exchange.closed) return callback()
    if (!exchange.headersSent) this[kProceed]()
    // The message has no body: drop the chunk.
    if (exchange.localEnded) return callback()
    this[kTimer].touch()
    this[kSay](bodyOf(chunk, encoding), encoding, this[kIsLast](chunk.length), callback)
  }

  /** Whether a chunk of this length is the last one, so that the end can be sent with it. */
  [kIsLast](length) {
    return this[kEnding] && !this[kWaitForTrailers] && this.writableLength === length
  }

  /** Sends a part of the body. If `ends` is true, the stream ends with it. */
  [kSay](body, encoding, ends, callback) {
    const exchange = this[kExchange]
    if (exchange.write(body, encoding, ends)) callback()
    else exchange.wait(callback)
  }

  _final(callback) {
    const exchange = this[kExchange]
    if (exchange.closed) return callback()
    if (!exchange.headersSent) this[kProceed]()
    if (this[kWaitForTrailers]) {
      callback()
      // After 'finish'.
      process.nextTick(wantTrailers, this)
      return
    }
    if (!exchange.localEnded) this[kSay](undefined, '', true, callback)
    else if (exchange.waiting === undefined) callback()
    else exchange.wait(callback)
  }

  _destroy(error, callback) {
    const exchange = this[kExchange]
    this[kTimer].clear()
    if (!exchange.closed) {
      const code = error?.name === 'AbortError' ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR
      exchange.reset(error ? code : NGHTTP2_NO_ERROR)
    }
    // Anything written from now on is too late.
    this[kEndedElsewhere]()
    const { code } = exchange
    if (!error && code !== NGHTTP2_NO_ERROR && code !== NGHTTP2_CANCEL) error = errors.streamError(code)
    this.push(null)
    process.nextTick(forget, this)
    const { channels } = exchange
    if (error && channels.error.hasSubscribers) channels.error.publish({ stream: this, error })
    callback(error)
  }

  [inspect.custom](depth, options) {
    const { id, closed, destroyed, state, _readableState: readableState, _writableState: writableState } = this
    const shown = { id: id || '<pending>', closed, destroyed, state, readableState, writableState }
    return depth < 0 ? this : `Http2Stream ${inspect(shown, options)}`
  }

  // --- called by the exchange and its participants

  [kIsRead]() {
    return this[kRead] || this.readableFlowing !== null
  }

  [kOnTrailers](text) {
    this.emit('trailers', fieldsObject(text), constants.NGHTTP2_FLAG_END_STREAM | 4, rawFields(text))
  }

  /** Ends the writable side, because the exchange is over or something else has ended it. */
  [kEndedElsewhere]() {
    if (!this.writableEnded) this.end()
  }

  [kOnExchangeClosed]() {
    if (!this.destroyed) this[kDestroyWhenDone]()
  }

  [kDestroyWhenDone]() {
    const { code, reader, remoteEnded, waiting } = this[kExchange]
    if (!this.writableEnded) this.end()
    if (this.errored || code !== NGHTTP2_NO_ERROR || waiting !== undefined) return this.destroy()
    const done = () => this.destroy()
    // `errorMonitor` sees an error without counting as its handler.
    this.once(errorMonitor, () => process.nextTick(done))
    if (passEnd(this) || reader !== this || !this.readable || this.readableEnded) {
      if (this.writableFinished || this.aborted) this.destroy()
      else this.once('finish', done)
      return
    }
    // The program reads first what has arrived.
    if (!remoteEnded) this.push(null)
    this.once('end', done)
    this[kReadOut]()
  }
}

/** A chunk in a form that Rust takes. */
function bodyOf(chunk, encoding) {
  const plain = typeof chunk !== 'string' || /^(?:utf-?8|latin1|binary)$/i.test(encoding)
  return plain ? chunk : require('node:buffer').Buffer.from(chunk, encoding)
}

function read(exchange, stream) {
  exchange.read(stream)
}

/** Marks a message without a body as ended, if it is not read and has no 'end' listener. */
function passEnd(readable) {
  if (!readable[kExchange].endAfterHeaders || readable[kIsRead]() || readable.listenerCount('end') > 0) return false
  const { _readableState: state } = readable
  state.ended = true
  state.endEmitted = true
  return true
}

function wantTrailers(stream) {
  if (stream.destroyed || stream.closed || stream[kExchange].localEnded) return
  stream[kTrailersReady] = true
  if (!stream.emit('wantTrailers')) stream.sendTrailers({})
}

const warnOfPriority = deprecate(
  () => {},
  'http2Stream.priority is longer supported after priority signalling was deprecated in RFC 9113',
  'DEP0194',
)

function forget(stream) {
  stream[kSession] = undefined
}

module.exports = {
  Http2Stream,
  bodyOf,
  checkObject,
  passEnd,
  kExchange,
  kSent,
  kSentInfo,
  kSentTrailers,
  kSession,
  kTrailersReady,
  kWaitForTrailers,
}
