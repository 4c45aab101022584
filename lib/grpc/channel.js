'use strict'

// `Channel` as in @grpc/grpc-js: the connection to a target, made when it is needed, and again when it is lost.

const process = require('node:process')
const { clearTimeout, setTimeout } = require('node:timers')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { Deadlines } = require('../rpc/deadlines.js')
const { hostOf, parseTarget, resolve } = require('./address.js')
const { connectivityState, status } = require('./constants.js')
const { ChannelCredentials } = require('./credentials.js')
const { refuseMissing, unsupported } = require('./errors.js')
const { ClientLink } = require('./client-link.js')
const binding = require('../../binding.js')

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState
const INITIAL_BACKOFF = 1000
const MAX_BACKOFF = 120_000
const BACKOFF_FACTOR = 1.6
const BACKOFF_JITTER = 0.2
const NUL = '\0'

class Channel {
  constructor(target, credentials, options = {}) {
    if (typeof target !== 'string') throw new TypeError('Channel target must be a string')
    if (!(credentials instanceof ChannelCredentials)) {
      throw new TypeError('Channel credentials must be a ChannelCredentials object')
    }
    if (options === null || typeof options !== 'object') throw new TypeError('Channel options must be an object')
    refuseMissing(options)
    this.target = target
    this.options = options
    const { path, places, authority } = parseTarget(target)
    this.path = path
    this.places = places
    this.authority = options['grpc.default_authority'] ?? authority
    /** TLS with the server, or null for none; and what the credentials add to each call, or null for nothing. */
    this.tls = credentials._towards(hostOf(authority), options)
    this.credentials = credentials._ofCalls()
    this.state = IDLE
    /** The one that calls go to; those that end with their calls; and the one that is being made. */
    this.link = null
    this.links = new Set()
    this.trying = null
    /** Addresses that are left to be tried. */
    this.untried = []
    this.failure = null
    this.backoff = 0
    this.timer = undefined
    /** Calls that wait for a connection, or for room on it. */
    this.pending = []
    this.deadlines = new Deadlines((now) => this.expire(now))
    this.watchers = new Set()
    this.heads = new Map()
    const agents = [
      options['grpc.primary_user_agent'],
      `grpc-node-ironwire/${binding.version()}`,
      options['grpc.secondary_user_agent'],
    ]
    this.agent = agents.filter(Boolean).join(' ')
  }

  getTarget() {
    return this.path === undefined ? `dns:${this.target.replace(/^dns:/, '')}` : this.target
  }

  getConnectivityState(tryToConnect) {
    const { state } = this
    if (tryToConnect) this.connect()
    return state
  }

