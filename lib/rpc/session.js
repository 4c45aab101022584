'use strict'

// A server's side of one connection: the requests that it has not answered yet.

const { Peer } = require('./peer')
const { Kind, Status, Reason, LENGTH_SIZE, FRAME_HEAD } = require('./protocol')
const { Queue } = require('./queue')
const { now } = require('./tick')
const { invalidArgType } = require('../errors')
const { isUint8Array } = require('node:util/types')
const { protocol, textOf } = require('./errors')

const EMPTY = new Uint8Array(0)
const REPLY_HEAD = FRAME_HEAD - LENGTH_SIZE

/** One call as its handler sees it: the handler's third argument. */
class Call {
  constructor(session, sequence, method, body, deadline) {
    this.session = session
    this.sequence = sequence
    this.entry = method
    this.body = body
    /** By the clock of tick.js; Infinity when the caller waits for ever. */
    this.expires = deadline
    this.answered = false
    /** It ended without its handler: cancelled, past its deadline, connection lost. */
    this.cut = false
    this.running = false
    this.queued = false
    this.controller = null
  }

  /** The name that it was called by. */
  get method() {
    return this.entry.name
  }

  /** Where the call comes from: `{ address, port, family }`, or an empty object on a pipe. */
  get peer() {
    return this.session.remote
  }

  /** Milliseconds that the caller still waits; Infinity when it set no limit. */
  get remaining() {
    return this.expires === Infinity ? Infinity : Math.max(this.expires - now(), 0)
  }

  /** When the caller stops waiting, in milliseconds since 1970; undefined when it set no limit. */
  get deadline() {
    return this.expires === Infinity ? undefined : Date.now() + this.remaining
  }

  /** Aborted when nobody waits for the answer any more: cancelled, past its deadline, connection lost. */
  get signal() {
    if (this.controller === null) {
      this.controller = new AbortController()
      if (this.cut) this.controller.abort()
    }
    return this.controller.signal
  }
}

class Session extends Peer {
  constructor(server, wire) {
    super(server.options, server.options.maxCallsPerConnection)
    this.server = server
    this.remote = wire.remote
    /** What each method number of this connection stands for: `{ name, handler }`. */
    this.methods = []
    /** Unanswered requests by sequence number, other than one that is being handled right now. */
    this.calls = new Map()
    /** Those of them whose handler has not been called yet. */
    this.waiting = new Queue()
    /** Bytes of their bodies. */
    this.pendingBytes = 0
    this.paused = false
    /** Bytes that the kernel had taken when last looked at. */
    this.taken = 0
    this.attach(wire)
  }

  ready() {}

  /** A client that takes its leave just goes. */
  retire() {}

  /** A request. */
  carry(sequence, body, number, remaining) {
    const { calls, server } = this
    if (calls.has(sequence)) {
      this.abandon(protocol(`Sequence number ${sequence} is in flight already`), Reason.PROTOCOL)
      return
    }
    server.stats.calls++
    const method = this.methods[number]
    if (method === undefined || (method.handler === null && !server.find(method))) {
      return this.refuse(sequence, Status.UNKNOWN_METHOD, '')
    }
    if (calls.size >= this.maxCalls) {
      return this.refuse(sequence, Status.TOO_MANY_CALLS, `${this.maxCalls} calls of this connection are unanswered`)
    }
    const deadline = remaining === -1 ? Infinity : now() + remaining
    const call = new Call(this, sequence, method, body, deadline)
    if (server.running >= server.options.maxConcurrency || this.out.congested) {
      this.hold(call)
      this.waiting.push(call)
      server.queue.add(this)
    } else this.run(call)
  }

  /** Keeps a call that is not answered on the spot. */
  hold(call) {
    this.calls.set(call.sequence, call)
    this.pendingBytes += call.body.length
    this.server.deadlines.add(call.expires)
    this.regulate()
  }

  run(call) {
    const { server } = this
    call.running = true
    server.running++
    const { handler } = call.entry
    try {
      const result = handler(call.body, (error, reply) => this.answer(call, error, reply), call)
      if (typeof result?.then === 'function') this.follow(result, call)
    } catch (error) {
      this.fail(call, error)
    }
    if (call.answered || this.calls.has(call.sequence)) return
    if (this.open) this.hold(call)
    // The handler, or what it answered to others, has ended the connection: nobody waits for this answer either.
    else this.lose(call, this.reason)
  }

  /** The handler gave a promise. */
  follow(promise, call) {
    promise.then(
      (reply) => {
        // An async handler that takes the callback and returns nothing leaves the answer to the callback.
        if (reply === undefined && (call.answered || call.entry.handler.length > 1)) return
        this.answer(call, null, reply)
      },
      (error) => this.fail(call, error),
    )
  }

  /** The handler threw or rejected. */
  fail(call, error) {
    this.server.handlerFailed(error, call)
    this.answer(call, error || new Error(`The handler threw ${error}`))
  }

