'use strict'

// One call as its handler sees it: the last argument of the handler, or `context` of the stream that takes its place.

const { transferableAbortController } = require('node:util')
const { Metadata } = require('./metadata')
const { now, moment } = require('./tick')

/** Placeholder for `ServerCall.told` once the answer was passed on. */
function told() {}

class ServerCall {
  #isCall = true

  constructor(session, sequence, method, body, deadline) {
    this.session = session
    this.sequence = sequence
    this.entry = method
    this.began = moment()
    this.body = body
    /** The memory that the body lies in, while the call is held. */
    this.memory = null
    /** The deadline by the clock of tick.js; Infinity when the caller set none. */
    this.expires = deadline
    this.answered = false
    /** Whether the call ended without its handler: cancelled, deadline passed, or connection lost. */
    this.cut = false
    this.running = false
    this.queued = false
    /** The entry in the server's list of strays, if the call ended while its handler was running. */
    this.stray = null
    /**
     * Set when the handler gave something that is not an answer: `{ given, promised, assumed }`. `assumed` is true once
     * it was sent as an empty reply.
     */
    this.doubt = null
    this.controller = null
    /** The request as the handler gets it. */
    this.request = undefined
  }

  /** The call that belongs to a handler's argument; undefined for anything else. */
  static of(value) {
    if (value === null || typeof value !== 'object') return undefined
    if (#isCall in value) return value
    const { context } = value
    return context !== null && typeof context === 'object' && #isCall in context ? context : undefined
  }

  /** The counter series. */
  get series() {
    const { handler } = this.entry
    return handler === null ? this.session.server.others : handler.series
  }

  /** The method name. */
  get method() {
    return this.entry.name
  }

  /** The client's address: `{ address, port, family }`, or an empty object on a pipe. */
  get peer() {
    return this.session.remote
  }

  /** The metadata of the request. */
  get metadata() {
    this.received ??= new Metadata()
    return this.received
  }

  /** The time that the caller still waits, in milliseconds; Infinity when it set no limit. */
  get remaining() {
    return this.expires === Infinity ? Infinity : Math.max(this.expires - now(), 0)
  }

  /** The time at which the caller stops waiting, in milliseconds since 1970; undefined when it set no limit. */
  get deadline() {
    return this.expires === Infinity ? undefined : Date.now() + this.remaining
  }

  /**
   * Aborted when the answer is not needed any more: the call was cancelled, its deadline passed, or the connection was
   * lost.
   */
  get signal() {
    if (this.controller === null) {
      // Node's own AbortController, even if the global one was replaced.
      const { constructor: AbortController } = transferableAbortController()
      this.controller = new AbortController()
      if (this.cut) this.controller.abort(this.reason)
    }
    return this.controller.signal
  }

  /** The call has ended without its handler, for this reason. */
  abort(reason) {
    this.reason = reason
    this.controller?.abort(reason)
    this.stream?.cutOff(reason)
    if (this.isAwaited) this.tell(reason)
    if (this.children !== null) for (const end of [...this.children]) end()
  }

  /** Whether interceptors wait for the handler's answer. */
  get isAwaited() {
    return this.told !== null && this.told !== told
  }

  tell(error, reply) {
    const tell = this.told
    this.told = told
    tell(error, reply)
  }

  addChild(end) {
    this.children ??= new Set()
    this.children.add(end)
  }

  removeChild(end) {
    this.children.delete(end)
  }
}

/** Defaults of fields that few calls have. They are on the prototype so that other calls do not pay for them. */
Object.assign(ServerCall.prototype, {
  /** Why the call was cut. */
  reason: undefined,
  /** Whether it is a one-way call, which is not answered. */
  oneWay: false,
  stream: null,
  /** The function that passes the handler's answer to waiting interceptors. */
  told: null,
  /** Callbacks that end the calls made on behalf of this one. */
  children: null,
  /** The metadata of the request. */
  received: undefined,
  /** The message published at the start of the call. */
  message: null,
  trailers: undefined,
})

module.exports = { ServerCall }
