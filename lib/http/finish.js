'use strict'

// The end of responses: does what core does with a response that has been sent, and with its request. Without listeners
// there is a cheaper way.

const process = require('node:process')
const core = require('../core.js')
const { isHandling } = require('./batch')
const channels = require('./channels')
const { dump } = require('./incoming')
const { emitsByItself, kConnection } = require('./install')

/** Responses that were sent completely but are not finished yet. */
const ended = []

/** Whether anything observes a message's events: a listener, or a replaced `emit`. */
function isHeard(message) {
  return message._eventsCount > 0 || !emitsByItself(message)
}

/** A response of ours was sent completely without the socket's stream. */
function finishSent(connection, res) {
  // The callbacks of earlier writes must be called before the response finishes, too.
  const heard = isHeard(res) || connection.turnCallbacks !== null || channels.responseFinish.hasSubscribers
  if (heard) process.nextTick(emitFinish, connection, res)
  else if (ended.push(res) === 1 && !isHandling()) process.nextTick(settleEnded)
}

/**
 * Postpones finishing a response that has ended but is used again. Node reports such a use as an error in a later tick,
 * unless the response has closed by then.
 */
function settleLater(connection, res) {
  const index = ended.indexOf(res)
  if (index === -1) return
  ended.splice(index, 1)
  process.nextTick(emitFinish, connection, res)
}

/** Whether a response of this connection was sent but is not finished. */
function isUnsettled(connection) {
  return ended.some((res) => res._onPendingData[kConnection] === connection)
}

/**
 * Finishes the sent responses and their requests as core does. Events are only emitted for a response that is observed
 * by now.
 */
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

/** Publishes on Node's diagnostics channel that a response was sent. */
function publishFinish({ socket, server }, res) {
  const finished = channels.responseFinish
  if (finished.hasSubscribers) finished.publish({ request: res.req, response: res, socket, server })
}

function emitFinish(connection, res) {
  finish(res)
  publishFinish(connection, res)
  // In Node the server's own listener runs first, so all this is done before the application's listeners are called.
  settle(res)
  process.nextTick(emitClose, res)
  res.emit('finish')
}

function emitClose(res) {
  if (res._closed) return
  res.destroyed = res._closed = true
  res.emit('close')
}

/** Called when a response that core ended is finished: does what Node's resOnFinish does. */
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
