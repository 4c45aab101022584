'use strict'

// What happens on one stream of a session. Whoever takes part in it, the stream that programs see or a server's request and response of the compatible
// API, is told here.

const { AsyncResource } = require('node:async_hooks')
const { constants } = require('node:http2')
const os = require('node:os')
const process = require('node:process')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { each } = require('./each.js')
const { limit } = require('./options.js')
const {
  kCloseSoon,
  kEndedElsewhere,
  kFailFrame,
  kForget,
  kIsRead,
  kMakeStream,
  kOnExchangeClosed,
  kOnTrailers,
  kState,
  kTouch,
} = require('./symbols.js')
const { http2Send: bits, http2Sent: sent } = require('../constants.js')

const { NGHTTP2_NO_ERROR, NGHTTP2_FRAME_SIZE_ERROR, NGHTTP2_REFUSED_STREAM } = constants
const { ALL, CLOSED } = sent

/** The kind of frame. */
const HEADERS = 1
/** nghttp2's limit of a block that is sent. */
const MOST_FIELDS = 64 * 1024
/** So much of a body is taken before anybody reads it. */
const MOST_UNREAD = 16 * 1024

class Exchange {
  constructor(session, id, text, method, path, ended) {
    this.session = session
    this.id = id
    /** A request's header that was received, as Rust says it. */
    this.text = text
    this.method = method
    this.path = path
    /** The peer's side has ended; nothing follows the header. */
    this.remoteEnded = ended
    this.endAfterHeaders = ended
    /** Ours has: all of it is said, though perhaps not sent. */
    this.localEnded = false
    this.headersSent = false
    /** Nothing can be said on the stream, or comes on it, any more; and those who take part in it know that. */
    this.closed = false
    /** The program has closed it, which is done when what was written has gone. */
    this.doomed = false
    this.told = false
    this.code = NGHTTP2_NO_ERROR
    this.aborted = false
    /** The response has no body, whatever is written. */
    this.bodiless = false
    /** Rust keeps what arrives. */
    this.paused = false
    /** Called when all that was written is framed; and then it is reset, with this code. */
    this.waiting = undefined
    this.lastWord = undefined
    /** The participants. */
    this.req = undefined
    this.res = undefined
    this.stream = undefined
    this.resource = undefined
    /** Who takes the body: the first of them that reads. */
    this.reader = undefined
    /** What has come of it before that, and its bytes. */
    this.unread = undefined
    this.unreadBytes = 0
    this.bodyDone = ended
  }

  /** The stream that programs see, from now on. */
  getStream() {
    if (this.stream === undefined) {
      this.stream = this.session[kMakeStream](this)
      if (this.closed) this.stream.destroy()
    }
    return this.stream
  }

  // --- what comes

  onData(chunk) {
    this.session[kTouch]()
    const { reader, stream } = this
    if (stream !== undefined) stream[kTouch]()
    if (reader === undefined) this.keep(chunk)
    else if (this.resource === undefined) this.take(chunk)
    else this.resource.runInAsyncScope(this.take, this, chunk)
  }

  take(chunk) {
    if (!this.reader.push(chunk)) this.pause()
  }

  keep(chunk) {
    this.unread ??= []
    this.unread.push(chunk)
    this.unreadBytes += chunk.length
    if (this.unreadBytes >= MOST_UNREAD) this.pause()
  }

  pause() {
    if (this.paused || this.closed) return
    this.paused = true
    native.http2Pause(this.session[kState].handle.id, this.id)
  }

  onEnd(trailers) {
    this.remoteEnded = true
    if (this.isOver) this.session[kCloseSoon](this)
    if (this.resource === undefined) this.takeEnd(trailers)
    else this.resource.runInAsyncScope(this.takeEnd, this, trailers)
  }

  takeEnd(trailers) {
    if (trailers.length > 0) {
      this.req?.[kOnTrailers](trailers)
      this.stream?.[kOnTrailers](trailers)
    }
    if (this.reader !== undefined && !this.paused) this.finishBody()
  }

  finishBody() {
    if (this.bodyDone) return
    this.bodyDone = true
    this.reader.push(null)
  }

  /** `reader` wants more. */
  read(reader) {
    this.reader ??= reader
    if (this.reader !== reader || this.bodyDone) return
    let more = true
    for (const chunk of this.takeUnread()) more = reader.push(chunk)
    if (!more && !this.closed) return this.pause()
    if (this.paused) {
      this.paused = false
      for (const chunk of this.takeKept()) this.take(chunk)
    }
    if (this.remoteEnded && !this.paused) this.finishBody()
  }

  /** All that has come is the reader's, whether he has asked for it or not. */
  giveRest() {
    this.reader ??= this.req ?? this.stream
    const { reader, paused } = this
    if (reader === undefined || this.bodyDone) return
    for (const chunk of this.takeUnread()) reader.push(chunk)
    this.paused = false
    if (paused) for (const chunk of this.takeKept()) reader.push(chunk)
    if (this.remoteEnded) this.finishBody()
  }

  takeUnread() {
    const { unread = [] } = this
    this.unread = undefined
    this.unreadBytes = 0
    return unread
  }

  /** What Rust has kept while this was paused. */
  takeKept() {
    const kept = native.http2Resume(this.session[kState].handle.id, this.id)
    return kept === undefined ? [] : [kept]
  }

  isRead() {
    return this.req?.[kIsRead]() === true || this.stream?.[kIsRead]() === true
  }

  onReset(code) {
    if (this.closed) return
    this.code = code
    this.close()
  }

