'use strict'

const { setTimeout, clearTimeout, setImmediate, clearImmediate } = require('node:timers')
const { MAX_DELAY } = require('../delays')
const { now } = require('./tick')

/**
 * One timer for any number of deadlines. Adding a deadline costs a comparison, and ending a call early costs nothing.
 * When the timer fires, `expire(now)` walks the calls in flight (their number is limited), ends the overdue ones and
 * returns the earliest deadline left, or Infinity. With a common timeout this is one walk per timeout, however many
 * calls there are. Data that arrived in time is read first: timers fire before the poll phase, so the check runs in a
 * setImmediate after it. That matters when the process was blocked for a while.
 */
class Deadlines {
  constructor(expire) {
    this.expire = expire
    this.next = Infinity
    this.timer = null
    this.soon = null
    this.fire = () => {
      this.timer = null
      this.soon = setImmediate(this.look)
    }
    this.look = () => {
      this.soon = null
      this.next = Infinity
      this.add(this.expire(now()))
    }
  }

  add(deadline) {
    if (deadline >= this.next) return
    this.next = deadline
    if (this.timer !== null) clearTimeout(this.timer)
    // Unreferenced: the socket keeps the process running while there is one.
    this.timer = setTimeout(this.fire, Math.min(Math.max(deadline - now(), 1), MAX_DELAY)).unref()
  }

  clear() {
    if (this.timer !== null) clearTimeout(this.timer)
    if (this.soon !== null) clearImmediate(this.soon)
    this.timer = null
    this.soon = null
    this.next = Infinity
  }
}

module.exports = { Deadlines }
