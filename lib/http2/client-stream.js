'use strict'

// A stream of a client's session.

const { constants } = require('node:http2')
const { addAbortSignal } = require('node:stream')
const { client: channels } = require('./channels.js')
const { objectOf } = require('./fields.js')
const { Http2Stream, kExchange, kSent, kWaitForTrailers } = require('./stream.js')

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

  waitForTrailers() {
    this[kWaitForTrailers] = true
  }

  /** Ends when the signal says so. */
  heed(signal) {
    addAbortSignal(signal, this)
  }

  _write(chunk, encoding, callback) {
    if (this[kExchange].holds(() => this._write(chunk, encoding, callback))) return
    super._write(chunk, encoding, callback)
    if (channels.bodyChunkSent.hasSubscribers) {
      channels.bodyChunkSent.publish({ stream: this, writev: false, data: chunk, encoding })
    }
  }

  _final(callback) {
    if (this[kExchange].holds(() => this._final(callback))) return
    super._final(callback)
    if (channels.bodySent.hasSubscribers) channels.bodySent.publish({ stream: this })
  }

  /** Its header is what it begins with. */
  proceed() {}

  finishClose(code) {
    if (!this.pending) return super.finishClose(code)
    // When the request is out.
    this[kExchange].doom(code)
    const isLater = code === NGHTTP2_NO_ERROR && this.writableEnded
    if (!this.writableEnded) this.end()
    if (!isLater) this.push(null)
  }

  /** Ends it without an error: what was written goes first. */
  closeCleanly(code) {
    const exchange = this[kExchange]
    if (this.writableEnded && !this.writableFinished) {
      exchange.doom(code)
      this.once('finish', () => exchange.resetWhenSent(code))
    } else exchange.resetWhenSent(code)
  }

  /** What there is to read is the program's; where there is nothing, that is the end. */
  readOut() {
    this.read(0)
  }
}

module.exports = { ClientHttp2Stream }
