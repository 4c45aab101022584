'use strict'

// The time that addressing goes by. Tests put another in its place.

const { performance } = require('node:perf_hooks')
const { setTimeout, clearTimeout } = require('node:timers')

/** Milliseconds of a monotonic clock, timers, and chance. */
const clock = {
  now: () => Math.floor(performance.now()),
  /** A timer never keeps the process running: connections do that. */
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
  clearTimeout,
  random: Math.random,
}

module.exports = { clock }
