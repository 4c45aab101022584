'use strict'

const { now } = require('./tick')

/**
 * A rate limit: `perSecond` units a second. It starts with one second's worth and saves up no more than that. It
 * refills with time, because a limit over the whole life of a connection would hit honest peers that stay connected for
 * long.
 */
class Allowance {
  /** `perSecond` may be Infinity. */
  constructor(perSecond) {
    this.perSecond = perSecond
    this.left = perSecond
    this.at = 0
  }

  /** Takes one unit in any case. Returns whether there was one left. */
  take() {
    if (this.perSecond === Infinity) return true
    this.fill()
    this.left--
    return this.left >= 0
  }

  fill() {
    const time = now()
    this.left = Math.min(this.perSecond, this.left + ((time - this.at) * this.perSecond) / 1000)
    this.at = time
  }

  /** Milliseconds until a unit is available; 0 when there is one. */
  get pause() {
    this.fill()
    return this.left >= 1 ? 0 : Math.ceil(((1 - this.left) * 1000) / this.perSecond)
  }
}

module.exports = { Allowance }
