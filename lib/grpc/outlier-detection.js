'use strict'

// The policy `outlier_detection`: servers whose calls fail more often than others' are ejected, which means that they
// get no calls for a while. See gRPC's proposal A50.

const { performance } = require('node:perf_hooks')
const process = require('node:process')
const { clearTimeout, setTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { connectivityState, status } = require('./constants.js')
const { PickFirst } = require('./pick-first.js')
const { choose, registerPolicy } = require('./policies.js')
const { PolicyHolder } = require('./policy-holder.js')
const { balancingOf, durationOf, isObject } = require('./service-config.js')
const { placeText } = require('./uri.js')

const { READY } = connectivityState
/** Defaults. Times are in milliseconds, shares in percent, and `stdev_factor` in thousandths. */
const STANDARD = { interval: 10_000, base_ejection_time: 30_000, max_ejection_time: 300_000, max_ejection_percent: 10 }
const SUCCESS_RATE = { stdev_factor: 1900, enforcement_percentage: 100, minimum_hosts: 5, request_volume: 100 }
const FAILURE_PERCENTAGE = { threshold: 85, enforcement_percentage: 100, minimum_hosts: 5, request_volume: 50 }
const MAX_TIME = 315_576_000_000_000

// ---- the config

const wrong = (name, what) => new Error(`outlier detection config ${name} parse error: ${what}`)

/** A field by its name in @grpc/grpc-js (`snake_case`) or in the proposal (`camelCase`). */
const fieldOf = (config, name) => config[name] ?? config[name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())]

function timeOf(config, name) {
  const value = fieldOf(config, name)
  if (value === undefined) return STANDARD[name]
  const time = durationOf(value, () => wrong(name, `expected Duration, got ${typeof value}`))
  if (time >= 0 && time <= MAX_TIME) return time
  throw wrong(name, 'values out of range for non-negative Duration')
}

function numberOf(config, name, standard, where = name) {
  const value = fieldOf(config, name) ?? standard
  if (typeof value !== 'number') throw wrong(where, `expected number, got ${typeof value}`)
  const isPercentage = name === 'threshold' || name.includes('percent')
  if (isPercentage && !(value >= 0 && value <= 100)) throw wrong(where, 'value out of range for percentage (0-100)')
  return value
}

/** The settings of one way to find outliers, or null if it is not configured. */
function ejectionOf(config, name, standard) {
  const ejection = fieldOf(config, name)
  if (ejection === undefined) return null
  if (!isObject(ejection)) throw new Error(`outlier detection config ${name} must be an object`)
  const fields = Object.keys(standard)
  return Object.fromEntries(
    fields.map((field) => [field, numberOf(ejection, field, standard[field], `${name}.${field}`)]),
  )
}

function childOf(config) {
  const list = fieldOf(config, 'child_policy')
  if (!Array.isArray(list)) throw new Error('outlier detection config child_policy must be an array')
  const child = choose(list.map(balancingOf))
  if (child === null) throw new Error('outlier detection config child_policy: no valid recognized policy found')
  if (child.Policy === PickFirst) {
    throw new Error('outlier_detection LB policy cannot have a pick_first child policy')
  }
  return child
}

// ---- what is known about an endpoint

class Endpoint {
  constructor() {
    /** Calls in this interval, and in the last one. */
    this.succeeded = 0
    this.failed = 0
    this.last = { succeeded: 0, volume: 0 }
    /**
     * When it was ejected (by `performance.now()`), or null if it gets calls; and how often that was, minus one for
     * each interval in which it got calls.
     */
    this.ejectedAt = null
    this.ejections = 0
  }

  /** Counts the end of a call. */
  ended(code) {
    if (code === status.OK) this.succeeded++
    else this.failed++
  }

  /** Called at the end of an interval. */
  turn() {
    this.last = { succeeded: this.succeeded, volume: this.succeeded + this.failed }
    this.succeeded = 0
    this.failed = 0
  }

  /** The share of calls that succeeded, from 0 to 1. */
  get rate() {
    return this.last.succeeded / this.last.volume
  }

  eject() {
    this.ejectedAt = performance.now()
    this.ejections++
  }
}

/** The endpoints with enough calls to be judged, or null if there are too few of them. */
function ratedBy(endpoints, { request_volume: least, minimum_hosts: fewest }) {
  const rated = endpoints.filter(({ last }) => last.volume >= Math.max(least, 1))
  return rated.length < Math.max(fewest, 1) ? null : rated
}

/** The child policy's picker, with its calls counted. */
class Watched {
  constructor(picker, watch) {
    this.picker = picker
    this.count = picker.count
    this.status = null
    this.watch = watch
  }

  pick() {
    return this.picker.pick()
  }
}

class OutlierDetection {
  constructor(helper) {
    this.helper = helper
    this.policies = new PolicyHolder(this)
    this.config = null
    /** Endpoints by all their addresses, by each address, and by connection. */
    this.endpoints = new Map()
    this.byAddress = new Map()
    this.byLink = new WeakMap()
    this.timer = undefined
    /** The beginning of the interval (by `performance.now()`), or null if nothing is counted. */
    this.began = null
  }

