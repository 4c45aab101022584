'use strict'

// A server's side of one connection: the requests that it has not answered yet.

const { Peer } = require('./peer')
const { Kind, Status, Reason, LENGTH_SIZE, FRAME_HEAD } = require('./protocol')
const { bodyOf } = require('./outgoing')
const { Queue } = require('./queue')
const { now } = require('./tick')
const { invalidArgType } = require('../errors')
const process = require('node:process')
const { isUtf8 } = require('node:buffer')
const { setTimeout } = require('node:timers')
const { transferableAbortController } = require('node:util')
const { isUint8Array } = require('node:util/types')
const { protocol, noAnswer, calledBackLate, textOf } = require('./errors')

const EMPTY = new Uint8Array(0)
const REPLY_HEAD = FRAME_HEAD - LENGTH_SIZE
const REPLIES = 'an instance of Buffer or Uint8Array, or null'

/**
 * How long a handler that gave no answer has to call back, in milliseconds, before what it gave counts: only as long as it is not
 * known whether it calls back at all. Longer than the start of anything takes, shorter than anybody waits.
 */
const DOUBT = 500

/** Tells of handlers that let go of their callback without an answer: only used where no deadline would end the call. */
const forgotten = new FinalizationRegistry((call) => call.session.forget(call))

/** Memory that unanswered requests keep, and how many of their bodies lie in it. */
class Memory {
  constructor(buffer) {
    this.buffer = buffer
    this.size = buffer.byteLength
    this.bodies = 0
  }
}

/** One call as its handler sees it: the handler's third argument. */
class Call {
  constructor(session, sequence, method, body, deadline) {
    this.session = session
    this.sequence = sequence
    this.entry = method
    this.body = body
    /** What the body lies in, once the call is kept. */
    this.memory = null
    /** By the clock of tick.js; Infinity when the caller waits for ever. */
    this.expires = deadline
    this.answered = false
    /** It ended without its handler: cancelled, past its deadline, connection lost. */
    this.cut = false
    this.running = false
    this.queued = false
    /** The handler's place among those at work, of a call that ended without it. */
    this.stray = null
    /** The handler gave something that is no answer: `{ given, promised, assumed }`, assumed once it was sent as an empty reply. */
    this.doubt = null
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
      // Node's own, whatever the global of that name is.
      const { constructor: AbortController } = transferableAbortController()
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
    /** What each method number of this connection stands for: `{ name, handler }`, the handler as in server.js. */
    this.methods = []
    /** Unanswered requests by sequence number, other than one that is being handled right now. */
    this.calls = new Map()
    /** Those of them whose handler has not been called yet. */
    this.waiting = new Queue()
    /** Bytes of the memory that bodies keep, of these calls and of those whose handlers are still at work. */
    this.pendingBytes = 0
    /** The memory that the last small body was kept in: bodies that come one after the other share it. */
    this.memory = new Memory(EMPTY.buffer)
    /** Handlers still at work for calls that have ended without them. */
    this.strays = 0
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
    if (server.busy || this.busy) {
      this.hold(call)
      this.waiting.push(call)
      server.queue.add(this)
    } else this.run(call)
  }

  /** Whether this connection's calls wait: it does not read its answers, or has left too many handlers at work behind. */
  get busy() {
    return this.out.congested || this.strays >= this.options.maxStraysPerConnection
  }

  /** Keeps a call that is not answered on the spot. */
  hold(call) {
    this.calls.set(call.sequence, call)
    call.memory = this.keep(call.body)
    this.server.deadlines.add(call.expires)
    this.regulate()
  }

  /** Counts the memory that a body lies in, which is more than the body where small ones share it. */
  keep(body) {
    const { buffer } = body
    let { memory } = this
    if (memory.buffer !== buffer) {
      memory = new Memory(buffer)
      if (body.length < memory.size) this.memory = memory
    }
    if (memory.bodies++ === 0) this.pendingBytes += memory.size
    return memory
  }

  release(memory) {
    if (--memory.bodies > 0) return
    this.pendingBytes -= memory.size
    memory.buffer = null
  }

  run(call) {
    const { server } = this
    const { handler } = call.entry
    const callback = (error, reply) => {
      if (!handler.callsBack || call.doubt !== null) this.calledBack(call)
      this.answer(call, error, reply)
    }
    call.running = true
    server.running++
    try {
      const given = handler.run(call.body, callback, call)
      if (given !== undefined) this.given(call, given, callback)
    } catch (error) {
      this.fail(call, error)
    }
    if (call.answered) return
    if (call.memory === null) {
      if (this.open) this.hold(call)
      // The handler, or what it answered to others, has ended the connection: nobody waits for this answer either.
      else return this.lose(call, this.reason)
    }
    if (call.expires === Infinity) forgotten.register(callback, call, call)
  }

  /** The handler is known to call back from here on. */
  calledBack(call) {
    call.entry.handler.callsBack = true
    const { doubt } = call
    if (doubt?.assumed) {
      doubt.assumed = false
      this.server.handlerFailed(calledBackLate(call.method), call)
    }
  }

  /** What the handler returned: bytes or null are an answer, a promise will be one; of anything else the callback must bring one. */
  given(call, given, callback) {
    if (given === null || isUint8Array(given)) this.answer(call, null, given)
    else if (typeof given.then === 'function') this.follow(given, call, callback)
    else this.question(call, given, false)
  }

