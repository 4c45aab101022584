'use strict'

// What has to happen once per turn rather than once per call: handing written frames down, and reading the clock.

const { performance } = require('node:perf_hooks')
const process = require('node:process')
const { exiting } = require('../engine.js')

/** Outgoing buffers with frames that the wire has not been given yet. */
const dirty = []
/** Inside a batch of incoming frames: its end flushes, nothing needs to be scheduled. */
let batches = 0
let scheduled = false
let clock = 0
let clockIsFresh = false

function settle() {
  scheduled = false
  clockIsFresh = false
  if (dirty.length === 0) return
  exiting.delete(settle)
  for (let i = 0; i < dirty.length; i++) dirty[i].release()
  dirty.length = 0
}

function schedule() {
  if (batches > 0 || scheduled) return
  process.nextTick(settle)
  scheduled = true
}

/** Has `outgoing.release()` called when this turn ends. */
function flushLater(outgoing) {
  // Frames of the last turn must not be lost when the process exits in the middle of it.
  exiting.add(settle)
  dirty.push(outgoing)
  schedule()
}

function enterBatch() {
  batches++
}

function leaveBatch() {
  batches--
  settle()
}

/** Milliseconds of a monotonic clock, whole, and read once a turn as Node's own timers do. */
function now() {
  if (!clockIsFresh) {
    clock = Math.floor(performance.now())
    clockIsFresh = true
    schedule()
  }
  return clock
}

module.exports = { flushLater, enterBatch, leaveBatch, now }
