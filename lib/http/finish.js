'use strict'

// The end of responses: what core does with one that is out, and with its request; cheaper where nobody listens.

const process = require('node:process')
const core = require('../core.js')
const { isHandling } = require('./batch')
const channels = require('./channels')
const { dump } = require('./incoming')
const { emitsByItself, kConnection } = require('./install')

/** Responses that went out whole, until what core does after that is done. */
const ended = []

/** Whether somebody is there to hear a message's events, by whatever way. */
function isHeard(message) {
  return message._eventsCount > 0 || !emitsByItself(message)
}

/** A response of ours has gone out whole, past the stream. */
function finishSent(connection, res) {
  // Callbacks of writes come before the end, too.
  const heard = isHeard(res) || connection.turnCallbacks !== null || channels.responseFinish.hasSubscribers
  if (heard) process.nextTick(emitFinish, connection, res)
  else if (ended.push(res) === 1 && !isHandling()) process.nextTick(settleEnded)
}

/**
 * Delays closing a response that has ended but is used again. Node reports that as an error in a later tick, unless the
 * response is closed by then.
 */
function settleLater(connection, res) {
  const index = ended.indexOf(res)
  if (index === -1) return
  ended.splice(index, 1)
  process.nextTick(emitFinish, connection, res)
}

/** Whether a response of this connection has gone out, and the rest is still to be done. */
function isUnsettled(connection) {
  return ended.some((res) => res._onPendingData[kConnection] === connection)
}

/** What core does to a response that is out, and to its request, where nobody listens. */
function settleEnded() {
  if (ended.length === 0) return
  for (let i = 0; i < ended.length; i++) {
    const res = ended[i]
    if (isHeard(res)) process.nextTick(emitFinish, res._onPendingData[kConnection], res)
    else {
      finish(res)
      settle(res)
      res.destroyed = res._closed = true
    }
  }
  ended.length = 0
}

function settle(res) {
  const { req } = res
  if (req[core.kHeaders] !== null) res._onPendingData[kConnection].lastFields.wanted = true
  dump(req)
  res.socket = null
}

function finish(res) {
  if (core.kWritableFinished !== undefined) res[core.kWritableFinished] = true
}

/** Tells Node's channel that a response is out. */
function publishFinish({ socket, server }, res) {
  const finished = channels.responseFinish
  if (finished.hasSubscribers) finished.publish({ request: res.req, response: res, socket, server })
}

function emitFinish(connection, res) {
  finish(res)
  publishFinish(connection, res)
  // In Node the server listens first: all this is done when the application's listeners hear.
  settle(res)
  process.nextTick(emitClose, res)
  res.emit('finish')
}

function emitClose(res) {
  if (res._closed) return
  res.destroyed = res._closed = true
  res.emit('close')
}

/** Core's response is out: Node's resOnFinish. */
function onFinish() {
  const connection = this._onPendingData[kConnection]
  publishFinish(connection, this)
  dump(this.req)
  if (connection.current !== this) return
  this.detachSocket(connection.shown)
  connection.current = null
  process.nextTick(emitClose, this)
  if (this._last) connection.closeSoon()
  else connection.next()
}

module.exports = { emitClose, finishSent, isHeard, isUnsettled, onFinish, settleEnded, settleLater }