  follow(promise, call, callback) {
    Promise.resolve(promise).then(
      (reply) => {
        if (reply === null || isUint8Array(reply)) this.answer(call, null, reply)
        else this.question(call, reply, true)
        // Held until here: a promise on its way may still bring the answer, so its call is not forgotten.
        void callback
      },
      (error) => this.fail(call, error),
    )
  }

  /**
   * What the handler gave is no answer, and it has not called back. One that calls back will; whether an unknown one does cannot be
   * seen from outside, so it gets a moment to show it.
   */
  question(call, given, promised) {
    const { handler } = call.entry
    if (call.answered) {
      if (call.stray !== null && !handler.callsBack && !handler.takesCallback) this.server.dismissStray(call)
      return
    }
    call.doubt = { given, promised, assumed: false }
    if (handler.callsBack || (handler.takesCallback && (given === undefined || !promised))) return
    if (given === undefined && handler.resolvesEmpty) this.conclude(call)
    else setTimeout(() => handler.callsBack || this.conclude(call), Math.min(DOUBT, call.remaining / 2)).unref()
  }

  /** The handler has not called back and does not seem to: what it gave is its answer, if need be an error. */
  conclude(call) {
    if (call.answered) return
    const { given, promised } = call.doubt
    if (given === undefined && promised) {
      call.entry.handler.resolvesEmpty = true
      call.doubt.assumed = true
      this.answer(call, null, EMPTY)
    } else this.reject(call, invalidArgType('reply', REPLIES, given))
  }

  /** The handler's callback is gone, and with it the last way to answer a call that has no deadline either. */
  forget(call) {
    if (call.answered) return
    if (call.doubt !== null) this.conclude(call)
    else this.reject(call, noAnswer(call.method))
  }

  /** The handler threw or rejected. */
  fail(call, error) {
    this.server.handlerFailed(error, call)
    this.answer(call, error || new Error(`The handler threw ${error}`))
  }

  /** The handler made a mistake, of which the caller and the server are told. */
  reject(call, mistake) {
    this.server.handlerFailed(mistake, call)
    this.end(call, Status.APPLICATION, mistake.code, mistake.message)
  }

  /** The handler's answer, of which only the first counts. */
  answer(call, error, reply) {
    if (call.answered) this.extra(call)
    else if (error) this.answerError(call, error)
    else if (reply === undefined || reply === null) this.end(call, 0, '', EMPTY)
    else this.reply(call, reply)
  }

  extra(call) {
    const { server } = this
    if (call.cut) server.stats.lateAnswers++
    else server.stats.extraAnswers++
    if (call.stray !== null) server.dismissStray(call)
  }

  answerError(call, error) {
    const code = textOf(() => error.code ?? '', '')
    const message = textOf(() => error.message ?? error)
    // Getters of the error are the handler's code too, and may have answered meanwhile.
    if (call.answered) this.extra(call)
    else this.end(call, Status.APPLICATION, code, message)
  }

  reply(call, reply) {
    let bytes
    try {
      bytes = bodyOf(reply, 'reply')
    } catch (mistake) {
      return this.reject(call, mistake)
    }
    this.end(call, 0, '', bytes)
  }

  /** Ends a call with status 0 and a reply, or with an error. */
  end(call, status, code, content) {
    this.settle(call)
    try {
      this.send(call.sequence, status, code, content)
    } catch {
      // Answered at the end of the stack: nothing is sent yet, and there is room later.
      process.nextTick(() => this.send(call.sequence, status, code, content))
    }
  }

  send(sequence, status, code, content) {
    if (!this.open) return
    if (status !== 0) this.out.error(sequence, status, code, content, this.peerMaxFrame)
    else if (REPLY_HEAD + content.length > this.peerMaxFrame) {
      const message = `a reply of ${content.length} bytes is above the caller's limit of ${this.peerMaxFrame}`
      this.out.error(sequence, Status.REPLY_TOO_LARGE, '', message, this.peerMaxFrame)
    } else this.out.reply(sequence, content)
    if (this.out.congested) this.regulate()
  }

  /**
   * The call is over, answered or not. Its place is free, unless its handler is still at work. One that was answered on the spot,
   * as most are, has left nothing else; what is to be done for others can wait when this is the end of the stack, if need be until
   * the call's deadline finds it.
   */
  settle(call) {
    const { server } = this
    const held = call.memory !== null
    call.answered = true
    if (call.running) {
      call.running = false
      server.running--
      if (call.cut) server.keepStray(call)
    }
    if (!held && server.queue.size === 0) return
    try {
      this.relieve(call)
    } catch {
      process.nextTick(() => this.relieve(call))
    }
  }

  /** Lets go of what a call that is over has kept; done twice it does no harm. */
  relieve(call) {
    const { server } = this
    const { memory } = call
    this.calls.delete(call.sequence)
    if (memory !== null) {
      this.release(memory)
      call.memory = null
    }
    if (call.queued) {
      this.waiting.remove(call)
      call.body = EMPTY
    }
    if (this.paused) this.regulate()
    if (call.expires === Infinity) forgotten.unregister(call)
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
    // What is no text is no name: two of them must not become one by replacement characters.
    const known = number < this.options.maxMethods && isUtf8(name)
    this.methods.push(known ? { name: name.toString(), handler: null } : undefined)
  }

  overdue(call) {
    this.server.stats.timeouts++
    if (call.doubt !== null) this.server.handlerFailed(noAnswer(call.method, call.doubt.given), call)
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
