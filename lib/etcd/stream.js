'use strict'

// A stream to one member after the other, for as long as somebody needs it.

const { setTimeout, clearTimeout } = require('node:timers')
const { status } = require('../grpc/constants.js')
const errors = require('./errors.js')
const { isTokenError, pauseAfter } = require('./request.js')
const { methods } = require('./schema.js')

/** Why there is no token, that would be as true for the next. */
const FINAL = new Set(['IRONWIRE_ETCD_UNAUTHENTICATED', 'IRONWIRE_ETCD_DENIED', 'IRONWIRE_ETCD_REFUSED'])

class Stream {
  constructor(pool, name) {
    this.pool = pool
    this.name = name
    this.call = null
    this.endpoint = null
    this.token = null
    this.timer = null
    /** In a row. */
    this.failures = 0
  }

  /** Opens it, if it is not. */
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
    // What keeps the process running is the pool's to say.
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

  /** There is no token to be had. */
  fail(error) {
    if (FINAL.has(error.code)) this.onRefused(error)
    else this.later()
  }

  /** Takes another member: this one does not say what it should. */
  leaveMember(details) {
    const { call } = this
    if (call === null) return
    this.onEnd(call, { code: status.UNAVAILABLE, details })
    call.cancel()
  }

  /** The same again. */
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
