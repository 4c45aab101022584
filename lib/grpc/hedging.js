'use strict'

// Hedging: a call is made several times at once, and the first response counts. See gRPC's proposal A6.

const { clearTimeout, setImmediate, setTimeout } = require('node:timers')
const { now } = require('../rpc/tick.js')
const { ClientCall } = require('./client-call.js')
const { connectivityState, status } = require('./constants.js')
const { Metadata } = require('./metadata.js')
const { Outbox } = require('./outbox.js')
const { mostOf, previousField, pushbackOf } = require('./retry.js')

const NO_OPTIONS = {}
const pass = () => {}

/** One attempt of a hedged call. When its response begins, the call takes its stream over. */
class Attempt extends ClientCall {
  constructor(hedging) {
    const { call, started } = hedging
    super(call.channel, call.method, undefined, NO_OPTIONS)
    this.hedging = hedging
    // The attempt runs in the async scope of the call.
    this.scope.emitDestroy()
    this.scope = call.scope
    this.host = call.host
    this.deadline = call.deadline
    this.expires = call.expires
    this.waitsForReady = call.waitsForReady
    this.credentials = call.credentials
    this.compression = call.compression
    this.config = call.config
    this.message = call.message
    this.previous = started - 1
    this.ownFields = call.ownFields + previousField(this.previous)
    this.fields = this.ownFields
    if (hedging.sent !== null) this.outbox = new Outbox(this)
  }

  attempt(link) {
    const isDone = super.attempt(link)
    if (this.stream !== 0 && !this.over) this.hedging.began(this)
    return isDone
  }

  onMetadata(text, http) {
    if (!this.over) this.hedging.choose(this).onMetadata(text, http)
  }

  onMessage(bytes, compressed, used) {
    if (!this.over) this.hedging.choose(this).onMessage(bytes, compressed, used)
  }

  onTooLarge(length) {
    if (!this.over) this.hedging.choose(this).onTooLarge(length)
  }

  end(end) {
    this.counted(end.code)
    if (this.over) return
    if (this.hedging.takes(this, end)) this.settle()
    else this.hedging.choose(this).end(end)
  }

  fail(code, details, metadata = new Metadata()) {
    if (this.over) return
    this.counted(code)
    this.leave()
    if (this.hedging.takes(this, { code, details, metadata })) this.settle()
    else this.hedging.choose(this).fail(code, details, metadata)
  }

  discard() {
    this.counted(status.CANCELLED)
    this.leave()
    this.settle()
  }
}

Attempt.prototype.isWhole = false

class Hedging {
  constructor(call, policy) {
    this.call = call
    this.policy = policy
    this.most = mostOf(policy, call.channel)
    this.started = 0
    this.live = new Set()
    this.timer = undefined
    this.waits = false
    /** The status of the attempt that ended last. */
    this.last = undefined
    /**
     * The request stream so far (null for a single request message), the bytes that are kept, and whether the request
     * stream has ended.
     */
    this.sent = call.outbox === null ? null : []
    this.bytes = 0
    this.ended = false
    /** The callback of a write that waits, or null. */
    this.held = null
    if (this.sent !== null) this.spread(call.outbox)
    else if (call.message !== undefined && !this.keeps(call.message.length)) this.most = 1
  }

  /** Takes the place of the call's outbox, so that every write goes to all attempts. */
  spread(outbox) {
    const { messages, ends } = outbox
    this.call.outbox = this
    outbox.stop()
    for (const message of messages) this.write(message, pass)
    if (ends) this.end()
  }

  /** Reserves memory to keep `length` more bytes for further attempts. Returns false if the limits do not allow it. */
  keeps(length) {
    if (!this.call.channel.retain(length, this.bytes)) return false
    this.bytes += length
    return true
  }

  // ---- attempts

  start() {
    const { call, live, sent } = this
    clearTimeout(this.timer)
    this.waits = false
    this.started++
    const attempt = new Attempt(this)
    live.add(attempt)
    if (sent !== null) {
      for (const message of sent) attempt.outbox.write(message, pass)
      if (this.ended) attempt.outbox.end()
    }
    if (this.started < this.most) this.wait(this.policy.delay)
    call.channel.begin(attempt)
  }

  wait(time) {
    clearTimeout(this.timer)
    this.waits = true
    this.timer = setTimeout(() => this.next(), Math.min(time, Math.max(this.call.expires - now(), 0)))
    if (this.live.size > 0) this.timer.unref()
  }

  next() {
    const { call, last } = this
    const { channel } = call
    this.waits = false
    const mayStart = this.started < this.most && (channel.throttle?.allows ?? true)
    if (call.expires <= now()) call.onDeadline()
    else if (mayStart && channel.state !== connectivityState.SHUTDOWN) this.start()
    else if (this.live.size === 0) call.fail(last.code, last.details, last.metadata)
  }

  /** Called when an attempt has ended. Returns whether other attempts continue the call. */
  takes(attempt, end) {
    const { policy, live } = this
    if (end.code === status.OK || !policy.codes.has(end.code)) return false
    this.call.channel.throttle?.failed()
    this.last = end
    live.delete(attempt)
    const pushback = pushbackOf(end.metadata)
    if (pushback === -1) this.most = this.started
    if (this.started >= this.most) {
      this.waits = false
      clearTimeout(this.timer)
    } else this.wait(pushback ?? 0)
    return live.size > 0 || this.waits
  }

  /** The call continues as this attempt, and all others are cancelled. */
  choose(attempt) {
    const { call } = this
    const { link, stream } = attempt
    this.live.delete(attempt)
    call.policy = null
    call.link = link
    call.stream = stream
    call.previous = attempt.previous
    call.http = attempt.http
    call.encoding = attempt.encoding
    call.attempted = attempt.attempted
    call.watcher = attempt.watcher
    attempt.attempted = null
    if (link !== null && link.calls.get(stream) === attempt) link.calls.set(stream, call)
    if (this.sent !== null) {
      call.outbox = attempt.outbox
      call.outbox.call = call
      attempt.outbox = null
    }
    attempt.settle()
    this.stop()
    return call
  }

  stop() {
    clearTimeout(this.timer)
    this.waits = false
    this.call.channel.release(this.bytes)
    this.bytes = 0
    if (this.held !== null) this.call.scope.defer(setImmediate, this.held)
    this.held = null
    const others = [...this.live]
    this.live.clear()
    for (const attempt of others) attempt.discard()
  }

  // ---- as the call's outbox

  write(message, callback) {
    const isKept = this.keeps(message.length)
    // If the message cannot be kept, the call continues as its oldest attempt that has a stream.
    const chosen = isKept ? undefined : [...this.live].find(({ stream }) => stream !== 0)
    if (chosen !== undefined) return this.choose(chosen).outbox.write(message, callback)
    this.sent.push(message)
    for (const { outbox } of this.live) outbox.write(message, pass)
    if (isKept) callback()
    else this.held = callback
  }

  /** Called when an attempt has got a stream. */
  began(attempt) {
    const { held } = this
    if (held === null) return
    this.held = null
    this.choose(attempt)
    this.call.scope.defer(setImmediate, held)
  }

  end() {
    this.ended = true
    for (const { outbox } of this.live) outbox.end()
  }

  forget() {}

  onDrained() {}
}

module.exports = { Hedging }
