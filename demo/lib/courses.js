'use strict'

// The front's side of the courses service: typed and timed rpc calls to the backends.

const { rpc } = require('ironwire')
const messages = require('./messages')

/**
 * A call without an answer fails after this time. It is longer than the longest delay of a backend plus the time until
 * a dead one is back.
 */
const CALL_TIMEOUT_MS = 10_000

/** Asking for a course twice does no harm, so a call whose backend dies is repeated at another one. */
const CALL_OPTIONS = { timeout: CALL_TIMEOUT_MS, idempotent: true }

/**
 * A backend that is stopped keeps its connection. It counts as dead after this silence, well before its calls time out.
 */
const SILENCE = { pingInterval: 1000, pingTimeout: 1000 }

class Courses {
  #client
  #nextCourse = 0

  /** The number of calls that were sent and have not ended. */
  inFlight = 0
  /** The largest number of calls that were ever in flight. */
  peak = 0
  answered = 0
  failed = 0
  /** The number of answers by backend name. */
  answeredBy = new Map()

  /** `registry` is the registry's target. */
  constructor(registry) {
    this.#client = rpc.connect(`${registry}/courses`, {
      // In turn, so that the page shows all backends at work.
      balance: { policy: 'round-robin' },
      // A burst has thousands of calls in flight when a backend dies: each of them may be repeated, and again if the
      // other backend dies, too.
      retry: { ratio: 1, perSecond: 1000 },
      ...SILENCE,
    })
  }

  /** All backends that the client knows, and whether they are connected. */
  get addresses() {
    return this.#client.addresses
  }

  /** Ends every call and the connections. */
  close() {
    this.#client.destroy()
  }

  /** Lists all ids. Calls `callback(error, ids)`. */
  list(callback) {
    this.#call('courses.list', messages.ListRequest, {}, messages.ListReply, (error, reply) => {
      callback(error, reply?.ids)
    })
  }

  /** Gets one course. Calls `callback(error, { course, by, ms })`, where `by` is the name of the backend. */
  get(id, maxDelay, callback) {
    const request = { id, max_delay: maxDelay }
    this.#call('courses.get', messages.CourseRequest, request, messages.CourseReply, (error, reply, ms) => {
      callback(error, { course: reply?.course, by: reply?.answered_by, ms })
    })
  }

  /**
   * Gets every course, all at once. Calls `onCourse(error, { id, course, by, ms, order })` for each in the order of the
   * answers, and `callback(error)` at the end. That error means that the list of ids could not be read.
   */
  each(maxDelay, onCourse, callback) {
    this.list((error, ids) => {
      if (error) return callback(error)
      let order = 0
      for (const id of ids) {
        this.get(id, maxDelay, (error, answer) => {
          order += 1
          onCourse(error, { id, order, ...answer })
          if (order === ids.length) callback(null)
        })
      }
    })
  }

  /** Sends `count` calls at once. Calls `callback(error, result)`; see `summary` for the result. */
  burst(count, maxDelay, callback) {
    this.list((error, ids) => {
      if (error) return callback(error)
      const times = []
      const failures = new Map()
      const by = new Map()
      const { retries } = this.#client.stats
      const cpu = process.cpuUsage()
      const started = performance.now()
      let left = count
      const done = (error, answer) => {
        if (error) {
          add(failures, error.message)
        } else {
          times.push(answer.ms)
          add(by, answer.by)
        }
        left -= 1
        if (left > 0) return
        const wallMs = performance.now() - started
        const { user, system } = process.cpuUsage(cpu)
        const retried = this.#client.stats.retries - retries
        callback(null, {
          ...summary(count, times, wallMs, user + system),
          retried,
          by: counts(by),
          failures: counts(failures),
        })
      }
      for (let sent = 0; sent < count; sent++) {
        this.#nextCourse = (this.#nextCourse + 1) % ids.length
        this.get(ids[this.#nextCourse], maxDelay, done)
      }
    })
  }

  /** The counters as plain data. */
  counters() {
    const { inFlight, peak, answered, failed } = this
    return { inFlight, peak, answered, failed, retried: this.#client.stats.retries }
  }

  #call(method, Request, request, Reply, callback) {
    this.inFlight += 1
    this.peak = Math.max(this.peak, this.inFlight)
    const started = performance.now()
    this.#client.call(method, Request.encode(request), CALL_OPTIONS, (error, body) => {
      const ms = performance.now() - started
      this.inFlight -= 1
      if (error) {
        this.failed += 1
        callback(error, undefined, ms)
      } else {
        const reply = Reply.decode(body)
        this.answered += 1
        add(this.answeredBy, reply.answered_by)
        callback(null, reply, ms)
      }
    })
  }
}

function add(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** A map as plain data, sorted by name. */
function counts(map) {
  return [...map].sort().map(([name, count]) => ({ name, count }))
}

/** The number of columns in the histogram of a burst. */
const COLUMNS = 32

/** The result of a burst: times in milliseconds, CPU of this process in microseconds per call, and a histogram. */
function summary(count, times, wallMs, cpuMicros) {
  times.sort((a, b) => a - b)
  const at = (quantile) => times[Math.min(times.length - 1, Math.floor(times.length * quantile))] ?? null
  const low = times[0] ?? 0
  const width = ((times.at(-1) ?? 0) - low) / COLUMNS || 1
  const columns = new Array(COLUMNS).fill(0)
  for (const ms of times) columns[Math.min(COLUMNS - 1, Math.floor((ms - low) / width))] += 1
  return {
    count,
    answered: times.length,
    failed: count - times.length,
    wallMs,
    perSecond: Math.round((times.length / wallMs) * 1000),
    cpuMicrosPerCall: cpuMicros / count,
    roundTripMs: { min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: times.at(-1) ?? null },
    histogram: { fromMs: low, toMs: low + width * COLUMNS, columns },
  }
}

module.exports = { Courses }
