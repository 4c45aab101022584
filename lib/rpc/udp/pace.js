'use strict'

// How long to wait before something is sent again, and how much may be under way at once: as TCP finds it out, and for the same reasons.

/** However fast the other end is otherwise, it may collect its garbage: that must not look like a loss. */
const LEAST_DELAY = 50

/** Calls under way before anything is known of the path, RFC 6928's ten, and when nothing gets through. */
const FIRST_WINDOW = 10
const LEAST_WINDOW = 4

class Pace {
  constructor({ resendAfter, maxResendAfter }, random) {
    this.most = maxResendAfter
    this.least = Math.min(LEAST_DELAY, resendAfter)
    this.random = random
    /** Before a call is sent a second time: RFC 6298's timeout, once a round trip is known. */
    this.delay = resendAfter
    this.smoothed = -1
    this.deviation = 0
    /** Calls that may be under way, as far as the path is concerned, and up to where that grows with each answer. */
    this.window = FIRST_WINDOW
    this.threshold = Infinity
    this.reducedAt = -Infinity
  }

  /** A round trip of something that was sent once. */
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

  /** One has got through, at the first time. `limit` is what there may be at most for other reasons. */
  arrived(limit) {
    if (this.window < limit) this.window += this.window < this.threshold ? 1 : 1 / this.window
  }

  /** One was lost. Those that are lost together are one sign only. */
  lost(time) {
    if (time - this.reducedAt < this.delay) return
    this.reducedAt = time
    this.threshold = Math.max(this.window / 2, LEAST_WINDOW)
    this.window = this.threshold
  }

  /** How long to wait after something was sent for the `tries`th time: each time twice as long, and not all at once. */
  wait(tries) {
    return this.jitter(Math.min(this.delay * 2 ** Math.min(tries - 1, 30), this.most))
  }

  /** Where one end waits for nothing but the other's handler. */
  get longWait() {
    return this.jitter(this.most)
  }

  jitter(delay) {
    return Math.ceil(delay * (0.75 + this.random() / 2))
  }
}

module.exports = { Pace }
