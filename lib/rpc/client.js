'use strict'

const process = require('node:process')
const { Buffer } = require('node:buffer')
const { EventEmitter } = require('node:events')
const { isDate } = require('node:util/types')
const { invalidArgType } = require('../errors')
const { refuseUnknown } = require('../options')
const { clientOptions, duration, flag, checkObject } = require('./options')
const { directTarget } = require('./target')
const { Kept, Budget } = require('./again')
const { Call } = require('./calls')
const { Deadlines } = require('./deadlines')
const { Endpoint } = require('./endpoint')
const { Waiting } = require('./waiting')
const { now } = require('./tick')
const { bodyOf } = require('./outgoing')
const { checkName } = require('./protocol')
const errors = require('./errors')

const CALL_OPTIONS = ['timeout', 'deadline', 'signal', 'idempotent', 'hedge']

/** A connection to one server that comes back by itself, and the calls made over it. */
class Client extends EventEmitter {
  constructor(target, options = {}) {
    super()
    this.target = this.readTarget(target)
    this.options = clientOptions(options)
    this.stats = {
      calls: 0,
      replies: 0,
      errors: 0,
      retries: 0,
      timeouts: 0,
      lateAnswers: 0,
      unknownAnswers: 0,
      connections: 0,
    }
    /** The link that new calls go out on; null while there is none. */
    this.link = null
    /** Every link that is not ended: one connecting or in use, and retiring ones. */
    this.links = new Set()
    this.waiting = new Waiting(this.options, (callback, error) => {
      this.fail(callback, error)
      if (this.closing) this.rest()
    })
    this.deadlines = new Deadlines((time) => this.expire(time))
    /** The UTF-8 of each method's name called so far. */
    this.names = new Map()
    this.closing = false
    this.closed = false
    this.refed = true
    /** Why there is no connection. */
    this.lastError = null
    this.budget = new Budget(this.options.retry)
    this.begin()
  }

  /** One place. */
  readTarget(target) {
    return directTarget(target, 'target')
  }

  /** Starts to connect. */
  begin() {
    this.endpoint = new Endpoint(this, this.target)
    this.endpoint.attempt()
  }

  /** Whether calls can leave right now. */
  get connected() {
    return this.link !== null
  }

  /** Calls that have not ended: on a connection, and waiting for one. */
  get pending() {
    let count = this.waiting.length
    for (const link of this.links) count += link.calls.pending
    return count
  }

  // ---- calls

