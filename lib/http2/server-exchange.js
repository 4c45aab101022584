'use strict'

// What happens on one stream of a server's session: a request comes in, a response goes out.

const { constants } = require('node:http2')
const { setImmediate } = require('node:timers')
const { native } = require('../engine.js')
const { server: channels } = require('./channels.js')
const { Exchange, kindOf, lengthOf } = require('./exchange.js')
const { kPublishResponse, kRecall, kStandOn, kState } = require('./symbols.js')
const { http2Send: bits } = require('../constants.js')

const { NGHTTP2_NO_ERROR } = constants

class ServerExchange extends Exchange {
  /** It ends before all was said. */
  isCut() {
    return !(this.stream?.writableEnded ?? this.localEnded) && this.method !== 'HEAD'
  }

  /** Those who take part in it already stand on the stream from now on. */
  getStream() {
    if (this.stream !== undefined) return this.stream
    const stream = super.getStream()
    const { closed, req, res } = this
    if (res !== undefined) stream[kRecall](res)
    if (closed) return stream
    if (this.reader !== undefined) this.reader = stream
    this.req = undefined
    this.res = undefined
    req?.[kStandOn](stream)
    res?.[kStandOn](stream)
    return stream
  }

  /** The header of a response, and `body` behind it, if there is one: a string or bytes. The stream ends with it if it `ends`. */
  respond(status, fields, date, body, encoding, ends) {
    this.headersSent = true
    if (!this.fits(fields)) return true
    const flags = status | (date ? bits.DATE : 0) | (ends ? bits.END : 0) | kindOf(body, encoding)
    const said = native.http2Respond(this.session[kState].handle.id, this.id, flags, fields, body, lengthOf(body))
    if (channels.finish.hasSubscribers && said >= 0) this.getStream()[kPublishResponse]()
    return this.said(said, ends)
  }

  /** 1xx. */
  inform(status, fields) {
    if (!this.fits(fields)) return false
    return native.http2Respond(this.session[kState].handle.id, this.id, status, fields, undefined, 0) >= 0
  }

  /** All is said, and nobody has begun to read what the peer still sends: it need not go on. */
  onSaid() {
    setImmediate(forsakeLater, this)
  }
}

ServerExchange.prototype.channels = channels

function forsakeLater(exchange) {
  if (!exchange.closed && !exchange.remoteEnded && !exchange.isRead()) exchange.reset(NGHTTP2_NO_ERROR)
}

module.exports = { ServerExchange }
