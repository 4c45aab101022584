'use strict'

// What happens on one stream of a server's session: a request comes in, a response goes out. Whoever takes part in it, the stream that
// programs see or the request and response of the compatible API, is told here.

const { AsyncResource } = require('node:async_hooks')
const { constants } = require('node:http2')
const { setImmediate } = require('node:timers')
const { native } = require('../engine.js')
const channels = require('./channels.js')
const { fieldsObject } = require('./fields.js')
const { http2Send: bits, http2Sent: sent } = require('../constants.js')

const { NGHTTP2_NO_ERROR, NGHTTP2_FLAG_END_STREAM } = constants
const { ALL, CLOSED } = sent

/** So much of a body is taken before anybody reads it. */
const MOST_UNREAD = 16 * 1024

class Exchange {
  constructor(session, id, text, method, path, ended) {
    this.session = session
    this.id = id
    /** The request's header, as Rust says it. */
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
      this.stream = this.session.makeStream(this)
      if (this.closed) this.stream.destroy()
    }
    return this.stream
  }

  // --- what comes

  onData(chunk) {
    this.session.touch()
    const { reader, stream } = this
    if (stream !== undefined) stream.touch()
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
    native.http2Pause(this.session.handle.id, this.id)
  }

  onEnd(trailers) {
    this.remoteEnded = true
    if (this.resource === undefined) this.takeEnd(trailers)
    else this.resource.runInAsyncScope(this.takeEnd, this, trailers)
  }

  takeEnd(trailers) {
    if (trailers.length > 0) {
      this.req?.onTrailers(trailers)
      this.stream?.onTrailers(trailers)
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
    const kept = native.http2Resume(this.session.handle.id, this.id)
    return kept === undefined ? [] : [kept]
  }

  isRead() {
    return this.req?.isRead() === true || this.stream?.isRead() === true
  }

  onReset(code) {
    if (this.closed) return
    this.code = code
    this.close()
  }

  onDrained() {
    this.session.touch()
    const { waiting } = this
    this.waiting = undefined
    try {
      waiting?.()
    } finally {
      if (this.lastWord !== undefined) this.reset(this.lastWord)
      else if (this.localEnded && !this.remoteEnded) this.forsake()
    }
  }

  /** Has `callback` called when all that was written is framed, in the context of right now. */
  wait(callback) {
    this.waiting = AsyncResource.bind(callback)
  }

  /** Nothing happens on the stream any more. Nobody is told yet. */
  settle() {
    if (this.closed) return
    this.closed = true
    // Before all was said.
    this.aborted = !this.localEnded && this.method !== 'HEAD'
    this.session.forget(this)
    this.stream?.endedElsewhere()
    if (channels.close.hasSubscribers) channels.close.publish({ stream: this.getStream() })
  }

  /** The stream is over, and all are told. */
  close() {
    this.settle()
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
    const { waiting, req, res, stream } = this
    this.waiting = undefined
    try {
      this.giveRest()
      waiting?.()
    } finally {
      try {
        req?.onExchangeClosed()
      } finally {
        try {
          res?.onExchangeClosed()
        } finally {
          stream?.onExchangeClosed()
        }
      }
    }
  }

  // --- what goes

  /** The header of a response, and `body` behind it, if there is one: a string or bytes. The stream ends with it if it `ends`. */
  respond(status, fields, date, body, encoding, ends) {
    this.headersSent = true
    const flags = status | (date ? bits.DATE : 0) | (ends ? bits.END : 0) | kindOf(body, encoding)
    const said = native.http2Respond(this.session.handle.id, this.id, flags, fields, body, lengthOf(body))
    if (channels.finish.hasSubscribers && said >= 0) this.publishResponse(status, fields, ends)
    return this.said(said, ends)
  }

  publishResponse(status, fields, ends) {
    const headers = Object.assign(fieldsObject(fields), { ':status': status })
    channels.finish.publish({ stream: this.getStream(), headers, flags: ends ? NGHTTP2_FLAG_END_STREAM : 0 })
  }

  /** 1xx. */
  inform(status, fields) {
    return native.http2Respond(this.session.handle.id, this.id, status, fields, undefined, 0) >= 0
  }

  write(body, encoding, ends) {
    const flags = (ends ? bits.END : 0) | kindOf(body, encoding)
    return this.said(native.http2Write(this.session.handle.id, this.id, flags, body, lengthOf(body)), ends)
  }

  sendTrailers(fields) {
    return this.said(native.http2Trailers(this.session.handle.id, this.id, fields), true)
  }

  /** Whether all is framed; false when `waiting` is called later. Nothing is left to wait for on a stream that is gone. */
  said(status, ends) {
    this.session.touch()
    if (status < 0) return true
    if (ends) {
      this.localEnded = true
      if (status & CLOSED) this.session.closeSoon(this)
      else if (!this.remoteEnded && (status & ALL) !== 0) this.forsake()
    }
    return (status & ALL) !== 0
  }

  /** All is said, and nobody has begun to read what the peer still sends: it need not go on. */
  forsake() {
    setImmediate(forsakeLater, this)
  }

  /** All are told in a tick of their own. */
  reset(code) {
    if (this.closed) return
    this.code = code
    native.http2Reset(this.session.handle.id, this.id, code)
    this.session.closeSoon(this)
    this.settle()
  }

  /** Ends the stream behind what was written. */
  resetWhenSent(code) {
    if (this.waiting === undefined) this.reset(code)
    else this.lastWord = code
  }
}

/** What Rust is given as a body. */
function kindOf(body, encoding) {
  if (body === undefined) return 0
  if (typeof body !== 'string') return bits.BYTES
  return encoding === 'latin1' || encoding === 'binary' ? bits.LATIN1 : bits.TEXT
}

/** Of bytes; what text comes to is Rust's to find out. */
const lengthOf = (body) => (body === undefined || typeof body === 'string' ? 0 : body.length)

function forsakeLater(exchange) {
  if (!exchange.closed && !exchange.remoteEnded && !exchange.isRead()) exchange.reset(NGHTTP2_NO_ERROR)
}

module.exports = { Exchange }
