'use strict'

// The pauses between connection attempts, each longer than the last one. See gRPC's `connection-backoff.md`. Times are
// in milliseconds.

const { clearTimeout, setTimeout } = require('node:timers')

const INITIAL = 1000
const MAX = 120_000
const FACTOR = 1.6
const JITTER = 0.2
/** Limit of a pause. With jitter added, it is still within the range of Node's timers. */
const LONGEST = 2 ** 30

/** The time changed at random by up to a fifth, so that clients that failed together do not retry together. */
const jittered = (time) => time * (1 + (Math.random() * 2 - 1) * JITTER)

class Backoff {
  constructor(options, callback) {
    this.least = Math.min(options['grpc.initial_reconnect_backoff_ms'] || INITIAL, LONGEST)
    this.most = Math.min(options['grpc.max_reconnect_backoff_ms'] || MAX, LONGEST)
    this.next = this.least
    this.callback = callback
    this.timer = undefined
  }

  get isRunning() {
    return this.timer !== undefined
  }

  /** Starts a pause. `callback` is called at its end. */
  start() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.callback()
    }, this.next).unref()
    this.next = jittered(Math.min(this.next * FACTOR, Math.max(this.most, this.least)))
  }

  /** Ends a pause without calling `callback`. The next pause has the initial length again. */
  reset() {
    clearTimeout(this.timer)
    this.timer = undefined
    this.next = this.least
  }
}

module.exports = { Backoff, jittered }
