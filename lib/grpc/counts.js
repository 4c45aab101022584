'use strict'

// What channelz tells of: how many calls there were, and what has happened.

const { now } = require('../rpc/tick.js')
const { status } = require('./constants.js')

/** Events that are kept, and twice as many at most. */
const KEPT = 32

/** By the clock of deadlines, which is cheap, and -1 for never; told as what it was for everybody. */
const timeOf = (time) => (time < 0 ? null : Date.now() - (now() - time))

/** Calls of a channel, a subchannel or a server. */
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

/** What goes over a connection. */
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
    /** When something has come: read once for all of it. */
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

/** What has happened to something, the newest last. */
class Trace {
  constructor() {
    this.created = Date.now()
    this.count = 0
    this.events = []
  }

  /** `child` is what it has happened with, if anything. */
  add(description, child = null, severity = 'CT_INFO') {
    this.count++
    this.events.push({ description, severity, time: Date.now(), child })
    if (this.events.length >= 2 * KEPT) this.events = this.events.slice(KEPT)
  }
}

module.exports = { Calls, Trace, Traffic, timeOf }
