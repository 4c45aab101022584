'use strict'

// The members of a cluster as a client sees them: a connection to one of them, and to others when it fails.

const { setInterval, clearInterval, setTimeout, clearTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { Client: GrpcClient } = require('../grpc/client.js')
const { connectivityState } = require('../grpc/constants.js')
const { now } = require('../rpc/tick.js')
const { Auth } = require('./auth.js')
const { credentialsOf } = require('./credentials.js')
const errors = require('./errors.js')

const { READY, TRANSIENT_FAILURE } = connectivityState

/** If the current member is not connected after this many milliseconds, the others are tried too. */
const PATIENCE = 250

const CHANNEL = {
  // A member that comes back should be found soon.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 2000,
  // A member that does not answer a ping counts as gone. etcd accepts pings every 5 s, and only while calls are in
  // flight.
  'grpc.keepalive_time_ms': 8000,
  'grpc.keepalive_timeout_ms': 5000,
  // A proxy configured for web pages does not apply to cluster members.
  'grpc.enable_http_proxy': 0,
  // Service configs from DNS are not used, in particular their retry rules: this client decides about retries.
  'grpc.service_config_disable_resolution': 1,
  // This client decides whether its connections keep the process running, so they are not shared with other clients of
  // the same server.
  'grpc.use_local_subchannel_pool': 1,
}

class Endpoint {
  constructor(pool, { host, port }, { credentials, options }, maxMessageBytes) {
    this.name = `${host.includes(':') ? `[${host}]` : host}:${port}`
    this.pool = pool
    const limits = { 'grpc.max_receive_message_length': maxMessageBytes }
    this.client = new GrpcClient(this.name, credentials, { ...CHANNEL, ...limits, ...options })
    this.channel = this.client.getChannel()
    /** When a call to this member failed because of the member, if no call has succeeded since; else 0. */
    this.failedAt = 0
    this.isWatched = false
  }

  get state() {
    return this.channel.getConnectivityState(false)
  }

  connect() {
    this.channel.getConnectivityState(true)
    this.follow()
  }

  /** Why there is no connection, if known. */
  get failure() {
    const { details } = this.channel.picker.status ?? {}
    return details === undefined ? undefined : errors.notConnected(this.name, details)
  }

  follow() {
    if (this.isWatched) return
    this.isWatched = true
    this.channel.watchConnectivityState(this.state, Infinity, () => {
      this.isWatched = false
      if (this.pool.isClosed) return
      this.pool.changed(this)
      this.follow()
    })
  }
}

class Pool {
  /** `options` as `options.js` returns them. `tell(event)` is called with `'connect'` and `'disconnect'`. */
  constructor(options, tell) {
    this.options = options
    this.tell = tell
    const { places, tls, maxMessageBytes } = options
    const shown = credentialsOf(tls)
    this.endpoints = places.map((place) => new Endpoint(this, place, shown(place), maxMessageBytes))
    /** The index of the member in use. It starts at random, so that clients spread over the members. */
    this.at = Math.floor(Math.random() * this.endpoints.length)
    this.auth = new Auth(this, options)
    /** Requests and streams that wait for a connection. `go()` is called when there is one. */
    this.waiting = new Set()
    /** Requests that pause before the next attempt. */
    this.pausing = new Set()
    this.isConnected = false
    this.patience = null
    this.isClosed = false
    /** What keeps the process running: requests always, watches and leases unless the client is unref'd. */
    this.requests = 0
    this.streams = 0
    this.isRefed = true
    this.keeper = setInterval(() => {}, MAX_DELAY).unref()
  }

  get size() {
    return this.endpoints.length
  }

  // --- keeping the process running

  begun() {
    if (this.requests++ === 0) this.keeper.ref()
  }

  ended() {
    if (--this.requests === 0) this.keep()
  }

  /** A watch or a lease has begun (1) or ended (-1). */
  holds(change) {
    this.streams += change
    this.keep()
  }

  keep() {
    if (this.requests > 0 || (this.streams > 0 && this.isRefed)) this.keeper.ref()
    else this.keeper.unref()
  }

  // --- members

  /**
   * The member to use, if it is connected and the client has a token. Otherwise null, and `waiter.go()` is called
   * later.
   */
  ready(waiter) {
    const endpoint = this.pick()
    if (endpoint === null) {
      this.waiting.add(waiter)
      this.connect()
      return null
    }
    return this.auth.isReady(waiter) ? endpoint : null
  }

  forget(waiter) {
    this.waiting.delete(waiter)
    this.pausing.delete(waiter)
    this.auth.waiting.delete(waiter)
  }

  pick() {
    const { endpoints } = this
    const current = endpoints[this.at]
    if (current.failedAt === 0 && current.state === READY) return current
    let best = null
    for (const [i, endpoint] of endpoints.entries()) {
      if (endpoint.state !== READY || (best !== null && endpoint.failedAt >= best.failedAt)) continue
      best = endpoint
      this.at = i
    }
    return best
  }

  connect() {
    const current = this.endpoints[this.at]
    current.connect()
    if (this.size === 1) return
    if (current.state === TRANSIENT_FAILURE) return this.connectAll()
    this.patience ??= setTimeout(() => {
      this.patience = null
      if (this.waiting.size > 0) this.connectAll()
    }, PATIENCE).unref()
  }

  connectAll() {
    for (const endpoint of this.endpoints) endpoint.connect()
  }

  /** A call failed at this member; another one may be able to answer it. */
  failed(endpoint) {
    if (this.isClosed) return
    endpoint.failedAt = now()
    if (this.size > 1) this.connectAll()
  }

  /** Why there is no connection to any member. */
  get failure() {
    for (const { failure } of this.endpoints) if (failure !== undefined) return failure
    return undefined
  }

  /** The state of a connection has changed. */
  changed(endpoint) {
    if (endpoint.state === READY) {
      const { waiting } = this
      this.waiting = new Set()
      for (const waiter of waiting) waiter.go()
    } else if (this.waiting.size > 0) this.connectAll()
    const isConnected = this.endpoints.some(({ state }) => state === READY)
    if (isConnected === this.isConnected) return
    this.isConnected = isConnected
    this.tell(isConnected ? 'connect' : 'disconnect')
  }

  close() {
    this.isClosed = true
    clearInterval(this.keeper)
    clearTimeout(this.patience)
    for (const waiter of [...this.waiting, ...this.pausing, ...this.auth.waiting]) waiter.go()
    for (const { client } of this.endpoints) client.close()
  }
}

module.exports = { Pool }