  /** Calls back when the state is not `current` any more, or with an error at the deadline. */
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
    clearTimeout(this.timer)
    this.become(SHUTDOWN)
    for (const call of this.pending.splice(0)) call.fail(status.UNAVAILABLE, 'Channel closed before call started')
    this.deadlines.clear()
    for (const link of this.links) link.drain()
    this.trying?.destroy()
  }

  getChannelzRef() {
    throw unsupported('channelz (Channel.getChannelzRef)')
  }

  createCall() {
    throw unsupported('calls by Channel.createCall')
  }

  become(state) {
    if (this.state === state) return
    this.state = state
    for (const watcher of [...this.watchers]) {
      this.watchers.delete(watcher)
      clearTimeout(watcher.timer)
      process.nextTick(watcher.callback)
    }
  }

  // --- calls

  /** The fields that all calls of a method begin with. */
  head(path, host) {
    if (host !== undefined) return this.makeHead(path, host)
    let head = this.heads.get(path)
    if (head === undefined) {
      head = this.makeHead(path, this.authority)
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

  /** Begins a call as soon as it can. */
  begin(call) {
    if (this.state === SHUTDOWN) return call.fail(status.UNAVAILABLE, 'Channel closed before call started')
    if (this.link !== null && this.pending.length === 0 && call.attempt(this.link)) return
    if (this.state === TRANSIENT_FAILURE && !call.waitsForReady) {
      return call.fail(status.UNAVAILABLE, this.reason())
    }
    this.wait(call)
    this.connect()
  }

  wait(call) {
    this.pending.push(call)
    this.timer?.ref()
    if (call.expires !== Infinity) this.deadlines.add(call.expires)
  }

  /** A call that waits has ended. */
  drop(call) {
    const at = this.pending.indexOf(call)
    if (at >= 0) this.pending.splice(at, 1)
    if (this.pending.length === 0 && this.link?.calls.size === 0) this.link.unref()
  }

  /** Begins those that wait, as far as there is room. */
  pump() {
    const { link, pending } = this
    if (link === null) return
    while (pending.length > 0) {
      const [call] = pending
      if (!call.attempt(link)) return
      // One that cannot be sent has left by itself.
      if (pending[0] === call) pending.shift()
    }
  }

  expire(now) {
    let next = Infinity
    for (const call of [...this.pending]) {
      if (call.expires <= now) call.onDeadline()
      else if (call.expires < next) next = call.expires
    }
    return next
  }

  reason() {
    return `No connection established. Last error: ${this.failure?.message ?? 'none'}`
  }

  // --- connections

  connect() {
    if (this.state !== IDLE) return
    this.become(CONNECTING)
    this.resolve()
  }

  resolve() {
    if (this.path !== undefined) {
      this.untried = [{ path: this.path }]
      this.tryNext()
      return
    }
    resolve(this.places, (error, found) => {
      if (this.state !== CONNECTING) return
      if (error !== null || found.length === 0) {
        this.failed(new Error(`Name resolution failed for target ${this.getTarget()}`))
      } else {
        this.untried = found
        this.tryNext()
      }
    })
  }

  tryNext() {
    const place = this.untried.shift()
    const { path } = place
    const id = path === undefined ? native.createTcp() : native.createPipe()
    if (id < 0) return this.failed(systemError(id, 'socket'))
    const link = this.tls === null ? new ClientLink(id, this, place) : this.tls.link(ClientLink, id, this, place)
    this.trying = link
    link.connect()
  }

  connected(link) {
    this.trying = null
    if (this.state === SHUTDOWN) return link.drain()
    this.link = link
    this.links.add(link)
    this.backoff = 0
    this.untried = []
    link.unref()
    this.become(READY)
    this.pump()
  }

  /** Takes another connection for what is to come. */
  retire(link) {
    this.left(link)
    link.drain()
  }

  /** The server of a connection takes no more calls on it. */
  left(link) {
    if (this.link !== link) return
    this.link = null
    if (this.state === READY) this.become(IDLE)
    if (this.pending.length > 0) this.connect()
  }

  lost(link, error) {
    this.links.delete(link)
    this.left(link)
    if (this.trying !== link) return
    this.trying = null
    if (this.state !== CONNECTING) return
    if (this.untried.length > 0) this.tryNext()
    else this.failed(error ?? new Error('Connection closed'))
  }

  /** No address can be connected to: it is tried again after a while. */
  failed(error) {
    this.failure = error
    this.become(TRANSIENT_FAILURE)
    const calls = this.pending.filter((call) => !call.waitsForReady)
    this.pending = this.pending.filter((call) => call.waitsForReady)
    const { options } = this
    const most = options['grpc.max_reconnect_backoff_ms'] ?? MAX_BACKOFF
    const least = options['grpc.initial_reconnect_backoff_ms'] ?? INITIAL_BACKOFF
    this.backoff = Math.min(this.backoff === 0 ? least : this.backoff * BACKOFF_FACTOR, Math.max(most, least))
    const jitter = 1 + (Math.random() * 2 - 1) * BACKOFF_JITTER
    this.timer = setTimeout(() => {
      if (this.state !== TRANSIENT_FAILURE) return
      this.become(CONNECTING)
      this.resolve()
    }, this.backoff * jitter)
    if (this.pending.length === 0) this.timer.unref()
    for (const call of calls) call.fail(status.UNAVAILABLE, this.reason())
  }
}

module.exports = { Channel }
