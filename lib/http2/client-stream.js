'use strict'

// A stream of a client's session.

const { constants } = require('node:http2')
const { addAbortSignal } = require('node:stream')
const { client: channels } = require('./channels.js')
const { objectOf } = require('./fields.js')
const { Http2Stream, bodyOf, kExchange, kSent, kWaitForTrailers } = require('./stream.js')
const {
  kAwaitTrailers,
  kCloseCleanly,
  kFinishClose,
  kHeed,
  kIsLast,
  kProceed,
  kReadOut,
  kTouch,
} = require('./symbols.js')

const { NGHTTP2_NO_ERROR } = constants

class ClientHttp2Stream extends Http2Stream {
  get pending() {
    return this.id === undefined
  }

  get headRequest() {
    return false
  }

  get sentHeaders() {
    const { object, raw } = this[kExchange].request
    if (object === undefined && raw !== undefined) this[kSent] ??= objectOf(raw)
    return object ?? this[kSent]
  }

  [kAwaitTrailers]() {
    this[kWaitForTrailers] = true
  }

  /** Ends when the signal says so. */
  [kHeed](signal) {
    addAbortSignal(signal, this)
  }

  _write(chunk, encoding, callback) {
    const exchange = this[kExchange]
    if (exchange.holds(() => this._write(chunk, encoding, callback))) return
    if (!exchange.closed) publishChunk(this, false, chunk, encoding)
    super._write(chunk, encoding, callback)
  }

  /** Several writes at once: those from before the request could go out, and those that had to wait. */
  _writev(parts, callback) {
    const exchange = this[kExchange]
    if (exchange.holds(() => this._writev(parts, callback))) return
    if (!exchange.closed) publishChunk(this, true, parts, '')
    if (exchange.closed || exchange.localEnded) return callback()
    this[kTouch]()
    const ends = this[kIsLast](parts.reduce((sum, { chunk }) => sum + chunk.length, 0))
    let at = 0
    const go = (error) => {
      if (error) return callback(error)
      while (at < parts.length) {
        const { chunk, encoding } = parts[at++]
        const isEnd = ends && at === parts.length
        if (!exchange.write(bodyOf(chunk, encoding), encoding, isEnd)) return exchange.wait(go)
      }
      callback()
    }
    go()
  }

  _final(callback) {
    if (this[kExchange].holds(() => this._final(callback))) return
    super._final(callback)
    if (channels.bodySent.hasSubscribers) channels.bodySent.publish({ stream: this })
  }

  /** Its header is what it begins with. */
  [kProceed]() {}

  [kFinishClose](code) {
    if (!this.pending) return super[kFinishClose](code)
    // When the request is out.
    this[kExchange].doom(code)
    const isLater = code === NGHTTP2_NO_ERROR && this.writableEnded
    if (!this.writableEnded) this.end()
    if (!isLater) this.push(null)
  }

  /** Ends it without an error: what was written goes first. */
  [kCloseCleanly](code) {
    const exchange = this[kExchange]
    if (this.writableEnded && !this.writableFinished) {
      exchange.doom(code)
      this.once('finish', () => exchange.resetWhenSent(code))
    } else exchange.resetWhenSent(code)
  }

  /** What there is to read is the program's; where there is nothing, that is the end. */
  [kReadOut]() {
    this.read(0)
  }
}

function publishChunk(stream, writev, data, encoding) {
  if (!channels.bodyChunkSent.hasSubscribers) return
  // As Node has it, bytes alone need no encodings.
  if (writev && data.allBuffers) data = data.map(({ chunk }) => chunk)
  channels.bodyChunkSent.publish({ stream, writev, data, encoding })
}

module.exports = { ClientHttp2Stream }
