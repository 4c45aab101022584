'use strict'

// The clock of the addressing code. Tests replace it.

const { performance } = require('node:perf_hooks')
const { setTimeout, clearTimeout } = require('node:timers')

/** Milliseconds of a monotonic clock, timers, and random numbers. */
const clock = {
  now: () => Math.floor(performance.now()),
  /** A timer never keeps the process running; connections do. */
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
  clearTimeout,
  random: Math.random,
}

module.exports = { clock }
