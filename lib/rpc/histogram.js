'use strict'

// A histogram of call durations with eight buckets per doubling, so a value read from it is at most an eighth too high.
// Durations are given in milliseconds; bucket bounds are whole microseconds.

/** The number of buckets per doubling, and its binary logarithm. */
const STEPS = 8
const STEP_BITS = 3
/** In microseconds, a little more than half an hour. The last bucket also holds everything longer. */
const MAX_MICROSECONDS = 2 ** 31 - 1

/** The bucket of a duration. A bucket includes its upper bound, as in Prometheus. */
function bucketOf(milliseconds) {
  const microseconds = Math.min(Math.ceil(milliseconds * 1000) - 1, MAX_MICROSECONDS)
  if (microseconds < STEPS) return Math.max(microseconds, 0)
  const doublings = 31 - Math.clz32(microseconds) - STEP_BITS
  return (doublings + 1) * STEPS + (microseconds >> doublings) - STEPS
}

/** The upper bound of a bucket, in milliseconds. */
function boundOf(bucket) {
  const doublings = Math.max((bucket >> STEP_BITS) - 1, 0)
  return ((bucket - doublings * STEPS + 1) * 2 ** doublings) / 1000
}

const BUCKETS = bucketOf(Infinity) + 1

class Histogram {
  constructor() {
    /** Float64 stays exact for these counts, and the number of calls may exceed 32 bits. */
    this.counts = new Float64Array(BUCKETS)
    this.count = 0
    this.sum = 0
    this.max = 0
  }

  /** Adds `count` calls of this duration. */
  add(milliseconds, count) {
    this.counts[bucketOf(milliseconds)] += count
    this.count += count
    this.sum += milliseconds * count
    if (milliseconds > this.max) this.max = milliseconds
  }

  merge({ counts, count, sum, max }) {
    for (let i = 0; i < BUCKETS; i++) this.counts[i] += counts[i]
    this.count += count
    this.sum += sum
    this.max = Math.max(this.max, max)
  }

  /** The duration in milliseconds that a share of all calls did not exceed: `share` is 0.5 for the median. */
  quantile(share) {
    let left = Math.ceil(share * this.count)
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.counts[i]
      if (left <= 0) return Math.min(boundOf(i), this.max)
    }
    return this.max
  }

  /** A summary for people, in milliseconds. */
  summary() {
    const { count, sum, max } = this
    return {
      count,
      mean: count === 0 ? 0 : sum / count,
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
      max,
    }
  }
}

module.exports = { Histogram, bucketOf, boundOf, BUCKETS }
