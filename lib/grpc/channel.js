'use strict'

// `Channel` as in @grpc/grpc-js: makes calls to a target. Its balancer (balancer.js) supplies a picker, which chooses
// the connection of each call.

const process = require('node:process')
const { isDate } = require('node:util/types')
const { clearInterval, clearTimeout, setInterval, setTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { Deadlines } = require('../rpc/deadlines.js')
const { Balancer } = require('./balancer.js')
const { register, unregister } = require('./channelz-registry.js')
const { compressionOf } = require('./compression.js')
const { connectivityState, status } = require('./constants.js')
const { Calls, Trace } = require('./counts.js')
const { ChannelCredentials } = require('./credentials.js')
const { refuseMissing } = require('./errors.js')
const { Metadata } = require('./metadata.js')
const { apply } = require('./method-config.js')
const { QUEUE } = require('./picker.js')
const { routeOf } = require('./proxy.js')
const { RawCall } = require('./raw-call.js')
const { getDefaultAuthority, parseTarget } = require('./resolver.js')
const { Throttle } = require('./retry.js')
const { configOf } = require('./service-config.js')
const { hostOf, shownUri, uriToString } = require('./uri.js')
const binding = require('../../binding.js')

const { IDLE, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState
/** Milliseconds without a call after which the channel releases its connections. */
const IDLE_TIMEOUT = 30 * 60_000
const MIN_IDLE_TIMEOUT = 1000
const NUL = '\0'
/** Number of methods whose header fields are cached. Without a limit, made-up method names could fill the memory. */
const MAX_HEADS = 1000

const RETRY_BUFFER = 16 * 1024 * 1024
const CALL_RETRY_BUFFER = 1024 * 1024

/** Retry throttles by target. All channels to a target share one, because it is the service that is overloaded. */
const throttles = new Map()

function throttleOf(target, throttling) {
  const before = throttles.get(target)
  if (throttling === null) throttles.delete(target)
  else if (before === undefined || !before.is(throttling)) throttles.set(target, new Throttle(throttling, before))
  return throttles.get(target) ?? null
}

class Channel {
  constructor(target, credentials, options = {}) {
    if (typeof target !== 'string') throw new TypeError('Channel target must be a string')
    if (!(credentials instanceof ChannelCredentials)) {
      throw new TypeError('Channel credentials must be a ChannelCredentials object')
    }
    if (options === null || typeof options !== 'object') throw new TypeError('Channel options must be an object')
    refuseMissing(options)
    this.channelCredentials = credentials
    /** The call credentials that are part of the channel credentials, or null. */
    this.credentials = credentials._ofCalls()
    this.compression = compressionOf(options)
    this.target = parseTarget(target)
    /** The target and the options that connections use: those of a proxy, if there is one. */
    const way = routeOf(this.target, options)
    this.route = way.target
    this.options = way.options
    const authority = getDefaultAuthority(this.target)
    this.authority = options['grpc.default_authority'] ?? authority
    /** TLS to the servers, or null for none. It keeps their sessions for resumption. */
    this.tls = credentials._towards(hostOf(authority), options)
    this.state = IDLE
    this.picker = QUEUE
    this.balancer = new Balancer(this)
    /**
     * The service config, null before it is known. `methods` is null if it has no method configs, `throttle` if it has
     * no retry throttling.
     */
    this.config = null
    this.methods = null
    this.throttle = null
    this.maxSend = options['grpc.max_send_message_length'] >= 0 ? options['grpc.max_send_message_length'] : Infinity
    this.retries = options['grpc.enable_retries'] !== 0
    /** Bytes that calls may keep to be sent again: all calls together, and a single call. */
    this.mostRetained = options['grpc.retry_buffer_size'] ?? RETRY_BUFFER
    this.mostKept = options['grpc.per_rpc_retry_buffer_size'] ?? CALL_RETRY_BUFFER
    this.retained = 0
    /** Calls that wait for a connection or for room on one, and a timer that keeps the process running meanwhile. */
    this.pending = new Set()
    this.holder = undefined
    this.deadlines = new Deadlines((now) => this.expire(now))
    this.watchers = new Set()
    this.heads = new Map()
    /**
     * The number of calls that have not ended, when the last one ended (as `Date.now()`), and the timer that checks for
     * idleness.
     */
    this.active = 0
    this.restedAt = 0
    const idleTimeout = Math.max(options['grpc.client_idle_timeout_ms'] ?? IDLE_TIMEOUT, MIN_IDLE_TIMEOUT)
    this.idleTimeout = Math.min(idleTimeout, MAX_DELAY)
    this.idleTimer = undefined
    const agents = [
      options['grpc.primary_user_agent'],
      `grpc-node-ironwire/${binding.version()}`,
      options['grpc.secondary_user_agent'],
    ]
    this.agent = agents.filter(Boolean).join(' ')
    /** Data for channelz. */
    this.counts = new Calls()
    this.trace = new Trace()
    this.trace.add('Channel created')
    this.channelz = register('channel', this.getTarget(), this, options)
  }

  getTarget() {
    return shownUri(this.target)
  }

  getConnectivityState(tryToConnect) {
    const { state } = this
    if (tryToConnect) {
      this.connect()
      this.rest()
    }
    return state
  }

  /** Calls back when the state differs from `current`, or with an error at the deadline. */
  watchConnectivityState(current, deadline, callback) {
    if (this.state === SHUTDOWN) throw new Error('Channel has been shut down')
    if (this.state !== current) return process.nextTick(callback)
    const watcher = { callback, timer: undefined }
    const time = Number(deadline) - Date.now()
    if (time < 2 ** 31) {
      watcher.timer = setTimeout(
        () => {
          this.watchers.delete(watcher)
          callback(new Error('Deadline passed without connectivity state change'))
        },
        Math.max(time, 0),
      )
    }
    this.watchers.add(watcher)
  }

  close() {
    if (this.state === SHUTDOWN) return
    this.picker = QUEUE
    this.become(SHUTDOWN)
    unregister(this.channelz)
    this.balancer.stop()
    clearTimeout(this.idleTimer)
    for (const call of this.pending) call.fail(status.UNAVAILABLE, 'Channel closed before call started')
    this.deadlines.clear()
  }

  getChannelzRef() {
    return this.channelz
  }

  /** A call that sends and receives bytes. */
  createCall(path, deadline, host, parent, propagateFlags) {
    if (typeof path !== 'string') throw new TypeError('Channel#createCall: method must be a string')
    if (typeof deadline !== 'number' && !isDate(deadline)) {
      throw new TypeError('Channel#createCall: deadline must be a number or Date')
    }
    if (this.state === SHUTDOWN) throw new Error('Channel has been shut down')
    const options = { deadline, host: host ?? undefined, parent, propagate_flags: propagateFlags ?? undefined }
    return new RawCall(this, path, options)
  }

  become(state) {
    if (this.state === state) return
    this.state = state
    this.trace.add(`Connectivity state change to ${connectivityState[state]}`)
    for (const watcher of [...this.watchers]) {
      this.watchers.delete(watcher)
      clearTimeout(watcher.timer)
      process.nextTick(watcher.callback)
    }
  }

  // ---- calls

  /** The header fields that all calls of a method have in common, as `name NUL value NUL …`. */
  head(path, host) {
    if (host !== undefined) return this.makeHead(path, host)
    let head = this.heads.get(path)
    if (head === undefined) {
      head = this.makeHead(path, this.authority)
      if (this.heads.size === MAX_HEADS) this.heads.clear()
      this.heads.set(path, head)
    }
    return head
  }

  makeHead(path, authority) {
    const scheme = this.tls === null ? 'http' : 'https'
    const fields = [':method', 'POST', ':scheme', scheme, ':path', path, ':authority', authority]
    fields.push('te', 'trailers', 'content-type', 'application/grpc', 'user-agent', this.agent)
    fields.push('grpc-accept-encoding', 'identity,deflate,gzip', '')
    return fields.join(NUL)
  }

  /** Begins a call, at once if there is a connection for it. */
  begin(call) {
    if (this.state === SHUTDOWN) return call.fail(status.UNAVAILABLE, 'Channel closed before call started')
    if (this.methods !== null && this.configure(call)) return
    if (this.pending.size === 0 && this.place(call)) return
    // If another channel has connected already, `connect()` begins the call.
    this.wait(call)
    this.connect()
    if (this.pending.has(call)) this.refuse(call)
  }

  /** Begins a call on a connection that takes it. Returns false if the call has to wait. */
  place(call) {
    const { picker } = this
    for (let left = picker.count; left > 0; left--) {
      const link = picker.pick()
      if (link !== null && call.attempt(link)) return true
    }
    return false
  }

  /** Ends a call if there is no connection to wait for, unless it waits for ready. Returns whether it did. */
  refuse(call) {
    const failed = this.picker.status
    if (failed === null || call.waitsForReady) return false
    this.drop(call)
    call.unplaced({ metadata: new Metadata(), ...failed })
    return true
  }

  wait(call) {
    this.pending.add(call)
    this.holder ??= setInterval(() => {}, MAX_DELAY)
    if (call.expires !== Infinity) this.deadlines.add(call.expires)
  }

  /** Takes a call off the list of those that wait. */
  drop(call) {
    if (!this.pending.delete(call) || this.pending.size > 0) return
    clearInterval(this.holder)
    this.holder = undefined
  }

  /** Begins waiting calls, as many as connections have room for. */
  pump() {
    for (const call of this.pending) {
      if (!this.place(call)) return
      this.drop(call)
    }
  }

  expire(now) {
    let next = Infinity
    for (const call of this.pending) {
      if (call.expires <= now) call.onDeadline()
      else if (call.expires < next) next = call.expires
    }
    return next
  }

  // ---- idleness

  /** Called when a call has ended. */
  ended() {
    if (--this.active === 0) this.rest()
  }

  rest() {
    if (this.active > 0 || this.state === SHUTDOWN) return
    this.restedAt = Date.now()
    this.idleTimer ??= setTimeout(() => this.look(), this.idleTimeout).unref()
  }

  /** Releases the connections if there was no call for `idleTimeout`. */
  look() {
    this.idleTimer = undefined
    if (this.active > 0 || this.state === SHUTDOWN) return
    const left = this.restedAt + this.idleTimeout - Date.now()
    if (left > 0) this.idleTimer = setTimeout(() => this.look(), left).unref()
    else {
      this.balancer.stop()
      this.update(IDLE, QUEUE)
    }
  }

  // ---- from the balancer

  connect() {
    if (this.state === IDLE || this.state === TRANSIENT_FAILURE) this.balancer.connect()
  }

  /** Called with the service config that applies from now on. */
  configured(config) {
    if (config === this.config) return
    this.config = config
    this.methods = config.methods.size === 0 ? null : config
    this.throttle = throttleOf(uriToString(this.target), config.throttling)
    if (this.methods !== null) for (const call of [...this.pending]) this.configure(call)
  }

  /** Applies the method's config to a call, once. Returns true if this has begun the call (hedging) or ended it. */
  configure(call) {
    return call.config === undefined && apply(configOf(this.methods, call.method.path), call)
  }

  /**
   * Reserves memory to keep bytes of a call that already keeps `kept` bytes. Returns false if that is more than the
   * limits allow.
   */
  retain(bytes, kept) {
    if (kept + bytes > this.mostKept || this.retained + bytes > this.mostRetained) return false
    this.retained += bytes
    return true
  }

  release(bytes) {
    this.retained -= bytes
  }

  update(state, picker) {
    if (this.state === SHUTDOWN) return
    this.picker = picker
    this.become(state)
    if (picker.status === null) this.pump()
    else for (const call of this.pending) this.refuse(call)
    if (state === IDLE && this.pending.size > 0) this.connect()
  }
}

module.exports = { Channel }
