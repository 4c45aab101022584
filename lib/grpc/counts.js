'use strict'

// Counters and event logs for channelz.

const { now } = require('../rpc/tick.js')
const { status } = require('./constants.js')

/** At least this many of the latest events are kept, and always fewer than twice as many. */
const KEPT = 32

/** Converts a reading of `now()`, which is cheap, to the time of `Date.now()`; null for -1, which means never. */
const timeOf = (time) => (time < 0 ? null : Date.now() - (now() - time))

/** Counts the calls of a channel, a subchannel or a server. */
class Calls {
  constructor() {
    this.started = 0
    this.succeeded = 0
    this.failed = 0
    this.last = -1
  }

  began() {
    this.started++
    this.last = now()
  }

  ended(code) {
    if (code === status.OK) this.succeeded++
    else this.failed++
  }

  get lastStarted() {
    return timeOf(this.last)
  }
}

/** Counts what passes over a connection. */
class Traffic {
  constructor() {
    /** Streams. */
    this.started = 0
    this.succeeded = 0
    this.lastLocal = -1
    this.lastRemote = -1
    /** Messages. */
    this.sent = 0
    this.received = 0
    this.lastSent = -1
    this.lastReceived = -1
    this.pings = 0
    /** When data last arrived; set once per batch, for all its messages. */
    this.heard = -1
  }

  send(count) {
    this.sent += count
    this.lastSent = now()
  }

  receive() {
    this.received++
    this.lastReceived = this.heard
  }
}

/** The event log of a channel, a subchannel or a server. The newest event is the last one. */
class Trace {
  constructor() {
    this.created = Date.now()
    this.count = 0
    this.events = []
  }

  /** `child` is the channelz reference of another object that the event concerns, if any. */
  add(description, child = null, severity = 'CT_INFO') {
    this.count++
    this.events.push({ description, severity, time: Date.now(), child })
    if (this.events.length >= 2 * KEPT) this.events = this.events.slice(KEPT)
  }
}

module.exports = { Calls, Trace, Traffic, timeOf }
