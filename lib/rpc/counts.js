'use strict'

// The counters of clients and servers: calls by method and status, their durations, connections, limits and refusals.

const { inspect } = require('node:util')
const { Histogram } = require('./histogram')
const { statusName, STATUSES } = require('./status')
const { countEnded } = require('./tick')

/**
 * The largest number of method names that all clients, or all servers, of a process count separately. Further methods
 * share one series, so that names cannot exhaust memory.
 */
const MAX_NAMES = 1024
/** The name of the shared series, as in OpenTelemetry. */
const OTHERS = '_OTHER'

/** The counters of one method's calls. */
class Series {
  /**
   * `isReceived` is true on the client's side: a call ends when the current turn began, that is when its answer
   * arrived, not after the work done in this turn.
   */
  constructor(isReceived) {
    this.isReceived = isReceived
    this.started = 0
    /** Ended calls by status. */
    this.statuses = new Float64Array(STATUSES)
    /** Messages of streams. */
    this.messagesIn = 0
    this.messagesOut = 0
    /** A Histogram, created when the first call ends. */
    this.times = null
  }

  /** `count` calls have ended with this status. */
  ended(status, count, milliseconds) {
    this.statuses[status] += count
    this.times ??= new Histogram()
    this.times.add(milliseconds, count)
  }

  get succeeded() {
    return this.statuses[0]
  }

  get failed() {
    return this.statuses.subarray(1).reduce(add, 0)
  }

  get pending() {
    return this.started - this.statuses.reduce(add, 0)
  }

  merge({ started, statuses, messagesIn, messagesOut, times }) {
    this.started += started
    for (let i = 0; i < STATUSES; i++) this.statuses[i] += statuses[i]
    this.messagesIn += messagesIn
    this.messagesOut += messagesOut
    if (times === null) return
    this.times ??= new Histogram()
    this.times.merge(times)
  }

  summary() {
    const { started, pending, messagesIn, messagesOut } = this
    const statuses = {}
    for (const [status, count] of this.statuses.entries()) if (count > 0) statuses[statusName(status)] = count
    const latency = (this.times ?? new Histogram()).summary()
    return { started, pending, statuses, messagesIn, messagesOut, latency }
  }
}

/** Counters derived from the counts of calls, for both sides. */
const OF_CALLS = {
  calls: (counts) => counts.sum('started'),
  pending: (counts) => counts.sum('pending'),
  messagesIn: (counts) => counts.sum('messagesIn'),
  messagesOut: (counts) => counts.sum('messagesOut'),
}

const add = (a, b) => a + b

/** For calls that belong to no user, and for single attempts of a call that is counted as a whole. */
const UNCOUNTED = new Series(true)

/**
 * All counters of one client or server, or the sum of several. It has no reference to its owner, so that it can outlive
 * it.
 */
class Counts {
  constructor(kind) {
    this.kind = kind
    /** Plain counters by name. */
    this.numbers = {}
    this.methods = new Map()
    /** Bytes of connections, as of the last tally. */
    this.bytesIn = 0
    this.bytesOut = 0
    /** How often each limit was reached, and how many requests were refused for each reason. */
    this.limits = new Map()
    this.refusals = new Map()
  }

  /** The series of a method. For names chosen by a peer, call this only for methods that are known here. */
  series(name) {
    const { names } = sides[this.kind]
    if (!names.has(name)) {
      if (names.size > MAX_NAMES) name = OTHERS
      else names.add(name)
    }
    let series = this.methods.get(name)
    if (series === undefined) {
      series = new Series(this.kind === 'client')
      this.methods.set(name, series)
    }
    return series
  }

  /** The sum of a property over all series. */
  sum(name) {
    let sum = 0
    for (const series of this.methods.values()) sum += series[name]
    return sum
  }

  get refused() {
    let sum = 0
    for (const count of this.refusals.values()) sum += count
    return sum
  }

  /** Adds the counters of another object. */
  merge({ numbers, methods, limits, refusals }) {
    for (const [name, count] of Object.entries(numbers)) this.numbers[name] = (this.numbers[name] ?? 0) + count
    for (const [name, series] of methods) this.series(name).merge(series)
    for (const [name, count] of limits) increase(this.limits, name, count)
    for (const [name, count] of refusals) increase(this.refusals, name, count)
  }
}

function increase(map, name, count = 1) {
  map.set(name, (map.get(name) ?? 0) + count)
}

/**
 * What the process knows of each side: the live clients or servers, and the sum of those that were garbage-collected,
 * so that counters never decrease.
 */
const sides = {
  client: { living: new Set(), gone: new Counts('client'), names: new Set([OTHERS]) },
  server: { living: new Set(), gone: new Counts('server'), names: new Set([OTHERS]) },
}

/** Moves the counters of a collected client or server to `gone`. */
const collected = new FinalizationRegistry(({ side, entry }) => {
  side.living.delete(entry)
  side.gone.merge(entry.counts)
})

/**
 * Creates the counters of a client or server, and its `stats`: a function that returns all counters as they are now.
 * Its properties are the plain numbers: `numbers`, with their initial values, and `derived`, which are computed from
 * the calls. `owner.tally()` is called to update the byte counts before they are read.
 */
function countsOf(kind, owner, numbers, derived) {
  const side = sides[kind]
  const counts = new Counts(kind)
  const entry = { counts, owner: new WeakRef(owner) }
  const stats = () => {
    const all = { ...stats, limits: Object.fromEntries(counts.limits) }
    if (kind === 'server') all.refusals = Object.fromEntries(counts.refusals)
    // Built from entries, because a method may be named like a property that all objects have.
    all.methods = Object.fromEntries([...counts.methods].map(([name, series]) => [name, series.summary()]))
    return all
  }
  const define = (name, get) => Object.defineProperty(stats, name, { get, enumerable: true })
  for (const name of Object.keys(derived)) {
    define(name, () => {
      countEnded()
      return derived[name](counts)
    })
  }
  counts.numbers = Object.assign(stats, numbers)
  for (const name of ['bytesIn', 'bytesOut']) {
    define(name, () => {
      upToDate(entry)
      return counts[name]
    })
  }
  // `stats` is printed and serialized like a plain object.
  Object.defineProperty(stats, 'toJSON', { value: stats })
  Object.defineProperty(stats, inspect.custom, { value: () => stats() })
  side.living.add(entry)
  collected.register(owner, { side, entry })
  return counts
}

function upToDate({ owner }) {
  countEnded()
  owner.deref()?.tally()
}

/** The sum of all counters of the clients, or servers, of this process. */
function totalOf(kind) {
  const { living, gone } = sides[kind]
  const total = new Counts(kind)
  total.merge(gone)
  for (const { counts } of living) total.merge(counts)
  return total
}

module.exports = { OF_CALLS, UNCOUNTED, countsOf, totalOf, increase, OTHERS }
