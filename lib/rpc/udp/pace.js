'use strict'

// How long to wait before a datagram is repeated, and how many calls may be in flight: the same methods as in TCP, for
// the same reasons.

/** In milliseconds. A pause of the peer's garbage collector must not look like a loss. */
const LEAST_DELAY = 50

/** The number of calls in flight before the path is known (ten, as in RFC 6928), and when many datagrams are lost. */
const FIRST_WINDOW = 10
const LEAST_WINDOW = 4

class Pace {
  constructor({ resendAfter, maxResendAfter }, random) {
    this.most = maxResendAfter
    this.least = Math.min(LEAST_DELAY, resendAfter)
    this.random = random
    /** The delay before a call is repeated, in milliseconds. It follows RFC 6298 once a round trip was measured. */
    this.delay = resendAfter
    this.smoothed = -1
    this.deviation = 0
    /** The number of calls that the path allows in flight, and the threshold up to which it grows with every answer. */
    this.window = FIRST_WINDOW
    this.threshold = Infinity
    this.reducedAt = -Infinity
  }

  /** Adds the round-trip time of a datagram that was sent once. */
  measured(milliseconds) {
    if (this.smoothed < 0) {
      this.smoothed = milliseconds
      this.deviation = milliseconds / 2
    } else {
      this.deviation += (Math.abs(this.smoothed - milliseconds) - this.deviation) / 4
      this.smoothed += (milliseconds - this.smoothed) / 8
    }
    this.delay = Math.min(Math.max(this.smoothed + 4 * this.deviation, this.least), this.most)
  }

  /** A call was answered without a repeat. `limit` is the largest window that other limits allow. */
  arrived(limit) {
    if (this.window < limit) this.window += this.window < this.threshold ? 1 : 1 / this.window
  }

  /** A datagram was lost. Losses within one delay count as one. */
  lost(time) {
    if (time - this.reducedAt < this.delay) return
    this.reducedAt = time
    this.threshold = Math.max(this.window / 2, LEAST_WINDOW)
    this.window = this.threshold
  }

  /** The delay after the `tries`th attempt, in milliseconds: it doubles each time, with some randomness. */
  wait(tries) {
    return this.jitter(Math.min(this.delay * 2 ** Math.min(tries - 1, 30), this.most))
  }

  /** The delay while the server is known to be working on the call. */
  get longWait() {
    return this.jitter(this.most)
  }

  jitter(delay) {
    return Math.ceil(delay * (0.75 + this.random() / 2))
  }
}

module.exports = { Pace }
