'use strict'

// The timeout of a stream or session: 'timeout' is emitted after the given time without anything sent or received.

const process = require('node:process')
const { clearTimeout, setTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { invalidArgType, outOfRange } = require('../errors.js')
const { kProgress } = require('./symbols.js')

class Timer {
  constructor(owner) {
    this.owner = owner
    this.timer = undefined
    this.progress = undefined
  }

  set(msecs, callback) {
    const { owner } = this
    msecs = checkDelay(msecs)
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (owner.destroyed) return owner
    this.clear()
    owner.timeout = msecs
    if (msecs > 0) {
      this.timer = setTimeout(expired, msecs, this).unref()
      if (callback !== undefined) owner.once('timeout', callback)
    } else if (callback !== undefined) owner.removeListener('timeout', callback)
    return owner
  }

  touch() {
    this.timer?.refresh()
  }

  clear() {
    clearTimeout(this.timer)
    this.timer = undefined
    // As Node, which has the property since somebody set it.
    if (this.owner.timeout > 0) this.owner.timeout = 0
  }
}

/** Checks a delay the way Node does. */
function checkDelay(msecs) {
  if (typeof msecs !== 'number') throw invalidArgType('msecs', 'of type number', msecs)
  if (!(msecs >= 0 && msecs < Number.POSITIVE_INFINITY))
    throw outOfRange('msecs', 'a non-negative finite number', msecs)
  if (msecs <= MAX_DELAY) return msecs
  process.emitWarning(
    `${msecs} does not fit into a 32-bit signed integer.\nTimer duration was truncated to ${MAX_DELAY}.`,
    'TimeoutOverflowWarning',
  )
  return MAX_DELAY
}

function expired(timer) {
  const { owner } = timer
  const progress = owner[kProgress]()
  // Data is leaving slowly, but it is leaving.
  if (progress !== undefined && progress !== timer.progress) {
    timer.progress = progress
    timer.touch()
  } else owner.emit('timeout')
}

module.exports = { Timer }
