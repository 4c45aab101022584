'use strict'

// What has to happen once per turn rather than once per call: handing written frames down, and reading the clock.
// A clock is dear, up to a seventh of a whole call, so calls are timed by the readings at the turn's beginning and end.

const { performance } = require('node:perf_hooks')
const process = require('node:process')
const { exiting } = require('../engine.js')

/** Outgoing buffers with frames that the wire has not been given yet. */
const dirty = []
/** Inside a batch of incoming frames: its end flushes, nothing needs to be scheduled. */
let batches = 0
let scheduled = false
/** This turn's, once something has asked for it. */
let current = null

/** Calls that ended in this turn, in groups of those that have all of this in common, and the last group. */
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

/** The time of this turn, read once as Node's own timers do; calls keep the object, which costs them less than a number with a fraction. */
function moment() {
  if (current === null) {
    current = new Moment(performance.now())
    schedule()
  }
  return current
}

/** The same in whole milliseconds. */
function now() {
  return moment().whole
}

/** Counts the end of a call at the end of the turn, which costs one that is like the last one next to nothing. */
function ended(series, began, status) {
  if (group.series === series && group.began === began && group.status === status) {
    group.count++
    return
  }
  // First what may throw at the end of the stack. What was received was so before anything is made of it.
  if (series.isReceived) moment()
  schedule()
  const next = { series, began, status, count: 1 }
  groups.push(next)
  group = next
}

/** Counts them now. */
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
