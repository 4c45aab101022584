'use strict'

// One request: it is tried at one member and then at others, until one has answered or the time is up.

const process = require('node:process')
const { setTimeout, clearTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { status } = require('../grpc/constants.js')
const { now } = require('../rpc/tick.js')
const errors = require('./errors.js')

/**
 * With several members, an attempt of a repeatable request ends after this many milliseconds, or this share of the
 * timeout.
 */
const ATTEMPT = 5000
const SHARE = 1 / 2

/** The pause between attempts doubles, in milliseconds. Half of it is random. */
const FIRST_PAUSE = 25
const LONGEST_PAUSE = 1000

/** How many rejected tokens are replaced before the request fails. */
const MOST_TOKENS = 3

/** With these statuses it is unknown whether the request was executed. With any other it was not. */
const UNCLEAR = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
])

/** Errors that members return before they execute a request. */
const UNSEEN = new Set([
  'etcdserver: no leader',
  'etcdserver: not capable',
  'etcdserver: too many requests',
  'etcdserver: mvcc: database space exceeded',
  'etcdserver: rpc not supported for learner',
])

/** Errors about a token that is not accepted. */
const TOKENS = new Set([
  'etcdserver: invalid auth token',
  'etcdserver: revision of auth store is old',
  'etcdserver: user name is empty',
])

/** Whether the error is temporary, so that another member may be able to answer. */
function isPassing({ code, details }) {
  if (code === status.UNAVAILABLE || code === status.CANCELLED || code === status.DEADLINE_EXCEEDED) return true
  return details === 'etcdserver: too many requests' || details === 'raft: stopped'
}

const pauseAfter = (failures) =>
  Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)

const NO_OPTIONS = {}

const asIs = (bytes) => bytes

class Request {
  /**
   * `timeout` is in milliseconds. An `idempotent` request may be executed twice. An `isLocal` request needs no leader.
   * `callback(error, reply)` is called once, never synchronously.
   */
  constructor(pool, method, message, { timeout, idempotent, isLocal = false, isAnonymous = false, signal }, callback) {
    this.pool = pool
    this.method = method
    this.bytes = method.serialize(message)
    this.timeout = timeout
    this.until = timeout === Infinity ? Infinity : now() + timeout
    this.mayRepeat = method.isRead || Boolean(idempotent)
    this.isLocal = isLocal
    this.isAnonymous = isAnonymous
    this.callback = callback
    this.endpoint = null
    this.view = null
    this.token = null
    /** Failed attempts, and rejected tokens. */
    this.failures = 0
    this.tokens = 0
    /** Whether etcd may have executed the request. */
    this.sent = false
    this.failure = undefined
    this.timer = null
    this.pause = null
    this.isOver = false
    this.signal = signal
    this.onAbort = null
    pool.begun()
    if (signal !== undefined) this.heed(signal)
  }

  heed(signal) {
    this.onAbort = () => this.fail(errors.aborted(this.method.name, this.sent || this.isUnderWay, signal.reason))
    if (signal.aborted) this.onAbort()
    else signal.addEventListener('abort', this.onAbort, { once: true })
  }

  /** Whether the current attempt may have reached a member. */
  get isUnderWay() {
    return Boolean(this.view?.call.sent)
  }

  go() {
    if (this.isOver) return
    const { pool } = this
    if (this.pause !== null) this.stopPause()
    if (pool.isClosed) return this.fail(errors.closed(this.method.name, this.sent))
    const left = this.until - now()
    if (left <= 0) return this.expire()
    const endpoint = pool.ready(this)
    if (endpoint === null) return this.rest(left)
    clearTimeout(this.timer)
    this.timer = null
    this.attempt(endpoint, left)
  }

  stopPause() {
    clearTimeout(this.pause)
    this.pause = null
    this.pool.pausing.delete(this)
  }

  attempt(endpoint, left) {
    const { pool, method, bytes } = this
    const { auth } = pool
    const time = this.mayRepeat && pool.size > 1 ? Math.min(left, ATTEMPT, this.timeout * SHARE) : left
    const options = time === Infinity ? NO_OPTIONS : { deadline: Date.now() + time }
    const metadata = this.isLocal ? auth.local : this.isAnonymous ? auth.anonymous : auth.metadata
    this.endpoint = endpoint
    this.token = auth.token
    this.view = endpoint.client.makeUnaryRequest(
      method.path,
      asIs,
      method.deserialize,
      bytes,
      metadata,
      options,
      (error, reply) => this.onAnswer(error, reply),
    )
  }

  onAnswer(error, reply) {
    const { view, endpoint } = this
    this.view = null
    if (this.isOver) return
    if (error === null) {
      endpoint.failedAt = 0
      return this.finish(null, reply)
    }
    const { code, details } = error
    const mayBeDone = view.call.sent && UNCLEAR.has(code) && !UNSEEN.has(details)
    this.sent ||= mayBeDone
    this.failure = errors.failed(this.method.name, endpoint.name, error, this.sent)
    if (TOKENS.has(details) && this.tokens++ < MOST_TOKENS && this.pool.auth.renew(this.token)) return this.go()
    if (mayBeDone && !this.mayRepeat) return this.fail(this.failure)
    if (!isPassing(error)) return this.fail(this.failure)
    this.pool.failed(endpoint)
    this.again()
  }

  /** If another member is ready, the first repeat goes to it at once. */
  again() {
    const { pool } = this
    const left = this.until - now()
    if (left <= 0) return this.expire()
    if (pool.isClosed || (this.failures++ === 0 && pool.pick() !== this.endpoint)) return this.go()
    this.rest(left)
    this.pause = setTimeout(() => this.go(), pauseAfter(this.failures)).unref()
    pool.pausing.add(this)
  }

  /** Limits the waiting (for a connection, a token or the next attempt) to the time left. */
  rest(left) {
    if (this.timer === null && left !== Infinity) {
      this.timer = setTimeout(() => this.expire(), Math.min(left, MAX_DELAY)).unref()
    }
  }

  expire() {
    this.fail(errors.timeout(this.method.name, this.timeout, this.sent, this.failure ?? this.pool.failure))
  }

  /** Ends the request without calling back. */
  drop() {
    this.leave()
    this.pool.ended()
  }

  fail(error) {
    if (this.isOver) return
    this.leave()
    // In the next tick, because the caller may still be starting the request.
    process.nextTick(() => this.tell(error))
  }

  leave() {
    this.isOver = true
    const { view, pool } = this
    this.view = null
    view?.cancel()
    clearTimeout(this.timer)
    clearTimeout(this.pause)
    pool.forget(this)
  }

  finish(error, reply) {
    this.isOver = true
    this.tell(error, reply)
  }

  tell(error, reply) {
    this.signal?.removeEventListener('abort', this.onAbort)
    this.pool.ended()
    this.callback(error, reply)
  }
}

module.exports = { Request, pauseAfter, isTokenError: (details) => TOKENS.has(details) }
