'use strict'

const { forget } = require('./signals')

/** One call in flight. The object belongs to its slot and serves one call after another. */
class Call {
  constructor(index) {
    this.sequence = index
    /** The slot is taken: from sending the request until its answer comes, even when nobody waits for it any more. */
    this.taken = false
    /** Null once the call has ended for its caller. */
    this.callback = null
    this.method = ''
    /** When it times out, by the clock of tick.js; Infinity for never. */
    this.deadline = Infinity
    this.timeout = 0
    /** How many bytes of the connection came before the request. */
    this.position = 0
    this.signal = null
    this.onAbort = null
  }
}

/**
 * The calls in flight on one connection. A sequence number is a slot's index in its low bits and counts that slot's calls in the
 * others; a slot is used again only after its request was answered, so no number is ever in flight twice.
 */
class Calls {
  /** `limit` is the most calls in flight, at most 65,536. */
  constructor(limit) {
    this.limit = limit
    this.step = 2 ** Math.ceil(Math.log2(limit))
    this.slots = []
    this.free = []
    /** Requests without an answer. */
    this.unanswered = 0
    /** Those of them that a caller still waits for. */
    this.pending = 0
  }

  /** The caller has checked that fewer than `limit` are unanswered. */
  take() {
    let call = this.free.pop()
    if (call === undefined) {
      call = new Call(this.slots.length)
      this.slots.push(call)
    } else call.sequence = (call.sequence + this.step) >>> 0
    call.taken = true
    this.unanswered++
    this.pending++
    return call
  }

  /** The call that `sequence` answers, or undefined when there is no such request. */
  find(sequence) {
    const call = this.slots[sequence & (this.step - 1)]
    return call?.taken && call.sequence === sequence ? call : undefined
  }

  /** Its answer has come: the slot is free for another call. */
  release(call) {
    call.taken = false
    this.unanswered--
    this.free.push(call)
  }

  /** Ends the call for its caller, which is to be told by the returned callback. */
  finish(call) {
    const { callback } = call
    call.callback = null
    if (call.signal !== null) {
      forget(call.signal, call.onAbort)
      call.signal = call.onAbort = null
    }
    this.pending--
    return callback
  }
}

module.exports = { Calls }
