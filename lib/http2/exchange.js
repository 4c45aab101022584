'use strict'

// An exchange: what happens on one stream of a session. It reports to the objects that programs see: the stream, or the request and
// the response of a server's compatibility API.

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

/** The number of the frame type, for 'frameError'. */
const HEADERS = 1
/** nghttp2's limit for a header block that is sent. */
const MOST_FIELDS = 64 * 1024
/** How many bytes of a body are kept before the program starts to read. */
const MOST_UNREAD = 16 * 1024

class Exchange {
  constructor(session, id, text, method, path, ended) {
    this.session = session
    this.id = id
    /** The fields of the request that was received, in Rust's text format. */
    this.text = text
    this.method = method
    this.path = path
    /** The peer has ended its side; and it did so with the header, so there is no body. */
    this.remoteEnded = ended
    this.endAfterHeaders = ended
    /** Our side has ended: everything was written, though perhaps not sent yet. */
    this.localEnded = false
    this.headersSent = false
    /** Nothing can be sent or received on the stream any more, and its participants know that. */
    this.closed = false
    /** The program has closed the stream. It is reset once everything written before has been sent. */
    this.doomed = false
    this.told = false
    this.code = NGHTTP2_NO_ERROR
    this.aborted = false
    /** The response has no body, even if the program writes one. */
    this.bodiless = false
    /** Reading is paused: Rust keeps the data that arrives. */
    this.paused = false
    /** Called once everything written has been put into frames; after that, the stream is reset with the code in `lastWord`. */
    this.waiting = undefined
    this.lastWord = undefined
    /** The participants. */
    this.req = undefined
    this.res = undefined
    this.stream = undefined
    this.resource = undefined
    /** The participant that receives the body: the first one that reads. */
    this.reader = undefined
    /** The chunks that arrived before that, and their total length. */
    this.unread = undefined
    this.unreadBytes = 0
    this.bodyDone = ended
  }

  /** The stream object that programs see. It is created by the first call. */
  getStream() {
    if (this.stream === undefined) {
      this.stream = this.session[kMakeStream](this)
      if (this.closed) this.stream.destroy()
    }
    return this.stream
  }

  // --- receiving

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

  /** `reader` asks for more data. */
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

  /** Gives the reader everything that has arrived, even if it has not asked for it. */
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

  /** The data that Rust has kept while the exchange was paused. */
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

  /** Calls `callback` once everything written has been put into frames, or with the error that prevents it. Keeps the current async context. */
  wait(callback) {
    const { waiting } = this
    const bound = AsyncResource.bind(callback)
    // The response may be waiting already, from before the stream object existed.
    this.waiting = waiting === undefined ? bound : (error) => each([waiting, bound], (tell) => tell(error))
  }

  /** The program has not ended its side and cannot any more. 'aborted' is emitted before the stream ends. */
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

  /** Marks the exchange as closed; its participants are informed later. If `ends` is false, the writable side of the stream is not ended. */
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

  /** Closes the exchange and informs its participants. */
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

  // --- sending

  write(body, encoding, ends) {
    const flags = (ends ? bits.END : 0) | kindOf(body, encoding)
    return this.said(native.http2Write(this.session[kState].handle.id, this.id, flags, body, lengthOf(body)), ends)
  }

  sendTrailers(fields) {
    if (!this.fits(fields)) return true
    return this.said(native.http2Trailers(this.session[kState].handle.id, this.id, fields), true)
  }

  /** Whether the fields fit into the limit for headers that are sent. Like nghttp2, it compares an upper bound of the encoded length. */
  fits(fields) {
    const { session } = this
    const most = limit(session[kState].options.maxSendHeaderBlockLength, 0, MOST_FIELDS)
    if (fields.length * 5 + 12 <= most || boundOf(fields) <= most) return true
    session[kFailFrame](this, HEADERS, this.id === undefined ? NGHTTP2_REFUSED_STREAM : NGHTTP2_FRAME_SIZE_ERROR)
    return false
  }

  /** Returns true if everything has been put into frames, or if the stream is gone; false if the function in `waiting` is called later. */
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

  /** Both sides have ended. If the end of the peer's side has not been reported yet, the exchange closes after that. */
  over() {
    if (this.remoteEnded) this.session[kCloseSoon](this)
    else this.isOver = true
  }

  /** Resets the stream. The participants are informed in a later tick. */
  reset(code) {
    if (this.closed) return
    this.code = code
    native.http2Reset(this.session[kState].handle.id, this.id, code)
    this.session[kCloseSoon](this)
    this.settle()
  }

  /** The program has closed the stream; the reset follows later. Whatever it has not written by now is not sent. */
  doom(code) {
    this.code = code
    this.doomed = true
    if (this.isCut()) this.abort()
  }

  /** Resets the stream after everything that was written. */
  resetWhenSent(code) {
    if (this.waiting === undefined) this.reset(code)
    else this.lastWord = code
  }
}

/** Both sides have ended, but not everything that arrived has been reported. */
Exchange.prototype.isOver = false

const ECANCELED = -os.constants.errno.ECANCELED

/** The steps that inform the participants of the end, in this order. */
const endings = [
  (exchange) => exchange.giveRest(),
  ({ req }) => req?.[kOnExchangeClosed](),
  ({ res }) => res?.[kOnExchangeClosed](),
  ({ stream }) => stream?.[kOnExchangeClosed](),
  // Data that was still waiting to be sent has been dropped.
  (exchange) => exchange.waiting !== undefined && process.nextTick(cancel, exchange),
]

function cancel(exchange) {
  exchange.stopWaiting(systemError(ECANCELED, 'write'))
}

/** An upper bound for the encoded length of these fields, in bytes. */
function boundOf(fields) {
  const parts = fields.split('\0')
  return parts.reduce((sum, { length }) => sum + length, 12 + 6 * (parts.length - 1))
}

/** The flag that tells Rust in which form it gets a body. */
function kindOf(body, encoding) {
  if (body === undefined) return 0
  if (typeof body !== 'string') return bits.BYTES
  return encoding === 'latin1' || encoding === 'binary' ? bits.LATIN1 : bits.TEXT
}

/** The length of a body in bytes. For a string it is 0, because Rust measures that itself. */
const lengthOf = (body) => (body === undefined || typeof body === 'string' ? 0 : body.length)

module.exports = { Exchange, kindOf, lengthOf }
