'use strict'

// The connections of a server whose handshakes are not done.

const { performance } = require('node:perf_hooks')
const process = require('node:process')
const { setTimeout } = require('node:timers')

class Handshakes {
  /** `limit` is how long one may take, in milliseconds. */
  constructor(limit) {
    this.limit = limit
    /** Connections, and since when they are; the oldest first. */
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

  /** Ends those that take too long; one timer for all of them. */
  watch(wait) {
    this.timer = setTimeout(() => {
      this.timer = undefined
      const now = performance.now()
      for (const [connection, since] of this.since) {
        const left = this.limit - (now - since)
        if (left > 0) return this.watch(Math.ceil(left))
        // In ticks of their own: one whose listener throws is not to keep the others.
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
