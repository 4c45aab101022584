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

  /** Ends the stream when the signal aborts. */
  [kHeed](signal) {
    addAbortSignal(signal, this)
  }

  _write(chunk, encoding, callback) {
    const exchange = this[kExchange]
    if (exchange.holds(() => this._write(chunk, encoding, callback))) return
    if (!exchange.closed) publishChunk(this, false, chunk, encoding)
    super._write(chunk, encoding, callback)
  }

  /** Several writes at once: those made before the request could be sent, and those that had to wait. */
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

  /** The header of a request is always sent first, so nothing is left to do. */
  [kProceed]() {}

  [kFinishClose](code) {
    if (!this.pending) return super[kFinishClose](code)
    // Close the stream after the request has been sent.
    this[kExchange].doom(code)
    const isLater = code === NGHTTP2_NO_ERROR && this.writableEnded
    if (!this.writableEnded) this.end()
    if (!isLater) this.push(null)
  }

  /** Closes the stream without an error, after everything that was written. */
  [kCloseCleanly](code) {
    const exchange = this[kExchange]
    if (this.writableEnded && !this.writableFinished) {
      exchange.doom(code)
      this.once('finish', () => exchange.resetWhenSent(code))
    } else exchange.resetWhenSent(code)
  }

  /** Leaves the data that has arrived to the program. If there is none, the stream ends. */
  [kReadOut]() {
    this.read(0)
  }
}

function publishChunk(stream, writev, data, encoding) {
  if (!channels.bodyChunkSent.hasSubscribers) return
  // As in Node, encodings are left out if all chunks are bytes.
  if (writev && data.allBuffers) data = data.map(({ chunk }) => chunk)
  channels.bodyChunkSent.publish({ stream, writev, data, encoding })
}

module.exports = { ClientHttp2Stream }
