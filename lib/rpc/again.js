'use strict'

// Calls that are made again: which may be, what they need for it, and how many there may be.

const { Buffer } = require('node:buffer')
const { bytesOf } = require('../codec/bytes')
const { now } = require('./tick')

const FastBuffer = Buffer[Symbol.species]

/** Bodies up to this size share memory, in blocks, as replies do; a block goes when the last call does that has a body in it. */
const SMALL = 4096
const BLOCK = 8192

let block = Buffer.allocUnsafeSlow(BLOCK)
let used = 0

/** What a call that the server may see twice needs to be made again: its body, which its caller may have changed since. */
class Kept {
  /** `hedge` is after how many milliseconds it is made a second time whatever has become of the first. */
  constructor(hedge) {
    this.hedge = hedge
    this.memory = null
    this.at = 0
    this.size = 0
    /** How often it was made again although it may have been seen. */
    this.tries = 0
  }

  keep(body) {
    const size = body.length
    if (size > SMALL) {
      this.memory = Buffer.from(bytesOf(body, 'body'))
    } else {
      if (used + size > BLOCK) {
        block = Buffer.allocUnsafeSlow(BLOCK)
        used = 0
      }
      if (size > 32) block.set(body, used)
      else for (let i = 0; i < size; i++) block[used + i] = body[i]
      this.memory = block
      this.at = used
      used += size
    }
    this.size = size
  }

  get body() {
    return this.size === 0
      ? Buffer.alloc(0)
      : new FastBuffer(this.memory.buffer, this.memory.byteOffset + this.at, this.size)
  }
}

/**
 * How many calls may be made again that may have been seen: a share of all calls, and some a second for clients that make few. When everything fails,
 * retries must not be what keeps it down. Those that were never sent cost nothing: whoever gets them has no more to do than was asked for.
 */
class Budget {
  /** A connection has at most `atOnce` calls in flight. */
  constructor({ ratio, perSecond }, atOnce) {
    this.ratio = ratio
    this.perSecond = perSecond
    /**
     * What ten seconds without a failure save up, at a rate of calls that a process is capable of; and a connection that is lost takes all of its calls
     * with it, which is one failure, not as many.
     */
    const saved = perSecond * 10 + ratio * 100_000
    this.most = saved > 0 ? Math.max(saved, atOnce) : 0
    // Full, as gRPC's: nothing has failed yet.
    this.tokens = this.most
    this.time = now()
    this.calls = 0
  }

  /** Whether one more may be made again; `calls` is how many there have been in all. */
  take(calls) {
    const time = now()
    const earned = ((time - this.time) / 1000) * this.perSecond + (calls - this.calls) * this.ratio
    this.tokens = Math.min(this.tokens + earned, this.most)
    this.time = time
    this.calls = calls
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}

module.exports = { Kept, Budget }
