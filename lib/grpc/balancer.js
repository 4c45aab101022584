'use strict'

// Stands between a channel and its connections: the resolver finds the servers' addresses and the service config, and a
// load-balancing policy opens connections to them.

const { Backoff } = require('./backoff.js')
const { connectivityState } = require('./constants.js')
const { PickFirst } = require('./pick-first.js')
const { Failing, QUEUE } = require('./picker.js')
const { choose } = require('./policies.js')
const { PolicyHolder } = require('./policy-holder.js')
const { createResolver, unavailable } = require('./resolver.js')
const { parseServiceConfig } = require('./service-config.js')
const { globalPool, SubchannelPool } = require('./subchannel.js')
require('./resolver-dns.js')
require('./outlier-detection.js')
require('./round-robin.js')

const { IDLE, CONNECTING, TRANSIENT_FAILURE } = connectivityState

/** The policy if the service config names none that is known. */
const STANDARD = { Policy: PickFirst, config: PickFirst.read({}) }

class Balancer {
  /**
   * `channel` has `target`, `route`, `options`, `channelCredentials`, `tls`, `state` and `trace`. The balancer calls
   * its `configured(config)` and `update(state, picker)`.
   */
  constructor(channel) {
    const { route, options } = channel
    this.channel = channel
    this.pool = options['grpc.use_local_subchannel_pool'] ? new SubchannelPool() : globalPool
    const text = options['grpc.service_config']
    this.standard = parseServiceConfig(text ? JSON.parse(text) : {})
    /** The service config in use, or null before there is one. */
    this.config = null
    this.resolver = createResolver(route, (...result) => this.heard(...result), options)
    /** True from the first request to the resolver until the resolver is destroyed. */
    this.resolves = false
    this.backoff = new Backoff(options, () => this.ask())
    this.policies = new PolicyHolder(this)
  }

  /** Called when there are calls, or when the program wants the channel to connect. */
  connect() {
    this.resolve()
    if (this.channel.state === IDLE) this.channel.update(CONNECTING, QUEUE)
    this.policies.connect()
  }

  /** Releases the connections and stops the resolver: called when the channel becomes idle or is closed. */
  stop() {
    this.policies.destroy()
    const { resolves } = this
    this.resolves = false
    this.backoff.reset()
    this.config = null
    if (resolves) this.resolver.destroy()
  }

  // ---- name resolution

  resolve() {
    if (this.backoff.isRunning) return
    this.resolves = true
    this.ask()
  }

  ask() {
    try {
      this.resolver.updateResolution()
    } catch (error) {
      this.heard(unavailable(`The resolver failed: ${error?.message ?? error}`))
    }
  }

  /**
   * The resolver's listener. Returns whether the result was usable; if not, the resolver is asked again after a pause.
   */
  heard(endpoints, _attributes, serviceConfig, note) {
    if (!this.resolves) return false
    const found = isResult(endpoints)
      ? endpoints
      : unavailable('The resolver returned something that is not a list of endpoints')
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
      // If the new config is invalid, the previous one stays in use.
      config = value ?? this.config
      if (config === null) return this.unresolved(error)
    }
    this.config = config
    this.channel.configured(config)
    const { Policy, config: wanted } = choose(config.balancing) ?? STANDARD
    return this.policies.use(Policy).resolved(endpoints.value, wanted, note)
  }

  unresolved(error) {
    const { latest } = this.policies
    if (latest === null) this.channel.update(TRANSIENT_FAILURE, new Failing(error))
    else latest.unresolved(error)
    return false
  }

  // ---- for the policies

  take(address) {
    const { target, options, channelCredentials: credentials, tls } = this.channel
    const subchannel = this.pool.take({ target, address, options, credentials, tls })
    this.channel.trace.add('Created subchannel or used existing subchannel', subchannel.channelz)
    return subchannel
  }

  isHealthy() {
    return true
  }

  update(state, picker) {
    this.channel.update(state, picker)
  }
}

/** A program can register resolvers of its own, so the shape of their results is checked. */
const isResult = (result) =>
  result?.ok === true ? Array.isArray(result.value) && result.value.every(isEndpoint) : Boolean(result?.error)

const isEndpoint = (endpoint) => Array.isArray(endpoint?.addresses) && endpoint.addresses.every(Boolean)

/**
 * Parses the service config of a resolver, which is `{ ok: true, value }` or `{ ok: false, error }`. Returns `{ value
 * }` or `{ error }`.
 */
function read(serviceConfig) {
  if (!serviceConfig.ok) return { error: serviceConfig.error }
  try {
    return { value: parseServiceConfig(serviceConfig.value) }
  } catch (error) {
    return { error: { details: `Parsing service config failed with error ${error.message}` } }
  }
}

module.exports = { Balancer }
