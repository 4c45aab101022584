'use strict'

// How long calls took, in buckets that are as fine as the time is long: eight to each doubling, so that what is read off is at most an eighth
// too much. Times are in milliseconds, buckets in whole microseconds.

/** Buckets to each doubling, and as a power of two. */
const STEPS = 8
const STEP_BITS = 3
/** The last bucket has what takes more than half an hour, too. */
const MAX_MICROSECONDS = 2 ** 31 - 1

/** The bucket of a time: above the bound of the one before, up to its own, as Prometheus has it. */
function bucketOf(milliseconds) {
  const microseconds = Math.min(Math.ceil(milliseconds * 1000) - 1, MAX_MICROSECONDS)
  if (microseconds < STEPS) return Math.max(microseconds, 0)
  const doublings = 31 - Math.clz32(microseconds) - STEP_BITS
  return (doublings + 1) * STEPS + (microseconds >> doublings) - STEPS
}

/** The longest time in a bucket. */
function boundOf(bucket) {
  const doublings = Math.max((bucket >> STEP_BITS) - 1, 0)
  return ((bucket - doublings * STEPS + 1) * 2 ** doublings) / 1000
}

const BUCKETS = bucketOf(Infinity) + 1

class Histogram {
  constructor() {
    /** Numbers that stay exact: their sum is a number of calls. */
    this.counts = new Float64Array(BUCKETS)
    this.count = 0
    this.sum = 0
    this.max = 0
  }

  /** `count` calls took so long. */
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

  /** How long the quickest took, of which `share` is the part of all. */
  quantile(share) {
    let left = Math.ceil(share * this.count)
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.counts[i]
      if (left <= 0) return Math.min(boundOf(i), this.max)
    }
    return this.max
  }

  /** For people: milliseconds. */
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
