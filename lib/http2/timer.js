'use strict'

// The timeout of a stream or session: 'timeout' after so long without anything sent or received.

const { clearTimeout, setTimeout } = require('node:timers')
const { invalidArgType } = require('../errors.js')

class Timer {
  constructor(owner) {
    this.owner = owner
    this.msecs = 0
    this.timer = undefined
    this.progress = undefined
  }

  set(msecs, callback) {
    const { owner } = this
    if (typeof msecs !== 'number') throw invalidArgType('msecs', 'of type number', msecs)
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (owner.destroyed) return owner
    this.clear()
    this.msecs = msecs
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
    this.msecs = 0
  }
}

function expired(timer) {
  const { owner } = timer
  const progress = owner.progress()
  // What was said leaves slowly, but it leaves.
  if (progress !== undefined && progress !== timer.progress) {
    timer.progress = progress
    timer.touch()
  } else owner.emit('timeout')
}

module.exports = { Timer }
