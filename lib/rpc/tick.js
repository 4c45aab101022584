'use strict'

// Work that is done once per turn of the event loop instead of once per call: handing written frames to the wire, and
// reading the clock. Reading the clock is expensive, up to a seventh of a whole call, so calls are timed by readings at
// the beginning and end of a turn.

const { performance } = require('node:perf_hooks')
const process = require('node:process')
const { exiting } = require('../engine.js')

/** Outgoing buffers with frames that were not handed to the wire yet. */
const dirty = []
/** Above 0 inside a batch of incoming frames: the end of the batch flushes, so nothing needs to be scheduled. */
let batches = 0
let scheduled = false
/** The Moment of this turn; null until it is needed. */
let current = null

/** Calls that ended in this turn, grouped by these properties, and the current group. */
const groups = []
const NO_GROUP = { series: null, began: null, status: 0, count: 0 }
let group = NO_GROUP

class Moment {
  constructor(time) {
    /** Milliseconds of a monotonic clock. */
    this.time = time
    this.whole = Math.floor(time)
  }
}

function settle() {
  scheduled = false
  countEnded()
  current = null
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

/** Calls `outgoing.release()` when this turn ends. */
function flushLater(outgoing) {
  // If the process exits during the turn, the frames are still flushed.
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

/**
 * The time of this turn, read once, as Node's own timers do. Calls keep the object, which costs them less than a
 * fractional number.
 */
function moment() {
  if (current === null) {
    current = new Moment(performance.now())
    schedule()
  }
  return current
}

/** The time of this turn in whole milliseconds. */
function now() {
  return moment().whole
}

/**
 * Counts the end of a call; the counters are updated at the end of the turn. A call like the previous one costs almost
 * nothing.
 */
function ended(series, began, status) {
  if (group.series === series && group.began === began && group.status === status) {
    group.count++
    return
  }
  // First what may throw when the stack is exhausted. For received answers, the time is read before they are processed.
  if (series.isReceived) moment()
  schedule()
  const next = { series, began, status, count: 1 }
  groups.push(next)
  group = next
}

/** Updates the counters now. */
function countEnded() {
  if (groups.length === 0) return
  const time = performance.now()
  const began = current === null ? time : current.time
  for (const { series, began: since, status, count } of groups) {
    series.ended(status, count, (series.isReceived ? began : time) - since.time)
  }
  groups.length = 0
  group = NO_GROUP
}

module.exports = { flushLater, enterBatch, leaveBatch, moment, now, ended, countEnded }
