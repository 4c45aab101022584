'use strict'

// The connections of a server whose handshakes are pending.

const { performance } = require('node:perf_hooks')
const process = require('node:process')
const { setTimeout } = require('node:timers')

class Handshakes {
  /** `limit` is the longest time that a handshake may take, in milliseconds. */
  constructor(limit) {
    this.limit = limit
    /** The connections, with the time in milliseconds at which each was added; the oldest first. */
    this.since = new Map()
    this.timer = undefined
  }

  add(connection) {
    this.since.set(connection, performance.now())
    if (this.timer === undefined) this.watch(this.limit)
  }

  delete(connection) {
    this.since.delete(connection)
  }

  /** Ends the handshakes that take too long, after `wait` milliseconds. One timer serves all of them. */
  watch(wait) {
    this.timer = setTimeout(() => {
      this.timer = undefined
      const now = performance.now()
      for (const [connection, since] of this.since) {
        const left = this.limit - (now - since)
        if (left > 0) return this.watch(Math.ceil(left))
        // Each in its own tick: if a listener throws, the others must still be ended.
        process.nextTick(expire, connection)
      }
    }, wait).unref()
  }

  destroyAll() {
    for (const connection of this.since.keys()) connection.destroy()
  }
}

function expire(connection) {
  connection.expireHandshake()
}

module.exports = { Handshakes }
