'use strict'

// A stream to one member, which is opened at another member when it breaks, for as long as it is needed.

const { setTimeout, clearTimeout } = require('node:timers')
const { status } = require('../grpc/constants.js')
const errors = require('./errors.js')
const { isTokenError, pauseAfter } = require('./request.js')
const { methods } = require('./schema.js')

/** Errors of the token request that would come again. */
const FINAL = new Set(['IRONWIRE_ETCD_UNAUTHENTICATED', 'IRONWIRE_ETCD_DENIED', 'IRONWIRE_ETCD_REFUSED'])

class Stream {
  constructor(pool, name) {
    this.pool = pool
    this.name = name
    this.call = null
    this.endpoint = null
    this.token = null
    this.timer = null
    /** Consecutive failures. */
    this.failures = 0
  }

  /** Opens the stream unless it is open or about to be. */
  begin() {
    if (this.timer === null) this.go()
  }

  go() {
    const { pool } = this
    if (this.call !== null || !this.isNeeded || pool.isClosed) return
    const endpoint = pool.ready(this)
    if (endpoint === null) return
    const { path, serialize, deserialize } = methods().get(this.name)
    const call = endpoint.client.makeBidiStreamRequest(path, serialize, deserialize, pool.auth.metadata)
    this.call = call
    this.endpoint = endpoint
    this.token = pool.auth.token
    call.on('data', (message) => {
      if (this.call !== call) return
      this.onMessage(message)
      if (this.call !== call) return
      this.failures = 0
      endpoint.failedAt = 0
    })
    call.on('error', (error) => this.onEnd(call, error))
    call.on('end', () => this.onEnd(call, { code: status.UNAVAILABLE, details: 'the stream has ended' }))
    // The pool decides what keeps the process running.
    call.call.link?.unref()
    this.onOpen()
  }

  onEnd(call, error) {
    if (this.call !== call) return
    const { pool, endpoint } = this
    this.call = null
    if (isTokenError(error.details)) pool.auth.renew(this.token)
    pool.failed(endpoint)
    this.onLost(errors.failed(this.name, endpoint.name, error, true))
    this.later()
  }

  later() {
    if (!this.isNeeded || this.timer !== null) return
    this.timer = setTimeout(
      () => {
        this.timer = null
        this.go()
      },
      pauseAfter(this.failures++),
    ).unref()
  }

  /** The token request failed. */
  fail(error) {
    if (FINAL.has(error.code)) this.onRefused(error)
    else this.later()
  }

  /** Switches to another member, because this one sends invalid messages or does not answer. */
  leaveMember(details) {
    const { call } = this
    if (call === null) return
    this.onEnd(call, { code: status.UNAVAILABLE, details })
    call.cancel()
  }

  /** Opens the stream again. */
  restart() {
    const { call } = this
    this.call = null
    call?.cancel()
    this.begin()
  }

  end() {
    const { call } = this
    this.call = null
    call?.cancel()
    clearTimeout(this.timer)
    this.timer = null
    this.pool.forget(this)
  }
}

module.exports = { Stream }
