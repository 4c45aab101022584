'use strict'

// A client's calls: a method, one call, and the table of the calls in flight on a connection.

const { listen, forget } = require('./signals')
const { Flag, checkName } = require('./protocol')
const { moment, ended } = require('./tick')
const { channels, CallMessage } = require('./channels')
const { UNCOUNTED } = require('./counts')
const { status: Status, isFailure } = require('./status')

const { METADATA } = Flag
const { callStart, callEnd } = channels.client

/** A method that a client calls. */
class Method {
  /** `index` is its index in the client's list of methods. */
  constructor(name, index) {
    this.name = name
    /** The name as UTF-8 bytes. */
    this.bytes = checkName('method', name)
    this.index = index
    /** The counter series of user calls. It is set at the first one. */
    this.series = UNCOUNTED
  }
}

/** One call, from the moment it is made to its end. */
class Call {
  /** `entry` is the Method. `series` is the counter series of the call. */
  constructor(entry, body, timeout, callback, series = UNCOUNTED) {
    this.entry = entry
    this.series = series
    this.began = moment()
    /** Null once the call is sent. */
    this.body = body
    /** The timeout in milliseconds, and the deadline by the clock of tick.js. Infinity means never. */
    this.timeout = timeout
    this.deadline = timeout === Infinity ? Infinity : this.began.whole + timeout
    /** Null once the call has ended for its caller. */
    this.callback = callback
    /** The signal that aborts the call, if any, and the listener for it. */
    this.signal = undefined
    this.onAbort = undefined
    /** What is needed to send the call again (again.js), or null. */
    this.kept = null
    /** Who can abort it: the client's queue while it waits, then its link. */
    this.owner = null
    /** Whether it waits in a queue to be sent. */
    this.queued = false
    /** Its sequence number on the connection, and how many bytes of the connection precede the request. */
    this.sequence = 0
    this.position = 0
  }

  /** The name of the method. */
  get method() {
    return this.entry.name
  }

  /** Sets the metadata, given as bytes or null. */
  addMetadata(metadata) {
    this.metadata = metadata
    this.flags = metadata === null ? this.flags & ~METADATA : this.flags | METADATA
  }

  /** Calls `onAbort` with the reason when the signal aborts, or when the parent call ends. */
  listen(onAbort) {
    if (!this.watches) return
    const { signal, parent } = this
    this.onAbort = () => onAbort(this.abortReason)
    if (signal !== undefined) listen(signal, this.onAbort)
    parent?.addChild(this.onAbort)
  }

  get abortReason() {
    return this.parent?.cut ? this.parent.reason : this.signal?.reason
  }

  /** Stops listening for an abort. */
  forget() {
    if (this.onAbort === undefined) return
    if (this.signal !== undefined) forget(this.signal, this.onAbort)
    this.parent?.removeChild(this.onAbort)
    this.onAbort = undefined
  }

  /** Publishes the start of the call. */
  publish(client) {
    this.message = new CallMessage({ client, target: client.location }, this.method)
    callStart.publish(this.message)
  }

  /** Ends the call. The caller of this function must call the returned callback. */
  end(error) {
    const { callback } = this
    this.callback = null
    this.forget()
    if (error === null && this.message === null) ended(this.series, this.began, Status.OK)
    else this.count(error, this.owner)
    return callback
  }

  /** Counts and publishes the end of the call, which `owner` reported. */
  count(error, owner) {
    // An error that the stream itself found (for example in a message) takes precedence.
    if (this.stream !== null) error = this.stream.complaint ?? error
    const status = error === null ? Status.OK : isFailure(error.status) ? error.status : Status.UNKNOWN
    ended(this.series, this.began, status)
    if (this.message === null || this.series === UNCOUNTED) return
    const target = owner?.endpoint?.location ?? this.message.target
    this.message.end(callEnd, status, { target, error, sent: error === null || error.sent })
  }

  /** Ends the call here and at the server. Its callback gets an AbortError. Does nothing when the call has ended. */
  cancel(reason) {
    if (this.callback !== null) this.owner?.abort(this, reason)
    else this.second?.cancel(reason)
  }
}

/** Defaults of fields that few calls have. They are on the prototype so that other calls do not pay for them. */
Object.assign(Call.prototype, {
  /** Whether a signal or a parent call may end it. */
  watches: false,
  /** The handler's call on whose behalf this one is made, if any. When it ends, this call is aborted. */
  parent: undefined,
  /** The flags of the request, and its metadata as bytes. */
  flags: 0,
  metadata: null,
  /** Decodes the reply's body into a message; null for plain bytes. */
  decode: null,
  /** The hedge of this call: the same request sent a second time. Its answer counts too. */
  second: null,
  stream: null,
  /** The message published at the start of the call. */
  message: null,
  /** Next item in the list `Calls.unwritten`. */
  nextUnwritten: null,
})

/**
 * The calls in flight on one connection. The low bits of a sequence number are the index of a slot; the high bits count
 * the calls of that slot. A slot is reused only after its request was answered, so no number is ever in flight twice.
 */
class Calls {
  /** `limit` is the largest number of calls in flight, at most 65,536. */
  constructor(limit) {
    this.limit = limit
    this.step = 2 ** Math.ceil(Math.log2(limit))
    /** The call in each slot, including calls whose caller no longer waits; undefined for a free slot. */
    this.slots = []
    /** The next sequence number of each slot. */
    this.numbers = []
    this.free = []
    /** The number of requests without an answer. */
    this.unanswered = 0
    /** The number of those whose caller still waits. */
    this.pending = 0
    /** The number of answers of any kind. */
    this.answered = 0
    /**
     * Calls that could not be written, usually because the stack was full. Nothing was sent, but their slots are
     * released later.
     */
    this.unwritten = null
  }

  /** Assigns a slot to the call. The caller has checked that fewer than `limit` calls are unanswered. */
  take(call) {
    const index = this.free.pop() ?? this.slots.length
    call.sequence = this.numbers[index] ?? index
    this.numbers[index] = (call.sequence + this.step) >>> 0
    this.slots[index] = call
    this.unanswered++
    this.pending++
  }

  /**
   * Releases the slots of calls that could not be written. At the time of the failure there was no stack left to do it.
   */
  reclaim() {
    while (this.unwritten !== null) {
      this.release(this.unwritten)
      this.unwritten = this.unwritten.nextUnwritten
    }
  }

  /** The call that `sequence` belongs to, or undefined when there is none. */
  find(sequence) {
    const call = this.slots[sequence & (this.step - 1)]
    return call?.sequence === sequence ? call : undefined
  }

  /** The call was answered: its slot is free for another call. */
  release(call) {
    const index = call.sequence & (this.step - 1)
    this.slots[index] = undefined
    this.unanswered--
    this.answered++
    this.free.push(index)
  }

  /** Ends the call. The caller of this function must call the returned callback. */
  finish(call, error) {
    this.pending--
    return call.end(error)
  }
}

module.exports = { Call, Calls, Method }
