'use strict'

// Pauses between attempts, each longer than the last. See gRPC's `connection-backoff.md`.

const { clearTimeout, setTimeout } = require('node:timers')

const INITIAL = 1000
const MAX = 120_000
const FACTOR = 1.6
const JITTER = 0.2
/** Of a pause, so that Node's timers take it with what chance adds. */
const LONGEST = 2 ** 30

/** Milliseconds, give or take a fifth: those who have failed together do not come back together. */
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

  /** A pause begins, after which `callback` is called. */
  start() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.callback()
    }, this.next).unref()
    this.next = jittered(Math.min(this.next * FACTOR, Math.max(this.most, this.least)))
  }

  /** What was tried has gone well. */
  reset() {
    clearTimeout(this.timer)
    this.timer = undefined
    this.next = this.least
  }
}

module.exports = { Backoff, jittered }
