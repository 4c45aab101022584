'use strict'

// The members of a cluster as clients know them: a connection to one of them, and to others when that one fails.

const { setInterval, clearInterval, setTimeout, clearTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { Client: GrpcClient } = require('../grpc/client.js')
const { connectivityState } = require('../grpc/constants.js')
const { now } = require('../rpc/tick.js')
const { Auth } = require('./auth.js')
const { credentialsOf } = require('./credentials.js')
const errors = require('./errors.js')

const { READY, TRANSIENT_FAILURE } = connectivityState

/** Milliseconds after which a member that is still being connected to is not waited for alone. */
const PATIENCE = 250

const CHANNEL = {
  // A member that is back is found soon.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 2000,
  // One that is silent for so long is gone. etcd takes pings every 5 s, and only from who has calls in flight.
  'grpc.keepalive_time_ms': 8000,
  'grpc.keepalive_timeout_ms': 5000,
  // Members are not reached through what web pages are.
  'grpc.enable_http_proxy': 0,
  // Names of members say nothing of how etcd wants to be called, least of all again.
  'grpc.service_config_disable_resolution': 1,
  // What keeps the process running is this client's to say, and of no other that has the same server.
  'grpc.use_local_subchannel_pool': 1,
}

class Endpoint {
  constructor(pool, { host, port }, { credentials, options }, maxMessageBytes) {
    this.name = `${host.includes(':') ? `[${host}]` : host}:${port}`
    this.pool = pool
    const limits = { 'grpc.max_receive_message_length': maxMessageBytes }
    this.client = new GrpcClient(this.name, credentials, { ...CHANNEL, ...limits, ...options })
    this.channel = this.client.getChannel()
    /** When a call has failed there that should not have, if none has succeeded since. */
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

  /** Why there is no connection; nothing if that is not known. */
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
  /** `options` as `options.js` has read them; `tell(event, value)` hears `'connect'` and `'disconnect'`. */
  constructor(options, tell) {
    this.options = options
    this.tell = tell
    const { places, tls, maxMessageBytes } = options
    const shown = credentialsOf(tls)
    this.endpoints = places.map((place) => new Endpoint(this, place, shown(place), maxMessageBytes))
    /** The one that calls go to: not the same for all clients. */
    this.at = Math.floor(Math.random() * this.endpoints.length)
    this.auth = new Auth(this, options)
    /** Who waits for a connection, and is asked to `go()` when there is one. */
    this.waiting = new Set()
    /** And who waits for a while before he tries again. */
    this.pausing = new Set()
    this.isConnected = false
    this.patience = null
    this.isClosed = false
    /** What keeps the process running: requests always, streams unless the client is unref'd. */
    this.requests = 0
    this.streams = 0
    this.isRefed = true
    this.keeper = setInterval(() => {}, MAX_DELAY).unref()
  }

  get size() {
    return this.endpoints.length
  }

  // --- what runs

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

  /** A member to talk to as whom the options say; or null, and `waiter.go()` is called later. */
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

  /** A call has failed there that another member may answer. */
  failed(endpoint) {
    if (this.isClosed) return
    endpoint.failedAt = now()
    if (this.size > 1) this.connectAll()
  }

  /** Why there is no connection to any. */
  get failure() {
    for (const { failure } of this.endpoints) if (failure !== undefined) return failure
    return undefined
  }

  /** The state of a connection is another. */
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
