'use strict'

const { setTimeout, clearTimeout, setImmediate, clearImmediate } = require('node:timers')
const { MAX_DELAY } = require('../delays')
const { now } = require('./tick')

/**
 * One timer for any number of deadlines. Adding one costs a comparison and ending a call early costs nothing: when the timer
 * fires, `expire(now)` walks the calls in flight (bounded by their limit), ends the overdue and returns the earliest deadline
 * left, or Infinity. With a common timeout that is one walk per timeout, however many calls there were. What has come in time is read before,
 * also where the process has not run for a while: timers fire first then, so it is looked again behind the next poll.
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
    // Never holds the process open: the socket does that while there is one.
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