  static read(config) {
    return {
      interval: timeOf(config, 'interval'),
      baseTime: timeOf(config, 'base_ejection_time'),
      maxTime: timeOf(config, 'max_ejection_time'),
      maxPercent: numberOf(config, 'max_ejection_percent', STANDARD.max_ejection_percent),
      successRate: ejectionOf(config, 'success_rate_ejection', SUCCESS_RATE),
      failurePercentage: ejectionOf(config, 'failure_percentage_ejection', FAILURE_PERCENTAGE),
      child: childOf(config),
    }
  }

  // ---- from the parent

  resolved(endpoints, config, note) {
    const before = this.endpoints
    this.endpoints = new Map()
    this.byAddress = new Map()
    for (const { addresses } of endpoints) {
      const keys = addresses.map(placeText)
      const key = JSON.stringify(keys)
      const endpoint = this.endpoints.get(key) ?? before.get(key) ?? new Endpoint()
      this.endpoints.set(key, endpoint)
      for (const address of keys) this.byAddress.set(address, endpoint)
    }
    this.byLink = new WeakMap()
    this.config = config
    this.schedule()
    return this.policies.use(config.child.Policy).resolved(endpoints, config.child.config, note)
  }

  unresolved(error) {
    this.policies.latest?.unresolved(error)
  }

  connect() {
    this.policies.connect()
  }

  subchannels() {
    return this.policies.subchannels()
  }

  reconsider() {
    this.policies.reconsider()
  }

  destroy() {
    clearTimeout(this.timer)
    this.policies.destroy()
  }

  // ---- for the child policy

  take(address) {
    return this.helper.take(address)
  }

  isHealthy(address) {
    return (this.byAddress.get(placeText(address))?.ejectedAt ?? null) === null && this.helper.isHealthy(address)
  }

  resolve() {
    this.helper.resolve()
  }

  update(state, picker) {
    this.helper.update(state, state === READY && this.began !== null ? new Watched(picker, this) : picker)
  }

  /** The endpoint that counts the calls of a connection; null if it is no longer among the resolved ones. */
  of(link) {
    let endpoint = this.byLink.get(link)
    if (endpoint === undefined) {
      endpoint = this.byAddress.get(placeText(link.place)) ?? null
      this.byLink.set(link, endpoint)
    }
    return endpoint
  }

  // ---- counting

  schedule() {
    clearTimeout(this.timer)
    const { interval, successRate, failurePercentage } = this.config
    if (successRate === null && failurePercentage === null) {
      this.began = null
      for (const endpoint of this.endpoints.values()) Object.assign(endpoint, { ejectedAt: null, ejections: 0 })
      return
    }
    const time = performance.now()
    if (this.began === null) {
      this.began = time
      for (const endpoint of this.endpoints.values()) endpoint.turn()
    }
    this.wait(interval - (time - this.began))
  }

  wait(time) {
    this.timer = setTimeout(() => this.sweep(), Math.min(Math.max(time, 1), MAX_DELAY)).unref()
  }

  sweep() {
    this.began = performance.now()
    this.wait(this.config.interval)
    const endpoints = [...this.endpoints.values()]
    for (const endpoint of endpoints) endpoint.turn()
    this.compare(endpoints)
    this.measure(endpoints)
    for (const endpoint of endpoints) this.pardon(endpoint)
    this.policies.reconsider()
  }

  /** Ejects endpoints whose success rate is far below the average. */
  compare(endpoints) {
    const { successRate: wanted } = this.config
    if (wanted === null) return
    const rated = ratedBy(endpoints, wanted)
    if (rated === null) return
    const mean = rated.reduce((sum, { rate }) => sum + rate, 0) / rated.length
    const deviation = Math.sqrt(rated.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rated.length)
    const least = mean - (deviation * wanted.stdev_factor) / 1000
    this.eject(
      rated.filter(({ rate }) => rate < least),
      wanted,
    )
  }

  /** Ejects endpoints of whose calls too large a share failed. */
  measure(endpoints) {
    const { failurePercentage: wanted } = this.config
    if (wanted === null) return
    const rated = ratedBy(endpoints, wanted)
    if (rated === null) return
    this.eject(
      rated.filter(({ rate }) => 100 * (1 - rate) > wanted.threshold),
      wanted,
    )
  }

  eject(endpoints, { enforcement_percentage: share }) {
    const all = [...this.endpoints.values()]
    for (const endpoint of endpoints) {
      const ejected = all.filter(({ ejectedAt }) => ejectedAt !== null).length
      if ((100 * ejected) / all.length >= this.config.maxPercent) return
      if (Math.random() * 100 < share) endpoint.eject()
    }
  }

  /** Ends an ejection that has lasted long enough. It lasts longer, the more often the endpoint was ejected. */
  pardon(endpoint) {
    const { ejectedAt, ejections } = endpoint
    const { baseTime, maxTime } = this.config
    if (ejectedAt === null) endpoint.ejections = Math.max(ejections - 1, 0)
    else if (performance.now() > ejectedAt + Math.min(baseTime * ejections, Math.max(baseTime, maxTime))) {
      endpoint.ejectedAt = null
    }
  }
}

if ((process.env.GRPC_EXPERIMENTAL_ENABLE_OUTLIER_DETECTION ?? 'true') === 'true') {
  registerPolicy('outlier_detection', OutlierDetection)
}
