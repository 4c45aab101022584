'use strict'

// Limits that were reached: counted, published, and told by NODE_DEBUG=ironwire.

const process = require('node:process')
const { increase } = require('./counts')
const { channels } = require('./channels')
const { log } = require('./log')
const { now } = require('./tick')

/** A limit that is reached with every call is told this often, in milliseconds. */
const TOLD_EVERY = 1000

class Limits {
  constructor(kind, counts) {
    this.kind = kind
    this.channel = channels[kind].limit
    this.counts = counts
    /** When each was last told of. */
    this.told = new Map()
  }

  /** `limit` is the name of the option, `value` what it is; `place` says in words where that was, `about` is what is published beside. */
  reached(limit, value, place, about) {
    increase(this.counts.limits, limit)
    // Later, so that no subscriber meddles with what is half done.
    if (this.channel.hasSubscribers) process.nextTick(() => this.channel.publish({ limit, value, ...about }))
    if (!log.enabled || now() - (this.told.get(limit) ?? -Infinity) < TOLD_EVERY) return
    this.told.set(limit, now())
    log('rpc: a %s reached its limit %s of %d: %s', this.kind, limit, value, place())
  }
}

module.exports = { Limits }
