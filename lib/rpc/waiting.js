'use strict'

// Calls that cannot be sent yet: there is no connection, too many calls are in flight, or the server reads too slowly.

const { Buffer } = require('node:buffer')
const { bytesOf } = require('../codec/bytes')
const errors = require('./errors')
const { headroom } = require('./outgoing')
const { Queue } = require('./queue')

/** A queue with a limit of calls and of bytes. */
class Waiting {
  /** `onFull(limit, value)` is called when one of the limits is reached. */
  constructor({ maxQueuedCalls, maxQueuedBytes }, { onAborted, onFull }) {
    this.maxCalls = maxQueuedCalls
    this.maxBytes = maxQueuedBytes
    this.bytes = 0
    this.onAborted = onAborted
    this.onFull = onFull
    this.calls = new Queue()
  }

  get length() {
    return this.calls.size
  }

  /**
   * Queues a call. Returns an error when there is no room. The body is copied, so that the caller can reuse its buffer
   * at once.
   */
  push(call) {
    if (this.calls.size >= this.maxCalls) {
      this.onFull('maxQueuedCalls', this.maxCalls)
      return errors.tooManyCalls(call.method, `${this.maxCalls} calls wait already (options.maxQueuedCalls)`)
    }
    if (this.bytes + call.body.length > this.maxBytes) {
      this.onFull('maxQueuedBytes', this.maxBytes)
      return errors.tooManyCalls(
        call.method,
        `the waiting calls would take more than ${this.maxBytes} bytes (options.maxQueuedBytes)`,
      )
    }
    call.body = Buffer.from(bytesOf(call.body, 'body'))
    call.owner = this
    call.listen((reason) => this.abort(call, reason))
    this.calls.push(call)
    this.bytes += call.body.length
  }

  /** The caller aborted the call. */
  abort(call, reason) {
    headroom()
    const error = errors.aborted(call.method, false, reason)
    this.discard(call)
    this.onAborted(call.end(error), error)
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

  /** Removes and returns it. */
  shift() {
    const call = this.first()
    this.remove(call)
    return call
  }

  /** Removes a call that will not be sent. */
  discard(call) {
    this.remove(call)
    call.body = null
  }

  /** Passes the overdue calls to `end` and returns the earliest deadline left. */
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