  /** The handler's answer, of which only the first counts. */
  answer(call, error, reply) {
    const { server } = this
    if (call.answered) {
      if (call.cut) server.stats.lateAnswers++
      else server.stats.extraAnswers++
      return
    }
    if (error) {
      const code = textOf(() => error.code ?? '', '')
      const message = textOf(() => error.message ?? error)
      // Getters of the error are the handler's code too, and may have answered meanwhile.
      if (call.answered) server.stats.extraAnswers++
      else this.end(call, Status.APPLICATION, code, message)
    } else if (reply === undefined || reply === null) this.end(call, 0, '', EMPTY)
    else if (isUint8Array(reply)) this.end(call, 0, '', reply)
    else {
      const mistake = invalidArgType('reply', 'an instance of Buffer or Uint8Array', reply)
      server.handlerFailed(mistake, call)
      this.end(call, Status.APPLICATION, mistake.code, mistake.message)
    }
  }

  /** Ends a call with status 0 and a reply, or with an error. */
  end(call, status, code, content) {
    this.settle(call)
    if (!this.open) return
    if (status !== 0) this.out.error(call.sequence, status, code, content, this.peerMaxFrame)
    else if (REPLY_HEAD + content.length > this.peerMaxFrame) {
      const message = `a reply of ${content.length} bytes is above the caller's limit of ${this.peerMaxFrame}`
      this.out.error(call.sequence, Status.REPLY_TOO_LARGE, '', message, this.peerMaxFrame)
    } else this.out.reply(call.sequence, content)
    if (this.out.congested) this.regulate()
  }

  /** The call is over, answered or not: its place is free. */
  settle(call) {
    const { server } = this
    call.answered = true
    if (this.calls.delete(call.sequence)) {
      this.pendingBytes -= call.body.length
      if (call.queued) {
        this.waiting.remove(call)
        call.body = EMPTY
      }
      if (this.paused) this.regulate()
    }
    if (call.running) server.running--
    if (server.queue.size > 0) server.runLater()
  }

  /** Ends a call that nobody waits for any more; the answer tells the client that the sequence number is free. */
  cut(call, status, reason) {
    call.cut = true
    this.end(call, status, '', '')
    call.controller?.abort(reason)
  }

  refuse(sequence, status, message) {
    this.server.stats.refused++
    this.out.error(sequence, status, '', message, this.peerMaxFrame)
  }

  frame(kind, sequence, number, body) {
    if (kind === Kind.METHOD) return this.declare(number, body)
    const call = this.calls.get(sequence)
    if (kind === Kind.CANCEL && call !== undefined) {
      this.cut(call, Status.CANCELLED, new Error('The caller cancelled the call'))
    }
  }

  /** The client calls a method by `number` from here on. Numbers come in order, so that the table has no holes. */
  declare(number, name) {
    if (number !== this.methods.length) {
      return this.abandon(protocol(`Method number ${number} where ${this.methods.length} is next`), Reason.PROTOCOL)
    }
    const known = number < this.options.maxMethods
    this.methods.push(known ? { name: name.toString(), handler: null } : undefined)
  }

  overdue(call) {
    this.server.stats.timeouts++
    this.cut(call, Status.DEADLINE, new Error('The call is past its deadline'))
  }

  expire(time) {
    let next = Infinity
    for (const call of this.calls.values()) {
      if (call.expires <= time) {
        this.overdue(call)
      } else if (call.expires < next) next = call.expires
    }
    return next
  }

  // ---- a peer that sends faster than it reads, or than handlers answer

  regulate() {
    const { out, options } = this
    if (!this.open) return
    if (out.congested && this.wire.queued > options.maxOutgoingBytes) {
      const error = protocol(`The peer does not read its answers: ${this.wire.queued} bytes wait`)
      this.abandon(error, Reason.SLOW_READER)
      return
    }
    const full = out.congested || this.pendingBytes > options.maxPendingBytes
    if (full === this.paused) return
    this.paused = full
    if (full) this.wire.pause()
    else this.wire.resume()
  }

  relieved() {
    this.regulate()
    this.server.runLater()
  }

  settled() {
    if (this.out.congested) this.regulate()
  }

  /** While reading is paused a live peer cannot be heard, but one that owes us the reading of answers can be seen to take them. */
  excused() {
    if (!this.paused) return false
    if (!this.out.congested) return true
    const before = this.taken
    this.taken = this.out.accepted
    return this.taken > before
  }

  // ---- the end

  /** The server closes: the client is asked to leave, which it does once everything in flight is answered. */
  dismiss() {
    // A client that has not introduced itself has no calls in flight, and may not understand.
    if (this.peerMaxFrame === 0) this.destroy(null)
    else this.out.goaway(Reason.SHUTDOWN, '')
  }

  ended(error) {
    for (const call of this.calls.values()) this.lose(call, error)
    this.server.sessionEnded(this, error)
  }

  /** A call's connection is gone, and its caller with it. */
  lose(call, error) {
    call.cut = true
    this.settle(call)
    call.controller?.abort(error ?? new Error('The caller is gone'))
  }
}

module.exports = { Session }
