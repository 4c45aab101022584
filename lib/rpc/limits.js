'use strict'

// Reports that a limit was reached: it is counted, published, and logged with NODE_DEBUG=ironwire.

const process = require('node:process')
const { increase } = require('./counts')
const { channels } = require('./channels')
const { log } = require('./log')
const { now } = require('./tick')

/** A limit that is reached by every call is logged at most once in this many milliseconds. */
const TOLD_EVERY = 1000

class Limits {
  constructor(kind, counts) {
    this.kind = kind
    this.channel = channels[kind].limit
    this.counts = counts
    /** When each limit was last logged. */
    this.told = new Map()
  }

  /**
   * `limit` is the name of the option and `value` its value. `place()` returns the peer as text for the log. `about`
   * holds further properties to publish.
   */
  reached(limit, value, place, about) {
    increase(this.counts.limits, limit)
    // In the next tick, so that a subscriber cannot interfere with a half-done operation.
    if (this.channel.hasSubscribers) process.nextTick(() => this.channel.publish({ limit, value, ...about }))
    if (!log.enabled || now() - (this.told.get(limit) ?? -Infinity) < TOLD_EVERY) return
    this.told.set(limit, now())
    log('rpc: a %s reached its limit %s of %d: %s', this.kind, limit, value, place())
  }
}

module.exports = { Limits }
