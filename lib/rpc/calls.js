'use strict'

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
  /** `index` is its place among the client's. */
  constructor(name, index) {
    this.name = name
    /** The name as UTF-8. */
    this.bytes = checkName('method', name)
    this.index = index
    /** What users' calls of it are counted in, once there is one. */
    this.series = UNCOUNTED
  }
}

/** One call, from its making to its end. */
class Call {
  /** `entry` is the Method, `series` what it is counted in. */
  constructor(entry, body, timeout, callback, series = UNCOUNTED) {
    this.entry = entry
    this.series = series
    this.began = moment()
    /** Null once it is sent. */
    this.body = body
    /** Milliseconds that it may take, and when they are over by the clock of tick.js; Infinity for never. */
    this.timeout = timeout
    this.deadline = timeout === Infinity ? Infinity : this.began.whole + timeout
    /** Null once the call has ended for its caller. */
    this.callback = callback
    /** What the caller aborts it with, if anything, and what that does. */
    this.signal = undefined
    this.onAbort = undefined
    /** What it takes to make it again (again.js), or null. */
    this.kept = null
    /** Who ends it: the client while it waits, then its link. */
    this.owner = null
    /** It waits to be sent. */
    this.queued = false
    /** Its number on the connection that it is sent on, and how many bytes of that came before it. */
    this.sequence = 0
    this.position = 0
  }

  /** The name of its method. */
  get method() {
    return this.entry.name
  }

  /** Gives it metadata as bytes, or none. */
  addMetadata(metadata) {
    this.metadata = metadata
    this.flags = metadata === null ? this.flags & ~METADATA : this.flags | METADATA
  }

  /** Has `onAbort` called with the reason when the signal aborts, or the call that this one is made for ends. */
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

  /** The signal is of no interest any more. */
  forget() {
    if (this.onAbort === undefined) return
    if (this.signal !== undefined) forget(this.signal, this.onAbort)
    this.parent?.removeChild(this.onAbort)
    this.onAbort = undefined
  }

  /** It is on its way. */
  publish(client) {
    this.message = new CallMessage({ client, target: client.location }, this.method)
    callStart.publish(this.message)
  }

  /** Ends the call for its caller, who is to be told by the returned callback. */
  end(error) {
    const { callback } = this
    this.callback = null
    this.forget()
    if (error === null && this.message === null) ended(this.series, this.began, Status.OK)
    else this.count(error, this.owner)
    return callback
  }

  /** Counts and publishes its end, which `owner` has brought. */
  count(error, owner) {
    // What is wrong with a message of its stream, the stream knows.
    if (this.stream !== null) error = this.stream.complaint ?? error
    const status = error === null ? Status.OK : isFailure(error.status) ? error.status : Status.UNKNOWN
    ended(this.series, this.began, status)
    if (this.message === null || this.series === UNCOUNTED) return
    const target = owner?.endpoint?.location ?? this.message.target
    this.message.end(callEnd, status, { target, error, sent: error === null || error.sent })
  }

  /** Ends the call, also at the server; its callback gets an AbortError. Nothing happens when it has ended. */
  cancel(reason) {
    if (this.callback !== null) this.owner?.abort(this, reason)
    else this.second?.cancel(reason)
  }
}

/** What few calls have, which the others do not pay for. */
Object.assign(Call.prototype, {
  /** Something else than time may end it: its signal, or its parent. */
  watches: false,
  /** The call of a handler that this one is made for, if any: it ends with that. */
  parent: undefined,
  /** The flags of its request, and its metadata as bytes. */
  flags: 0,
  metadata: null,
  /** What makes a message of a reply's body. */
  decode: null,
  /** The same call made once more, whose answer will do as well. */
  second: null,
  stream: null,
  /** What was published of its start. */
  message: null,
  /** Another one of `Calls.unwritten`. */
  nextUnwritten: null,
})

/**
 * The calls in flight on one connection. A sequence number is a slot's index in its low bits and counts that slot's calls in the
 * others; a slot is used again only after its request was answered, so no number is ever in flight twice.
 */
class Calls {
  /** `limit` is the most calls in flight, at most 65,536. */
  constructor(limit) {
    this.limit = limit
    this.step = 2 ** Math.ceil(Math.log2(limit))
    /** The call in each slot, also one that nobody waits for any more; undefined where there is none. */
    this.slots = []
    /** The number that each slot gives next. */
    this.numbers = []
    this.free = []
    /** Requests without an answer. */
    this.unanswered = 0
    /** Those of them that a caller still waits for. */
    this.pending = 0
    /** Answers of any kind. */
    this.answered = 0
    /** Calls that could not be written, at the end of the stack usually: they have never been, but their slots are taken back later. */
    this.unwritten = null
  }

  /** Gives the call a slot. The caller has checked that fewer than `limit` are unanswered. */
  take(call) {
    const index = this.free.pop() ?? this.slots.length
    call.sequence = this.numbers[index] ?? index
    this.numbers[index] = (call.sequence + this.step) >>> 0
    this.slots[index] = call
    this.unanswered++
    this.pending++
  }

  /** Takes back the slots of calls that could not be written. Where that happened there is no stack for a call of anything. */
  reclaim() {
    while (this.unwritten !== null) {
      this.release(this.unwritten)
      this.unwritten = this.unwritten.nextUnwritten
    }
  }

  /** The call that `sequence` answers, or undefined when there is no such request. */
  find(sequence) {
    const call = this.slots[sequence & (this.step - 1)]
    return call?.sequence === sequence ? call : undefined
  }

  /** Its answer has come: the slot is free for another call. */
  release(call) {
    const index = call.sequence & (this.step - 1)
    this.slots[index] = undefined
    this.unanswered--
    this.answered++
    this.free.push(index)
  }

  /** Ends the call for its caller, who is to be told by the returned callback. */
  finish(call, error) {
    this.pending--
    return call.end(error)
  }
}

module.exports = { Call, Calls, Method }
