'use strict'

const { now } = require('./tick')

/**
 * So many a second, of which a second's worth is there at first and can be saved up. It fills up again with time: a limit for the life of a connection would
 * hit honest peers that live long.
 */
class Allowance {
  /** `perSecond` may be Infinity. */
  constructor(perSecond) {
    this.perSecond = perSecond
    this.left = perSecond
    this.at = 0
  }

  /** Takes one, whether there is one or not. Returns whether there was. */
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

  /** Milliseconds until there is one, 0 when there is. */
  get pause() {
    this.fill()
    return this.left >= 1 ? 0 : Math.ceil(((1 - this.left) * 1000) / this.perSecond)
  }
}

module.exports = { Allowance }
