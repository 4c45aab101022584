'use strict'

// A subchannel is one address of a target and the connection to it. Any number of channels can share it. It connects
// when asked. See gRPC's `connectivity-semantics-and-api.md`.

const process = require('node:process')
const { MAX_DELAY } = require('../delays.js')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { Backoff } = require('./backoff.js')
const { ClientLink } = require('./client-link.js')
const { register, unregister } = require('./channelz-registry.js')
const { connectivityState } = require('./constants.js')
const { Calls, Trace } = require('./counts.js')
const { placeText, uriToString } = require('./uri.js')

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState

class Subchannel {
  constructor(pool, key, { address, options, credentials, tls }) {
    this.pool = pool
    this.key = key
    this.address = address
    this.options = options
    this.credentials = credentials
    this.tls = tls
    this.state = IDLE
    /** Why the last attempt failed, as text. */
    this.error = undefined
    /** The connection that calls use, and the one that is being made; null if there is none. */
    this.link = null
    this.trying = null
    this.references = 0
    /** Called as `listener(subchannel, state)` when the state changes. */
    this.listeners = new Set()
    /** Runs from the beginning of an attempt. */
    this.backoff = new Backoff(options, () => this.rested())
    this.connectsAgain = false
    /** Milliseconds between pings, or -1 for none. More than the options say if the server wants fewer. */
    this.keepaliveTime = options['grpc.keepalive_time_ms'] ?? -1
    if (this.keepaliveTime > 0) this.keepaliveTime = Math.max(this.keepaliveTime, pool.calmed.get(key) ?? 0)
    /** Data for channelz. */
    this.counts = new Calls()
    this.trace = new Trace()
    this.trace.add('Subchannel created')
    this.channelz = register('subchannel', placeText(address), this, options)
  }

  /** Connects as soon as the backoff allows it. It never fails synchronously. */
  connect() {
    process.nextTick(() => {
      if (this.state === TRANSIENT_FAILURE) this.connectsAgain = true
      else if (this.state === IDLE) this.begin()
    })
  }

  begin() {
    this.connectsAgain = false
    this.backoff.start()
    const { path } = this.address
    const id = path === undefined ? native.createTcp() : native.createPipe()
    if (id >= 0) {
      const { tls, address } = this
      this.trying = tls === null ? new ClientLink(id, this, address) : tls.link(ClientLink, id, this, address)
      this.trying.keepaliveTime = this.keepaliveTime
    }
    this.become(CONNECTING)
    // A listener may have released the subchannel.
    if (this.state !== CONNECTING) return
    if (id < 0) this.failed(systemError(id, 'socket'))
    else this.trying.connect()
  }

  become(state) {
    if (this.state === state) return
    this.state = state
    this.trace.add(`Connectivity state change to ${connectivityState[state]}`)
    for (const listener of [...this.listeners]) if (this.listeners.has(listener)) listener(this, state)
  }

  // ---- from the connection

  connected(link) {
    this.trying = null
    this.link = link
    this.backoff.reset()
    link.unref()
    this.become(READY)
  }

  /** Called when no more calls may begin on a connection. */
  left(link) {
    if (this.link !== link) return
    this.link = null
    this.become(IDLE)
  }

  /** Called when the server wants fewer pings. */
  calm() {
    if (!(this.keepaliveTime > 0)) return
    this.keepaliveTime = Math.min(2 * this.keepaliveTime, MAX_DELAY)
    this.pool.calmed.set(this.key, this.keepaliveTime)
  }

  lost(link, error) {
    this.left(link)
    if (this.trying !== link) return
    this.trying = null
    this.failed(error ?? new Error('Connection closed'))
  }

  failed(error) {
    if (this.state !== CONNECTING) return
    this.error = String(error)
    this.become(TRANSIENT_FAILURE)
    if (!this.backoff.isRunning) process.nextTick(() => this.rested())
  }

  /** Called when the backoff allows another attempt. */
  rested() {
    if (this.state !== TRANSIENT_FAILURE) return
    if (this.connectsAgain) this.begin()
    else this.become(IDLE)
  }

  // ---- from policies

  take() {
    this.references++
    return this
  }

  release() {
    if (--this.references > 0) return
    this.pool.delete(this)
    unregister(this.channelz)
    this.backoff.reset()
    this.listeners.clear()
    this.state = SHUTDOWN
    const { link, trying } = this
    this.link = null
    this.trying = null
    link?.drain()
    trying?.destroy()
  }
}

/** Shares subchannels: there is one for the same target, address, options and credentials. */
class SubchannelPool {
  constructor() {
    this.known = new Map()
    /** Milliseconds between pings to servers that wanted fewer, by key. */
    this.calmed = new Map()
  }

  /** Returns a subchannel, which the caller has to release. */
  take(place) {
    const { target, address, options, credentials } = place
    const key = `${uriToString(target)} ${placeText(address)}`
    const alike = this.known.get(key) ?? []
    const found = alike.find((one) => areEqual(one.options, options) && credentials._equals(one.credentials))
    if (found !== undefined) return found.take()
    const made = new Subchannel(this, key, place)
    this.known.set(key, [...alike, made])
    return made.take()
  }

  delete(subchannel) {
    const { key } = subchannel
    const left = this.known.get(key).filter((one) => one !== subchannel)
    if (left.length === 0) this.known.delete(key)
    else this.known.set(key, left)
  }
}

function areEqual(options, others) {
  if (options === others) return true
  const names = Object.keys(options)
  return names.length === Object.keys(others).length && names.every((name) => options[name] === others[name])
}

module.exports = { SubchannelPool, globalPool: new SubchannelPool() }
