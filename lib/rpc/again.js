'use strict'

// Retries and hedges: the copy of a request body that a repeated call needs, and the budget that limits repeats.

const { Buffer } = require('node:buffer')
const { bytesOf } = require('../codec/bytes')
const { now } = require('./tick')

const FastBuffer = Buffer[Symbol.species]

/**
 * Bodies up to this size (in bytes) are copied into shared blocks. A block is freed when no call refers to it any more.
 */
const SMALL = 4096
const BLOCK = 8192

let block = Buffer.allocUnsafeSlow(BLOCK)
let used = 0

/**
 * The copy of a request that may be sent twice: its body. The caller may have changed its own buffer in the meantime.
 */
class Kept {
  /** `hedge` is the number of milliseconds after which the call is sent a second time if it has no answer yet. */
  constructor(hedge) {
    this.hedge = hedge
    this.memory = null
    this.at = 0
    this.size = 0
    /** How many times the call was repeated although the server may have seen it. */
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
 * Limits how many calls may be repeated that the server may have seen: a share of all calls, plus a number per second
 * for clients that make few calls. During an outage, retries must not keep the service down. Calls that were never sent
 * are not counted, because repeating them adds no load.
 */
class Budget {
  /** `atOnce` is the largest number of calls in flight on one connection. */
  constructor({ ratio, perSecond }, atOnce) {
    this.ratio = ratio
    this.perSecond = perSecond
    /**
     * The upper bound is what a busy process earns in ten seconds without a failure. It is never below `atOnce`: a lost
     * connection takes all its calls with it, and that is one failure, not many.
     */
    const saved = perSecond * 10 + ratio * 100_000
    this.most = saved > 0 ? Math.max(saved, atOnce) : 0
    // The budget starts full, as in gRPC: nothing has failed yet.
    this.tokens = this.most
    this.time = now()
    this.calls = 0
  }

  /** Whether one more call may be repeated. `calls` is the total number of calls so far. */
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