  call(method, body, options, callback) {
    if (typeof options === 'function') {
      callback = options
      options = undefined
    }
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.start(method, body, options, (error, reply) => (error ? reject(error) : resolve(reply)))
      })
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    this.start(method, body, options, callback)
  }

  start(method, body, options, callback) {
    if (!this.names.has(method)) this.names.set(method, checkName('method', method))
    body = body === undefined || body === null ? Buffer.alloc(0) : bodyOf(body, 'body')
    let { timeout } = this.options
    let signal
    let kept = null
    let hedge = Infinity
    if (options !== undefined && options !== null) {
      refuseUnknown(checkObject(options), CALL_OPTIONS)
      timeout = timeoutOf(options, timeout)
      signal = signalOf(options)
      if (flag(options, 'idempotent', false)) kept = new Kept(body)
      hedge = duration(options, 'hedge', Infinity)
    }
    const call = new Call(method, body, timeout, callback)
    call.signal = signal
    call.kept = kept
    if (hedge !== Infinity) this.hedge(call, hedge)
    this.stats.calls++
    const error = this.dispatch(call)
    if (error !== undefined) this.fail(call.callback, error)
  }

  /** There is one place only: another request would wait where the first one does. */
  hedge(_call, _delay) {}

  /** Ends a call outside of the table of a read: never inside the call that caused it, and a throw costs no other call. */
  fail(callback, error) {
    this.stats.errors++
    process.nextTick(callback, error)
  }

  /** Sends the call or lets it wait. Returns an error when it can do neither. */
  dispatch(call) {
    const { method, timeout, signal } = call
    if (signal?.aborted) return errors.aborted(method, false, signal.reason)
    if (timeout <= 0) {
      this.stats.timeouts++
      return errors.timeout(method, timeout, false)
    }
    if (this.closing) return errors.closed(method, false)
    const { waiting } = this
    const link = this.pick(call)
    if (call.deadline < this.deadlines.next) this.deadlines.add(call.deadline)
    if (link?.roomy && waiting.length === 0) return link.send(call)
    if (this.options.queue) return this.wait(call)
    return link === null
      ? errors.notConnected(method, this.lastError)
      : errors.tooManyCalls(method, 'the connection is full')
  }

  wait(call) {
    return this.waiting.push(call)
  }

  /** The link that a new call goes out on; null when there is none. */
  pick(_call) {
    return this.link
  }

  /** Whether calls that were not sent on one connection are to be sent on another. */
  get movesCalls() {
    return false
  }

  /**
   * A call that was sent, or was about to be, has lost its connection. It waits to be made anew, which returns true, if it has never left and its
   * body is still known, or if it may be seen twice.
   */
  revive(call, error, out) {
    const { kept } = call
    if (this.closed) return false
    const body = kept !== null ? kept.body : error.sent ? null : out.recover(call.position)
    if (body === null) return false
    if (error.sent) {
      const mayTry = kept.tries < this.options.retry.attempts
      if (!mayTry || !this.budget.take(this.stats.calls)) return false
      kept.tries++
    }
    call.forget()
    call.body = body
    if (this.waiting.push(call) !== undefined) return false
    this.stats.retries++
    process.nextTick(() => this.pump())
    return true
  }

  /** Sends waiting calls as far as there is room. */
  pump() {
    const { waiting } = this
    while (waiting.length > 0) {
      const link = this.pick(waiting.first())
      if (link === null || !link.roomy) break
      const call = waiting.shift()
      if (call.deadline <= now()) {
        this.overdue(call)
        continue
      }
      const error = link.send(call)
      if (error !== undefined) this.fail(call.callback, error)
    }
    if (this.closing) this.rest()
  }

  /** A call ran out of time before it left. */
  overdue({ method, timeout, callback }) {
    this.stats.timeouts++
    this.fail(callback, errors.timeout(method, timeout, false, this.lastError ?? undefined))
  }

  expire(time) {
    let next = this.waiting.expire(time, (call) => this.overdue(call))
    for (const link of this.links) next = Math.min(next, link.expire(time))
    if (this.closing) this.rest()
    return next
  }

  // ---- connecting

  endpointReady({ link }) {
    this.lastError = null
    this.stats.connections++
    this.link = link
    process.nextTick(() => this.emit('connect'))
  }

  endpointLost(_endpoint, error) {
    this.link = null
    if (!this.resting) process.nextTick(() => this.emit('disconnect', error))
  }

  endpointRetries(_endpoint, attempt) {
    this.lastError = attempt.error
    process.nextTick(() => this.emit('reconnect', attempt))
  }

  endpointFailed(_endpoint, error) {
    this.giveUp(error)
  }

  giveUp(error) {
    this.lastError = error
    this.closing = true
    this.failWaiting((call) => errors.notConnected(call.method, error))
    process.nextTick(() => this.emit('error', error))
    this.rest()
  }

  // ---- the end

  /** Takes no new calls; ends when those already made have ended. */
  close(callback) {
    if (callback === undefined) return new Promise((resolve) => this.close(resolve))
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (this.closed) {
      process.nextTick(callback)
      return
    }
    this.once('close', () => callback())
    this.closing = true
    this.rest()
  }

  /** Ends at once: every call that has not ended fails. */
  destroy() {
    if (this.closed) return this
    this.closing = true
    this.conclude()
    return this
  }

  /** Closing, and nothing waits for a connection: links only end what they have in flight. */
  get resting() {
    return this.closing && this.waiting.length === 0
  }

  /** No further connections are made. */
  stop() {
    this.endpoint.stop()
  }

  /** While closing: lets links go whose calls have ended, and ends the client with the last one. */
  rest() {
    if (this.closed) return
    // Calls that wait for a connection still get it, or end at their deadline.
    if (this.waiting.length > 0) return
    this.stop()
    for (const link of this.links) {
      if (link.peerMaxFrame === 0) link.destroy(null)
      else if (!link.retiring) link.retire()
    }
    if (this.links.size === 0) this.conclude()
  }

  conclude() {
    if (this.closed) return
    this.closed = true
    this.link = null
    this.stop()
    this.deadlines.clear()
    this.failWaiting((call) => errors.closed(call.method, false))
    for (const link of this.links) link.destroy(null)
    process.nextTick(() => this.emit('close'))
  }

  failWaiting(makeError) {
    this.waiting.clear((call) => this.fail(call.callback, makeError(call)))
  }

  ref() {
    return this.setRef(true)
  }

  unref() {
    return this.setRef(false)
  }

  refTimers(name) {
    this.endpoint.timer?.[name]()
  }

  setRef(refed) {
    this.refed = refed
    const name = refed ? 'ref' : 'unref'
    this.refTimers(name)
    for (const link of this.links) link.wire?.[name]()
    return this
  }
}

/** The call's milliseconds: its `timeout`, or what is left until its `deadline` (a Date or milliseconds since 1970). */
function timeoutOf(options, fallback) {
  if (options.deadline === undefined) return duration(options, 'timeout', fallback)
  const deadline = isDate(options.deadline) ? options.deadline.getTime() : options.deadline
  if (typeof deadline !== 'number' || Number.isNaN(deadline)) {
    throw invalidArgType('options.deadline', 'of type number or an instance of Date', options.deadline)
  }
  const left = Math.ceil(deadline - Date.now())
  return Math.min(left, duration(options, 'timeout', Infinity))
}

function signalOf(options) {
  const { signal } = options
  if (signal === undefined) return undefined
  // Kinds from elsewhere than Node will do, when they tell of the abort.
  if (signal === null || typeof signal !== 'object' || !('aborted' in signal) || !canListen(signal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal)
  }
  return signal
}

function canListen(signal) {
  return typeof signal.addEventListener === 'function' && typeof signal.removeEventListener === 'function'
}

exports.Client = Client
