'use strict'

// Calls that cannot leave yet: no connection, too many in flight, or a server that reads too slowly.

const { Buffer } = require('node:buffer')
const { bytesOf } = require('../codec/bytes')
const errors = require('./errors')
const { Queue } = require('./queue')

/** A queue, bounded in calls and in bytes. */
class Waiting {
  constructor({ maxQueuedCalls, maxQueuedBytes }, onAborted) {
    this.maxCalls = maxQueuedCalls
    this.maxBytes = maxQueuedBytes
    this.bytes = 0
    this.onAborted = onAborted
    this.calls = new Queue()
  }

  get length() {
    return this.calls.size
  }

  /** Returns an error when there is no room. The body is copied: the caller may use its buffer again at once. */
  push(call) {
    if (this.calls.size >= this.maxCalls) return errors.tooManyCalls(call.method, `${this.maxCalls} calls wait already`)
    if (this.bytes + call.body.length > this.maxBytes) {
      return errors.tooManyCalls(call.method, `more than ${this.maxBytes} bytes would wait`)
    }
    call.body = Buffer.from(bytesOf(call.body, 'body'))
    call.owner = this
    call.listen((reason) => this.abort(call, reason))
    this.calls.push(call)
    this.bytes += call.body.length
  }

  /** The caller waits no longer. */
  abort(call, reason) {
    this.discard(call)
    const { callback } = call
    call.callback = null
    this.onAborted(callback, errors.aborted(call.method, false, reason))
  }

  remove(call) {
    this.calls.remove(call)
    this.bytes -= call.body.length
    call.forget()
  }

  /** The call that has waited longest. */
  first() {
    return this.calls.first()
  }

  /** Takes that. */
  shift() {
    const call = this.first()
    this.remove(call)
    return call
  }

  /** Takes out a call that will not be sent. */
  discard(call) {
    this.remove(call)
    call.body = null
  }

  /** Gives the overdue calls to `end` and returns the earliest deadline left. */
  expire(time, end) {
    let next = Infinity
    for (const call of this.calls) {
      if (call.deadline <= time) {
        this.discard(call)
        end(call)
      } else if (call.deadline < next) next = call.deadline
    }
    return next
  }

  clear(end) {
    for (const call of this.calls) {
      this.discard(call)
      end(call)
    }
  }
}

module.exports = { Waiting }
