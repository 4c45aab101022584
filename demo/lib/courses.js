'use strict'

// The front's side of the courses service: typed calls over rpc, each one timed.

const { rpc } = require('ironwire')
const messages = require('./messages')

/** A call unanswered for this long has failed. Above the longest delay that the backend can be asked for. */
const CALL_TIMEOUT_MS = 5000

class BackendAway extends Error {
  constructor(reason) {
    super(`The backend is away: ${reason}`)
    this.code = 'BACKEND_AWAY'
  }
}

class Courses {
  #client
  /** Tells the client where the backend is. */
  #move
  #away = 'it is starting'
  #nextCourse = 0

  /** Calls sent and not ended yet. */
  inFlight = 0
  /** The most there ever were in flight. */
  peak = 0
  answered = 0
  failed = 0

  constructor() {
    // One client for all backends that there will be: calls that no backend has seen yet go to the next one.
    this.#client = rpc.connect({
      resolve: (update) => {
        this.#move = update
        return { close() {} }
      },
    })
  }

  /** Talks to the backend at this port of this machine from now on. */
  connect(port) {
    this.#move(null, [{ host: '127.0.0.1', port }])
    this.#away = null
  }

  /** The backend is gone: new calls fail with the reason, those in flight because their connection is lost; those that were not sent wait. */
  disconnect(reason) {
    this.#away = reason
  }

  /** Ends every call and the connection. */
  close() {
    this.#client.destroy()
    this.#away = 'the front is ending'
  }

  /** Every id the backend has. `callback(error, ids, milliseconds)` */
  list(callback) {
    this.#call('courses.list', messages.ListRequest, {}, messages.ListReply, (error, reply, ms) => {
      callback(error, reply?.ids, ms)
    })
  }

  /** One course. `callback(error, course, milliseconds)` */
  get(id, maxDelay, callback) {
    this.#call('courses.get', messages.CourseRequest, { id, max_delay: maxDelay }, messages.Course, callback)
  }

  /**
   * Every course, all of them asked for at once. `onCourse(error, { id, course, ms, order })` runs for each in the order the answers come,
   * `callback(error)` at the end; its error says that the list itself could not be had.
   */
  each(maxDelay, onCourse, callback) {
    this.list((error, ids) => {
      if (error) return callback(error)
      let order = 0
      for (const id of ids) {
        this.get(id, maxDelay, (error, course, ms) => {
          order += 1
          onCourse(error, { id, course, ms, order })
          if (order === ids.length) callback(null)
        })
      }
    })
  }

  /** `count` calls sent at once. `callback(error, result)`; see `summary` for the result. */
  burst(count, maxDelay, callback) {
    this.list((error, ids) => {
      if (error) return callback(error)
      const times = []
      const failures = new Map()
      const cpu = process.cpuUsage()
      const started = performance.now()
      let left = count
      const done = (error, _course, ms) => {
        if (error) failures.set(error.message, (failures.get(error.message) ?? 0) + 1)
        else times.push(ms)
        left -= 1
        if (left > 0) return
        const { user, system } = process.cpuUsage(cpu)
        callback(null, summary(count, times, failures, performance.now() - started, user + system))
      }
      for (let sent = 0; sent < count; sent++) {
        this.#nextCourse = (this.#nextCourse + 1) % ids.length
        this.get(ids[this.#nextCourse], maxDelay, done)
      }
    })
  }

  /** The counters, as plain data. */
  counters() {
    const { inFlight, peak, answered, failed } = this
    return { inFlight, peak, answered, failed }
  }

  #call(method, Request, request, Reply, callback) {
    if (this.#away) {
      process.nextTick(callback, new BackendAway(this.#away))
      return
    }
    this.inFlight += 1
    this.peak = Math.max(this.peak, this.inFlight)
    const started = performance.now()
    this.#client.call(method, Request.encode(request), { timeout: CALL_TIMEOUT_MS }, (error, reply) => {
      const ms = performance.now() - started
      this.inFlight -= 1
      if (error) {
        this.failed += 1
        callback(error, undefined, ms)
      } else {
        this.answered += 1
        callback(null, Reply.decode(reply), ms)
      }
    })
  }
}

/** How many columns the histogram of a burst has. */
const COLUMNS = 32

/** What a burst came to: counts, times in milliseconds, CPU of this process in microseconds per call, a histogram. */
function summary(count, times, failures, wallMs, cpuMicros) {
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
    failures: [...failures].map(([message, count]) => ({ message, count })),
    wallMs,
    perSecond: Math.round((times.length / wallMs) * 1000),
    cpuMicrosPerCall: cpuMicros / count,
    roundTripMs: { min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: times.at(-1) ?? null },
    histogram: { fromMs: low, toMs: low + width * COLUMNS, columns },
  }
}

module.exports = { Courses, CALL_TIMEOUT_MS }
