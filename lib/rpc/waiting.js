'use strict'

// Calls that cannot leave yet: no connection, too many in flight, or a server that reads too slowly.

const { Buffer } = require('node:buffer')
const { bytesOf } = require('../codec/bytes')
const errors = require('./errors')
const { Queue } = require('./queue')
const { listen, forget } = require('./signals')

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
  push(method, name, body, deadline, timeout, signal, callback) {
    if (this.calls.size >= this.maxCalls) return errors.tooManyCalls(method, `${this.maxCalls} calls wait already`)
    if (this.bytes + body.length > this.maxBytes) {
      return errors.tooManyCalls(method, `more than ${this.maxBytes} bytes would wait`)
    }
    const call = {
      method,
      name,
      body: Buffer.from(bytesOf(body, 'body')),
      deadline,
      timeout,
      signal,
      callback,
      onAbort: null,
      queued: false,
    }
    if (signal !== undefined) {
      call.onAbort = () => {
        this.discard(call)
        this.onAborted(callback, errors.aborted(method, false, signal.reason))
      }
      listen(signal, call.onAbort)
    }
    this.calls.push(call)
    this.bytes += body.length
  }

  remove(call) {
    this.calls.remove(call)
    this.bytes -= call.body.length
    if (call.signal !== undefined) forget(call.signal, call.onAbort)
  }

  /** Takes the call that has waited longest. */
  shift() {
    const call = this.calls.first()
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
