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
  /** Whether the stream ends before the response is complete. */
  isCut() {
    return !(this.stream?.writableEnded ?? this.localEnded) && this.method !== 'HEAD'
  }

  /** Creates the stream object. The request and the response, if there are any, use it from now on. */
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

  /** Sends the header of a response and, if there is one, `body` (a string or bytes). If `ends` is true, the stream ends with it. */
  respond(status, fields, date, body, encoding, ends) {
    this.headersSent = true
    if (!this.fits(fields)) return true
    const flags = status | (date ? bits.DATE : 0) | (ends ? bits.END : 0) | kindOf(body, encoding)
    const said = native.http2Respond(this.session[kState].handle.id, this.id, flags, fields, body, lengthOf(body))
    if (channels.finish.hasSubscribers && said >= 0) this.getStream()[kPublishResponse]()
    return this.said(said, ends)
  }

  /** Sends an informational response (1xx). */
  inform(status, fields) {
    if (!this.fits(fields)) return false
    return native.http2Respond(this.session[kState].handle.id, this.id, status, fields, undefined, 0) >= 0
  }

  /** The response is complete. If the program has not started to read the request's body, the client is asked to stop sending it. */
  onSaid() {
    setImmediate(forsakeLater, this)
  }
}

ServerExchange.prototype.channels = channels

function forsakeLater(exchange) {
  if (!exchange.closed && !exchange.remoteEnded && !exchange.isRead()) exchange.reset(NGHTTP2_NO_ERROR)
}

module.exports = { ServerExchange }
