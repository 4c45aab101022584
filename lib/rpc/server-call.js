'use strict'

// One call as its handler sees it: the handler's last argument, or what is behind the stream that is.

const { transferableAbortController } = require('node:util')
const { Metadata } = require('./metadata')
const { now, moment } = require('./tick')

/** In the place of a call's `told` once it was told. */
function told() {}

class ServerCall {
  #isCall = true

  constructor(session, sequence, method, body, deadline) {
    this.session = session
    this.sequence = sequence
    this.entry = method
    this.began = moment()
    this.body = body
    /** What the body lies in, once the call is kept. */
    this.memory = null
    /** By the clock of tick.js; Infinity when the caller waits for ever. */
    this.expires = deadline
    this.answered = false
    /** It ended without its handler: cancelled, past its deadline, connection lost. */
    this.cut = false
    this.running = false
    this.queued = false
    /** The handler's place among those at work, of a call that ended without it. */
    this.stray = null
    /** The handler gave something that is no answer: `{ given, promised, assumed }`, assumed once it was sent as an empty reply. */
    this.doubt = null
    this.controller = null
    /** The request as the handler gets it. */
    this.request = undefined
  }

  /** The call of a handler's argument; undefined for anything else. */
  static of(value) {
    if (value === null || typeof value !== 'object') return undefined
    if (#isCall in value) return value
    const { context } = value
    return context !== null && typeof context === 'object' && #isCall in context ? context : undefined
  }

  /** What it is counted in. */
  get series() {
    const { handler } = this.entry
    return handler === null ? this.session.server.others : handler.series
  }

  /** The name that it was called by. */
  get method() {
    return this.entry.name
  }

  /** Where the call comes from: `{ address, port, family }`, or an empty object on a pipe. */
  get peer() {
    return this.session.remote
  }

  /** What the caller sent beside the request. */
  get metadata() {
    this.received ??= new Metadata()
    return this.received
  }

  /** Milliseconds that the caller still waits; Infinity when it set no limit. */
  get remaining() {
    return this.expires === Infinity ? Infinity : Math.max(this.expires - now(), 0)
  }

  /** When the caller stops waiting, in milliseconds since 1970; undefined when it set no limit. */
  get deadline() {
    return this.expires === Infinity ? undefined : Date.now() + this.remaining
  }

  /** Aborted when nobody waits for the answer any more: cancelled, past its deadline, connection lost. */
  get signal() {
    if (this.controller === null) {
      // Node's own, whatever the global of that name is.
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

/** What few calls have, which the others do not pay for. */
Object.assign(ServerCall.prototype, {
  /** Why it was cut. */
  reason: undefined,
  /** Nobody waits for an answer. */
  oneWay: false,
  stream: null,
  /** Interceptors that wait for the handler's answer: what they are told it by. */
  told: null,
  /** What ends the calls that are made for this one. */
  children: null,
  /** Metadata that came with the request, and that is to go with the answer. */
  received: undefined,
  /** What was published of its start. */
  message: null,
  trailers: undefined,
})

module.exports = { ServerCall }
