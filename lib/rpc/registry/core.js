'use strict'

// A registry without a network: requests in, answers out. Rust does the work; this class provides the clock and the
// callbacks.

const process = require('node:process')
const { systemError } = require('../../errors')
const { native, shared } = require('../../engine')

/** Rust gets the time at least this often, in milliseconds, while there is something that can expire. */
const LONGEST_TICK = 500

/** Tickets are 32-bit numbers. */
const MAX_TICKET = 2 ** 32 - 1

/** All open registries of this environment, by number. */
const open = shared('registries', () => new Map())
const listener = { onRegistryReady: (number) => open.get(number)?.ready() }

class RegistryCore {
  /** `onOpen(error, status)` is called once, later. `onStatus(status)` is called after each disk operation. */
  constructor(options, { clock, onOpen, onStatus }) {
    this.clock = clock
    this.onOpen = onOpen
    this.onStatus = onStatus
    this.opened = false
    this.timer = null
    this.ticket = 0
    /** Callbacks by ticket. */
    this.waiting = new Map()
    this.draining = false
    this.number = native.registryOpen({ ...options, now: clock.now() }, listener)
    if (this.number < 0) throw systemError(this.number, 'open')
    open.set(this.number, this)
    if (options.folder === undefined) process.nextTick(() => this.ready())
  }

  get status() {
    return native.registryStatus(this.number)
  }

  ready() {
    if (this.number === 0) return
    const { status } = this
    if (!this.opened) {
      this.opened = true
      const failed = status.epoch === undefined
      const { onOpen } = this
      if (failed) this.close()
      return onOpen(failed ? systemError(status.errno, 'open') : null, status)
    }
    this.drain()
    this.onStatus(status)
  }

  /** Calls `callback(code, message, reply)` once, now or later. Returns the ticket. */
  request(method, body, callback) {
    do this.ticket = this.ticket === MAX_TICKET ? 0 : this.ticket + 1
    while (this.waiting.has(this.ticket))
    const { ticket } = this
    this.waiting.set(ticket, callback)
    native.registryRequest(this.number, ticket, method, body, body.length, this.clock.now())
    this.drain()
    this.keepTime()
    return ticket
  }

  /** The answer is not needed any more. */
  cancel(ticket) {
    if (this.waiting.delete(ticket)) native.registryCancel(this.number, ticket)
  }

  drain() {
    // An answer's callback may make the next request.
    if (this.draining) return
    this.draining = true
    try {
      for (;;) {
        const answer = native.registryAnswer(this.number)
        if (answer === undefined) return
        const [ticket, codeOrReply, message] = answer
        const callback = this.waiting.get(ticket)
        this.waiting.delete(ticket)
        if (message === undefined) callback?.(null, null, codeOrReply)
        else callback?.(codeOrReply, message)
      }
    } finally {
      this.draining = false
    }
  }

  keepTime() {
    if (this.timer !== null || this.number === 0) return
    const next = native.registryTick(this.number, this.clock.now())
    if (next < 0) return
    this.timer = this.clock.setTimeout(() => this.tick(), Math.min(Math.max(next, 1), LONGEST_TICK))
  }

  tick() {
    this.timer = null
    this.keepTime()
    this.drain()
  }

  /** Answers nothing any more and releases the folder. */
  close() {
    if (this.number === 0) return
    this.clock.clearTimeout(this.timer)
    native.registryClose(this.number)
    open.delete(this.number)
    this.number = 0
    this.waiting.clear()
  }
}

module.exports = { RegistryCore }
