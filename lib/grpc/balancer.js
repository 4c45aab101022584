'use strict'

// Between a channel and its connections: the resolver says where servers are and how they want to be called, a policy takes connections to them.

const process = require('node:process')
const { Backoff } = require('./backoff.js')
const { connectivityState } = require('./constants.js')
const { PickFirst } = require('./pick-first.js')
const { Failing, QUEUE } = require('./picker.js')
const { createResolver, unavailable } = require('./resolver.js')
const { RoundRobin } = require('./round-robin.js')
const { parseServiceConfig } = require('./service-config.js')
const { globalPool, SubchannelPool } = require('./subchannel.js')
require('./resolver-dns.js')

const { IDLE, CONNECTING, TRANSIENT_FAILURE } = connectivityState

const policies = new Map([
  ['pick_first', PickFirst],
  ['round_robin', RoundRobin],
])

/** The first policy of a list that there is and that takes its config, in gRPC's own words. */
function choose(balancing) {
  for (const entry of balancing) {
    const [[name, config]] = Object.entries(entry)
    const Policy = policies.get(name)
    if (Policy === undefined) continue
    try {
      return { Policy, config: Policy.read(config ?? {}) }
    } catch {
      // Those behind it are for clients like this one.
    }
  }
  return { Policy: PickFirst, config: PickFirst.read({}) }
}

/** A policy at work. */
class Child {
  constructor(balancer, Policy) {
    this.balancer = balancer
    this.Policy = Policy
    this.policy = new Policy(this)
  }

  take(address) {
    return this.balancer.take(address)
  }

  resolve() {
    this.balancer.resolve()
  }

  update(state, picker) {
    this.balancer.update(this, state, picker)
  }
}

class Balancer {
  /** `channel` has `target`, `route`, `options`, `channelCredentials` and `tls`, and hears `configured(config)` and `update(state, picker)`. */
  constructor(channel) {
    const { route, options } = channel
    this.channel = channel
    this.pool = options['grpc.use_local_subchannel_pool'] ? new SubchannelPool() : globalPool
    const text = options['grpc.service_config']
    this.standard = parseServiceConfig(text ? JSON.parse(text) : {})
    /** The last one that a resolver gave. */
    this.config = null
    this.resolver = createResolver(route, (...result) => this.heard(...result), options)
    /** Whether the resolver has been asked, and not destroyed. */
    this.resolves = false
    this.backoff = new Backoff(options, () => this.ask())
    this.current = null
    /** The one that takes over when it can. */
    this.next = null
  }

  /** There are calls, or will be. */
  connect() {
    this.resolve()
    if (this.channel.state === IDLE) this.channel.update(CONNECTING, QUEUE)
    this.current?.policy.connect()
    this.next?.policy.connect()
  }

  /** There will be none for some time. */
  stop() {
    const { current, next } = this
    this.current = null
    this.next = null
    current?.policy.destroy()
    next?.policy.destroy()
    const { resolves } = this
    this.resolves = false
    this.backoff.reset()
    this.config = null
    if (resolves) this.resolver.destroy()
  }

  // --- names

  resolve() {
    if (this.backoff.isRunning) return
    this.resolves = true
    this.ask()
  }

  ask() {
    try {
      this.resolver.updateResolution()
    } catch (error) {
      this.heard(unavailable(`The resolver has failed: ${error?.message ?? error}`))
    }
  }

  /** Whether what the resolver has found is of use; if not, it is asked again after a while. */
  heard(endpoints, _attributes, serviceConfig, note) {
    if (!this.resolves) return false
    const found = isResult(endpoints) ? endpoints : unavailable('What the resolver has given is no list of endpoints')
    const isOfUse = this.use(found, serviceConfig, note ?? '')
    if (!this.resolves) return false
    if (isOfUse) this.backoff.reset()
    else this.backoff.start()
    return isOfUse
  }

  use(endpoints, serviceConfig, note) {
    if (!endpoints.ok) return this.unresolved(endpoints.error)
    let config = this.standard
    if (serviceConfig !== null && serviceConfig !== undefined) {
      const { error, value } = read(serviceConfig)
      // What was right serves until what is wrong is mended.
      config = value ?? this.config
      if (config === null) return this.unresolved(error)
    }
    this.config = config
    this.channel.configured(config)
    const chosen = choose(config.balancing)
    return this.childFor(chosen.Policy).policy.resolved(endpoints.value, chosen.config, note)
  }

  unresolved(error) {
    const latest = this.next ?? this.current
    if (latest === null) this.channel.update(TRANSIENT_FAILURE, new Failing(error))
    else latest.policy.unresolved(error)
    return false
  }

  // --- policies

  childFor(Policy) {
    const latest = this.next ?? this.current
    if (latest?.Policy === Policy) return latest
    const child = new Child(this, Policy)
    if (this.current === null) this.current = child
    else {
      this.next?.policy.destroy()
      this.next = child
    }
    return child
  }

  take(address) {
    const { target, options, channelCredentials: credentials, tls } = this.channel
    return this.pool.take({ target, address, options, credentials, tls })
  }

  update(child, state, picker) {
    if (child === this.next) {
      // It takes over when it can say more than that it is busy.
      if (state === CONNECTING) return
      const { current } = this
      this.current = child
      this.next = null
      // Not before the new one is in its place: what they share goes on.
      process.nextTick(() => current.policy.destroy())
    } else if (child !== this.current) return
    this.channel.update(state, picker)
  }
}

/** What a program's resolver gives may be anything. */
const isResult = (result) =>
  result?.ok === true ? Array.isArray(result.value) && result.value.every(isEndpoint) : Boolean(result?.error)

const isEndpoint = (endpoint) => Array.isArray(endpoint?.addresses) && endpoint.addresses.every(Boolean)

/** A service config of a resolver's, which is `{ ok, value }` or `{ ok, error }`. */
function read(serviceConfig) {
  if (!serviceConfig.ok) return { error: serviceConfig.error }
  try {
    return { value: parseServiceConfig(serviceConfig.value) }
  } catch (error) {
    return { error: { details: `Parsing service config failed with error ${error.message}` } }
  }
}

module.exports = { Balancer }
