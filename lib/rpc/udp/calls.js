'use strict'

const { Calls } = require('../calls')
const { SLOTS, COUNT_LIMIT, slotOf, countOf, numberOf } = require('./datagram')

/**
 * Like the calls of a stream connection, but a slot is free as soon as its call has ended for any reason: the next call
 * of the slot has a higher number, which tells the server that the previous one is over.
 */
class DatagramCalls extends Calls {
  /** `ended(number)` is called for calls that ended without an answer. */
  constructor(limit, ended) {
    super(limit)
    this.step = SLOTS
    this.ended = ended
  }

  take(call) {
    const index = this.free.pop() ?? this.slots.length
    const number = this.numbers[index] ?? index
    this.numbers[index] = numberOf(index, (countOf(number) + 1) % COUNT_LIMIT)
    call.sequence = number
    this.slots[index] = call
    this.unanswered++
    this.pending++
  }

  finish(call, error) {
    if (this.slots[slotOf(call.sequence)] === call) {
      this.ended(call.sequence)
      this.release(call)
    }
    return super.finish(call, error)
  }
}

module.exports = { DatagramCalls }
