'use strict'

// What clients and servers count: calls by method and status, how long they took, and whatever else happens.

const { inspect } = require('node:util')
const { Histogram } = require('./histogram')
const { statusName, STATUSES } = require('./status')
const { countEnded } = require('./tick')

/** Methods that all clients, or all servers, of a process have counted each for itself. Further ones share a series: names must not use up memory. */
const MAX_NAMES = 1024
/** Its name, as OpenTelemetry has it. */
const OTHERS = '_OTHER'

/** The calls of one method. */
class Series {
  /** `isReceived`: calls have ended with what this turn began with, not with what was done in it. */
  constructor(isReceived) {
    this.isReceived = isReceived
    this.started = 0
    /** Those that have ended, by status. */
    this.statuses = new Float64Array(STATUSES)
    /** Of streams. */
    this.messagesIn = 0
    this.messagesOut = 0
    /** Once it has something to hold. */
    this.times = null
  }

  /** So many calls have ended with this status. */
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

/** What follows, at either end, from what is counted of calls. */
const OF_CALLS = {
  calls: (counts) => counts.sum('started'),
  pending: (counts) => counts.sum('pending'),
  messagesIn: (counts) => counts.sum('messagesIn'),
  messagesOut: (counts) => counts.sum('messagesOut'),
}

const add = (a, b) => a + b

/** Of calls that are nobody's, or one of several tries at a call that is counted as a whole. */
const UNCOUNTED = new Series(true)

/** All of what one client or server counts, or several together. It does not know whose it is, so that it can outlive them. */
class Counts {
  constructor(kind) {
    this.kind = kind
    /** Plain counters by name. */
    this.numbers = {}
    this.methods = new Map()
    /** Bytes of connections, as far as they are counted. */
    this.bytesIn = 0
    this.bytesOut = 0
    /** How often each limit was reached, and requests were refused for each reason. */
    this.limits = new Map()
    this.refusals = new Map()
  }

  /** The series of a method. Of names that others choose it must be asked for those only that are known here. */
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

  /** What a number of each series comes to. */
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

  /** Adds what another one has counted. */
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

/** What the process knows of each kind: the living, and the sum of those that are gone, so that counters never go back. */
const sides = {
  client: { living: new Set(), gone: new Counts('client'), names: new Set([OTHERS]) },
  server: { living: new Set(), gone: new Counts('server'), names: new Set([OTHERS]) },
}

/** Tells of clients and servers that are gone. Nothing else is left of them by then but what they counted. */
const collected = new FinalizationRegistry(({ side, entry }) => {
  side.living.delete(entry)
  side.gone.merge(entry.counts)
})

/**
 * Counts of a client or server, and what its users see of them: a function that gives all of them as they are now, and has those that are plain
 * numbers as properties: `numbers`, which begin with these values, and `derived`, which follow from the calls. The owner is asked to bring the
 * counts up to date by its `tally` before they are read.
 */
function countsOf(kind, owner, numbers, derived) {
  const side = sides[kind]
  const counts = new Counts(kind)
  const entry = { counts, owner: new WeakRef(owner) }
  const stats = () => {
    const all = { ...stats, limits: Object.fromEntries(counts.limits) }
    if (kind === 'server') all.refusals = Object.fromEntries(counts.refusals)
    // Entries, as a method may have the name of something that all objects have.
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
  // As a plain object would be shown and written.
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

/** All that clients, or servers, of this process have counted. */
function totalOf(kind) {
  const { living, gone } = sides[kind]
  const total = new Counts(kind)
  total.merge(gone)
  for (const { counts } of living) total.merge(counts)
  return total
}

module.exports = { OF_CALLS, UNCOUNTED, countsOf, totalOf, increase, OTHERS }