  onDrained() {
    this.session[kTouch]()
    try {
      this.stopWaiting(null)
    } finally {
      if (this.lastWord !== undefined) this.reset(this.lastWord)
      else if (this.localEnded && !this.remoteEnded) this.onSaid()
    }
  }

  /** Has `callback` called when all that was written is framed, or with why it will not be, in the context of right now. */
  wait(callback) {
    const { waiting } = this
    const bound = AsyncResource.bind(callback)
    // Who took part before there was a stream may wait, too.
    this.waiting = waiting === undefined ? bound : (error) => each([waiting, bound], (tell) => tell(error))
  }

  /** Its program has not said all, and will not: the stream hears of that before it is ended. */
  abort() {
    const { aborted, resource, stream } = this
    this.aborted = true
    if (aborted || stream === undefined) return
    if (resource === undefined) stream.emit('aborted')
    else resource.runInAsyncScope(stream.emit, stream, 'aborted')
  }

  stopWaiting(error) {
    const { waiting } = this
    this.waiting = undefined
    waiting?.(error)
  }

  /** Nothing happens on the stream any more. Nobody is told yet. Whoever destroys it at once need not have it end before that. */
  settle(ends = true) {
    if (this.closed) return
    this.closed = true
    const isCut = this.isCut()
    this.session[kForget](this)
    try {
      if (isCut) this.abort()
    } finally {
      this.endStream(ends)
    }
  }

  endStream(ends) {
    if (ends) this.stream?.[kEndedElsewhere]()
    const { close } = this.channels
    if (close.hasSubscribers) close.publish({ stream: this.getStream() })
  }

  /** The stream is over, and all are told. */
  close() {
    try {
      this.settle()
    } finally {
      this.tellOnce()
    }
  }

  tellOnce() {
    if (this.told) return
    this.told = true
    const { resource } = this
    if (resource === undefined) return this.tell()
    try {
      resource.runInAsyncScope(this.tell, this)
    } finally {
      resource.emitDestroy()
    }
  }

  tell() {
    each(endings, (tell) => tell(this))
  }

  // --- what goes

  write(body, encoding, ends) {
    const flags = (ends ? bits.END : 0) | kindOf(body, encoding)
    return this.said(native.http2Write(this.session[kState].handle.id, this.id, flags, body, lengthOf(body)), ends)
  }

  sendTrailers(fields) {
    if (!this.fits(fields)) return true
    return this.said(native.http2Trailers(this.session[kState].handle.id, this.id, fields), true)
  }

  /** Whether a list of fields is not longer than the session may send. As nghttp2 has it, that is by what it may take. */
  fits(fields) {
    const { session } = this
    const most = limit(session[kState].options.maxSendHeaderBlockLength, 0, MOST_FIELDS)
    if (fields.length * 5 + 12 <= most || boundOf(fields) <= most) return true
    session[kFailFrame](this, HEADERS, this.id === undefined ? NGHTTP2_REFUSED_STREAM : NGHTTP2_FRAME_SIZE_ERROR)
    return false
  }

  /** Whether all is framed; false when `waiting` is called later. Nothing is left to wait for on a stream that is gone. */
  said(status, ends) {
    this.session[kTouch]()
    if (status < 0) return true
    if (ends) {
      this.localEnded = true
      if (status & CLOSED) this.over()
      else if (!this.remoteEnded && (status & ALL) !== 0) this.onSaid()
    }
    return (status & ALL) !== 0
  }

  /** Both sides have ended. What has come of the peer's may not be told yet: then it is over behind that. */
  over() {
    if (this.remoteEnded) this.session[kCloseSoon](this)
    else this.isOver = true
  }

  /** All are told in a tick of their own. */
  reset(code) {
    if (this.closed) return
    this.code = code
    native.http2Reset(this.session[kState].handle.id, this.id, code)
    this.session[kCloseSoon](this)
    this.settle()
  }

  /** The program has closed it, which is done later. What it has not said by now it will not say. */
  doom(code) {
    this.code = code
    this.doomed = true
    if (this.isCut()) this.abort()
  }

  /** Ends the stream behind what was written. */
  resetWhenSent(code) {
    if (this.waiting === undefined) this.reset(code)
    else this.lastWord = code
  }
}

/** Both sides have ended, and not all that has come is told. */
Exchange.prototype.isOver = false

const ECANCELED = -os.constants.errno.ECANCELED

/** What those who take part in it hear at the end, in this order. */
const endings = [
  (exchange) => exchange.giveRest(),
  ({ req }) => req?.[kOnExchangeClosed](),
  ({ res }) => res?.[kOnExchangeClosed](),
  ({ stream }) => stream?.[kOnExchangeClosed](),
  // What was still to be sent was not.
  (exchange) => exchange.waiting !== undefined && process.nextTick(cancel, exchange),
]

function cancel(exchange) {
  exchange.stopWaiting(systemError(ECANCELED, 'write'))
}

/** How many bytes a block of these fields takes at most. */
function boundOf(fields) {
  const parts = fields.split('\0')
  return parts.reduce((sum, { length }) => sum + length, 12 + 6 * (parts.length - 1))
}

/** What Rust is given as a body. */
function kindOf(body, encoding) {
  if (body === undefined) return 0
  if (typeof body !== 'string') return bits.BYTES
  return encoding === 'latin1' || encoding === 'binary' ? bits.LATIN1 : bits.TEXT
}

/** Of bytes; what text comes to is Rust's to find out. */
const lengthOf = (body) => (body === undefined || typeof body === 'string' ? 0 : body.length)

module.exports = { Exchange, kindOf, lengthOf }
