'use strict'

// A server's side of one connection: the requests that it has not answered yet.

const { Peer } = require('./peer')
const { ServerHandshake, announcesSecret } = require('./handshake')
const { Kind, Flag, Origin, Reason, FULL_VERSION, LENGTH_SIZE, FRAME_HEAD } = require('./protocol')
const { status: Status } = require('./status')
const { SHAPE, failure, failureOf, otherStreams, tooMuchMetadata } = require('./failures')
const { encodeMetadata, decodeMetadata } = require('./metadata')
const { RAW } = require('./codecs')
const { bodyOf } = require('./outgoing')
const { ServerCall } = require('./server-call')
const { ServerStream } = require('./server-stream')
const { pump, isIterable } = require('./stream')
const { through } = require('./interceptors')
const { within } = require('./context')
const { Allowance } = require('./allowance')
const { Queue } = require('./queue')
const { now, ended } = require('./tick')
const { log, textOfPeer } = require('./log')
const { remoteOf } = require('./wire')
const { channels, CallMessage, publishesCalls } = require('./channels')
const { increase } = require('./counts')
const { invalidArgType } = require('../errors')
const process = require('node:process')
const { isUtf8 } = require('node:buffer')
const { setTimeout, clearTimeout } = require('node:timers')
const { isUint8Array } = require('node:util/types')
const { StatusError, protocol, unauthenticated, tlsFailed, noAnswer, calledBackLate, textOf } = require('./errors')

const EMPTY = new Uint8Array(0)
const REPLY_HEAD = FRAME_HEAD - LENGTH_SIZE
const REPLIES = 'an instance of Buffer or Uint8Array, or null'
const { callStart, callEnd } = channels.server
/** Stands for a method number that the client has not announced, or may not. */
const UNNAMED = { name: undefined, handler: null }

const { DEADLINE, METADATA, STREAMS, TAKES_STREAM, ONE_WAY } = Flag

/**
 * How long a handler that returned no answer has to call back, in milliseconds, before its return value counts. This
 * applies only until it is known whether the handler calls back. It is longer than starting an operation takes, and
 * shorter than anybody waits.
 */
const DOUBT = 500

/**
 * How long a closing server waits for the preface of a connected client, in milliseconds. A client sends it at once, so
 * it should be on its way.
 */
const INTRODUCTION = 1000

/**
 * Notices that a handler dropped its callback without an answer. Used only for calls without a deadline, which nothing
 * else would end.
 */
const forgotten = new FinalizationRegistry((call) => call.session.forget(call))

// Shared placeholders for what most connections never need, as in peer.js.
const NO_CALLS = new Map()
const NONE_WAITING = new Queue()

/**
 * Up to this size the table of methods is copied when it grows, so that it has no spare capacity, which would be larger
 * than the table.
 */
const FEW_METHODS = 4

class Session extends Peer {
  constructor(server, wire) {
    super(server.options, server.watches, server.options.maxCallsPerConnection)
    this.server = server
    /** The client's address as the wire reports it; replaced by the object `remote` at its first use. */
    this.place = wire.place
    /** The method of each number on this connection: `{ name, handler }`, as the server returns it. */
    this.methods = []
    /** Unanswered requests by sequence number, except the one that is being handled right now. */
    this.calls = NO_CALLS
    /** Those of them whose handler has not been called yet. */
    this.waiting = NONE_WAITING
    if (server.options.secret !== null) this.handshake = new ServerHandshake(server.options.secret)
    if (server.options.tls === null) this.attach(wire)
    else this.secure(wire)
  }

  // ---- TLS, if the server has it

  /** The TLS handshake is complete and no rpc byte was sent. A client that is refused is told why. */
  encrypted(peer) {
    this.noteTls()
    this.attach(this.wire)
    const why = this.wire.tls.refusal(peer)
    if (why !== undefined) this.refuseClient(why)
  }

  /** Adds the TLS information to the address object. */
  noteTls() {
    const tls = this.wire?.tlsPeer
    if (tls && typeof this.place === 'object') this.place.tls = tls
  }

  /** The error that the connection ends with when TLS fails because of `cause`. */
  insecure(cause) {
    this.server.stats.tlsFailures++
    return tlsFailed(`TLS with the client failed: ${cause.message}`, cause)
  }

  /** The client speaks rpc without TLS, so it can be told why it is refused. */
  plain() {
    this.attach(this.wire)
    this.server.stats.tlsFailures++
    super.abandon(
      unauthenticated("This server accepts only TLS: give the client the option 'tls'"),
      Reason.UNAUTHENTICATED,
    )
  }

  /** The client's address: `{ address, family, port }`, or an empty object on a pipe. */
  get remote() {
    if (typeof this.place !== 'object') {
      this.place = remoteOf(this.place)
      this.noteTls()
    }
    return this.place
  }

  /**
   * Handles the client's preface. With a secret, the preface is used only after the client has proven that it knows it.
   */
  meet(preface) {
    if (this.handshake === null) return this.welcome(preface)
    if (!announcesSecret(preface))
      return this.refuseClient("This server requires a secret: give the client the option 'secret'")
    this.out.auth(this.handshake.challenge())
    this.expect('The client did not prove that it knows the secret')
  }

  /** Handles the client's nonce and proof. */
  prove(body) {
    const proof = this.handshake.answer(body)
    if (proof === null) return this.refuseClient('The client does not know the secret')
    this.out.auth(proof)
    this.welcome(this.handshake.preface)
  }

  refuseClient(why) {
    this.abandon(unauthenticated(why), Reason.UNAUTHENTICATED)
  }

  abandon(error, reason) {
    if (this.open && reason === Reason.UNAUTHENTICATED) this.server.stats.unauthenticated++
    super.abandon(error, reason)
  }

  ready() {
    const { maxConnectionAge } = this.options
    if (maxConnectionAge !== Infinity) this.age(maxConnectionAge * (0.9 + Math.random() / 5), () => this.retireClient())
  }

  /**
   * The connection has reached its maximum age: asks the client to make another one, and to leave when the calls of
   * this one have ended.
   */
  retireClient() {
    this.server.stats.aged++
    log('rpc: the connection from %s has lasted long enough', textOfPeer(this.remote))
    this.dismiss()
    const { maxConnectionAgeGrace } = this.options
    if (maxConnectionAgeGrace !== Infinity) this.age(maxConnectionAgeGrace, () => this.destroy(null))
  }

  age(milliseconds, callback) {
    this.ageTimer = setTimeout(callback, milliseconds).unref()
  }

  /** A client that says goodbye just disconnects. */
  retire() {}

  /** Handles a request. */
  carry(sequence, body, number, flags, amount) {
    const { calls } = this
    if (calls.has(sequence) && (flags & ONE_WAY) === 0) {
      this.abandon(protocol(`Sequence number ${sequence} is in flight already`), Reason.PROTOCOL)
      return
    }
    this.take(sequence, this.methods[number], body, flags, amount)
  }

  /** Handles a request to a method; `named` is undefined for an unknown method. */
  take(sequence, named, body, flags, amount) {
    const { calls, server } = this
    const method = named ?? UNNAMED
    const deadline = (flags & DEADLINE) === 0 ? Infinity : now() + amount
    const call = new ServerCall(this, sequence, method, body, deadline)
    const isKnown = method.handler !== null || server.find(method)
    call.series.started++
    if (publishesCalls(channels.server)) {
      this.publishStart(call)
      // A subscriber may have ended the connection.
      if (!this.open) return this.lose(call, this.reason)
    }
    if (!isKnown) {
      return this.refuse(call, 'unknownMethod', flags, failure(Origin.UNKNOWN_METHOD, Status.UNIMPLEMENTED, '', ''))
    }
    if (calls.size - this.oneWays >= this.maxCalls) {
      this.limitReached('maxCallsPerConnection')
      const why = `${this.maxCalls} calls of this connection are unanswered`
      const wrong = failure(Origin.TOO_MANY_CALLS, Status.RESOURCE_EXHAUSTED, '', why)
      return this.refuse(call, 'maxCallsPerConnection', flags, wrong)
    }
    if (method.handler.shape !== 0 || (flags & ~DEADLINE) !== 0) return this.carryMore(call, flags)
    if (server.busy || this.busy) this.wait(call)
    else this.run(call)
  }

  /** Handles a request with flags, or to a method with streams. */
  carryMore(call, flags) {
    const { handler } = call.entry
    if ((flags & SHAPE) !== handler.shape)
      return this.refuse(call, 'streams', flags, otherStreams(handler.shape, flags))
    if ((flags & METADATA) !== 0) {
      const { end, metadata, above, limit } = decodeMetadata(call.body, this.options)
      if (above !== null) {
        this.limitReached(limit)
        return this.refuse(call, limit, flags, tooMuchMetadata(above))
      }
      call.received = metadata
      call.body = call.body.subarray(end)
    }
    if ((flags & ONE_WAY) !== 0) {
      call.oneWay = true
      call.sequence = this.nextOneWay--
      this.oneWays++
    }
    if (handler.shape !== 0) {
      call.stream = new ServerStream(call, {
        streams: (flags & STREAMS) !== 0,
        takesStream: (flags & TAKES_STREAM) !== 0,
        encode: handler.codec.encodeMessage,
        decode: handler.codec.decodeMessage,
        window: this.options.streamWindow,
      })
      // The call's messages may arrive while the handler is being called.
      this.hold(call)
      // `hold` may have ended the connection.
      if (call.answered) return
    }
    if (this.server.busy || this.busy) this.wait(call)
    else this.run(call)
  }

  /** Queues the call until its handler may run. */
  wait(call) {
    if (call.memory === null) this.hold(call)
    const limit = this.server.reachedLimit ?? (this.hasTooManyStrays ? 'maxStraysPerConnection' : undefined)
    // Otherwise the client does not read its answers, or the limit was already reported.
    if (limit !== undefined) this.limitReached(limit)
    if (this.waiting === NONE_WAITING) this.waiting = new Queue()
    this.waiting.push(call)
    this.server.queue.add(this)
  }

  /** The stream of a call that is not over; undefined for an unknown call. */
  streamOf(sequence) {
    const call = this.calls.get(sequence)
    if (call === undefined || call.stream !== null) return call?.stream
    this.abandon(protocol(`The peer sent a message for call ${sequence}, which has no stream`), Reason.PROTOCOL)
    return undefined
  }

  /**
   * Whether the calls of this connection must wait: the client does not read its answers, has too many strays, or lets
   * too many calls run out of time.
   */
  get busy() {
    return this.out.congested || this.hasTooManyStrays || this.pauseTimer !== null
  }

  get hasTooManyStrays() {
    return this.strays >= this.options.maxStraysPerConnection
  }

  /** Keeps a call that was not answered at once. */
  hold(call) {
    if (this.calls === NO_CALLS) this.calls = new Map()
    this.calls.set(call.sequence, call)
    call.memory = this.keep(call.body.buffer, call.body.length)
    this.server.deadlines.add(call.expires)
    this.regulate()
  }

  run(call) {
    const { server } = this
    call.running = true
    server.running++
    const { handler } = call.entry
    if (handler.isPlain) call.request = call.body
    else if (!this.prepare(call, handler)) return
    if (server.interceptors === null) this.handle(call)
    else this.intercept(call)
    if (call.answered) return
    if (call.memory === null) {
      if (this.open) this.hold(call)
      // The handler, or another answer that it sent, has ended the connection: this call is lost, too.
      else this.lose(call, this.reason)
    }
  }

  /** Decodes the request of a call. Returns false when that fails, which ends the call. */
  prepare(call, { codec, shape }) {
    if ((shape & STREAMS) !== 0) call.request = call.stream
    else if (codec === RAW) call.request = call.body
    else {
      try {
        call.request = codec.decode(call.body)
      } catch (cause) {
        this.refuseMessage(call, cause)
        return false
      }
    }
    return true
  }

  /** Calls the handler within the interceptors. */
  intercept(call) {
    const { interceptors } = this.server
    let isHandled = false
    const handled = () =>
      new Promise((resolve, reject) => {
        if (isHandled) throw new Error(`The handler of "${call.method}" was called already: next() runs it once`)
        isHandled = true
        call.told = (error, reply) => (error ? reject(error) : resolve(reply))
        this.handle(call)
      })
    const ended = (error, reply) => {
      // From here on an answer of the handler is an extra one; for a call that was cut, it says that the handler is
      // done.
      call.told = null
      if (!call.cut || !isHandled) this.answer(call, error, reply)
    }
    through(interceptors, call, handled).then(
      (reply) => {
        if (isHandled || reply !== undefined) ended(null, reply)
        else ended(noAnswer(call.method, reply))
      },
      (error) => ended(error || new Error(`An interceptor threw ${error}`)),
    )
  }

  handle(call) {
    // A generator runs when it is iterated, so its iteration also needs the context.
    if (this.options.propagate) within(call, () => this.callHandler(call))
    else this.callHandler(call)
  }

  callHandler(call) {
    const { handler } = call.entry
    const callback = (error, reply, trailers) => {
      if (!handler.callsBack || call.doubt !== null) this.calledBack(call)
      if (trailers !== undefined) call.trailers = trailers
      this.answer(call, error, reply)
    }
    try {
      const given = handler.shape === 0 ? handler.run(call.request, callback, call) : this.callStreaming(call, callback)
      if ((handler.shape & TAKES_STREAM) !== 0) this.givenStream(call, given)
      else if (given !== undefined) this.given(call, given, callback)
      else if (call.oneWay && !handler.takesCallback && !handler.callsBack) this.answer(call, null, null)
    } catch (error) {
      this.fail(call, error)
    }
    if (!call.answered && call.expires === Infinity && call.stream === null) forgotten.register(callback, call, call)
  }

  /** The handler's arguments depend on whether the server streams. */
  callStreaming(call, callback) {
    const { run, shape } = call.entry.handler
    if ((shape & TAKES_STREAM) !== 0) return run(call.request, call.stream)
    return run(call.request, callback, call.stream)
  }

  /**
   * Handles what the handler of a server stream returned: an iterable provides its messages; with anything else the
   * handler writes and ends them itself.
   */
  givenStream(call, given) {
    const { stream } = call
    if (given === undefined || given === null || given === stream) return
    if (isIterable(given)) {
      pump(given, stream).then(
        () => this.done(call),
        (error) => this.fail(call, error),
      )
    } else if (typeof given.then === 'function') {
      Promise.resolve(given).then(
        (value) => {
          this.givenStream(call, value)
          if (!isIterable(value)) this.done(call)
        },
        (error) => this.fail(call, error),
      )
    }
  }

  /** The handler has returned. If its call ended before, it is no longer a stray. */
  done(call) {
    if (call.stray !== null) this.server.dismissStray(call)
  }

  /** Remembers that this handler calls back. */
  calledBack(call) {
    call.entry.handler.callsBack = true
    const { doubt } = call
    if (doubt?.assumed) {
      doubt.assumed = false
      this.server.handlerFailed(calledBackLate(call.method), call)
    }
  }

  /**
   * Handles what the handler returned: bytes or null are the answer, and a promise will give it. With anything else the
   * callback must bring the answer.
   */
  given(call, given, callback) {
    if (isReply(call, given, false)) this.answer(call, null, given)
    else if (typeof given.then === 'function') this.follow(given, call, callback)
    else this.question(call, given, false)
  }

  follow(promise, call, callback) {
    Promise.resolve(promise).then(
      (reply) => {
        if (isReply(call, reply, true)) this.answer(call, null, reply)
        else this.question(call, reply, true)
        // Referenced up to here: while the promise is pending it may still bring the answer, so the callback must not
        // be collected.
        void callback
      },
      (error) => this.fail(call, error),
    )
  }

  /**
   * The handler returned something that is not an answer, and has not called back. If it is known to call back, wait
   * for that. Otherwise give it a moment to do so.
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

  /** The handler did not call back: what it returned becomes the answer, or an error. */
  conclude(call) {
    if (call.answered) return
    const { given, promised } = call.doubt
    if (given === undefined && promised) {
      call.entry.handler.resolvesEmpty = true
      call.doubt.assumed = true
      this.answer(call, null, null)
    } else this.reject(call, invalidArgType('reply', REPLIES, given))
  }

  /** The handler's callback was garbage-collected, so a call without a deadline can never be answered. */
  forget(call) {
    if (call.answered) return
    if (call.doubt !== null) this.conclude(call)
    else this.reject(call, noAnswer(call.method))
  }

  /** The handler threw or rejected. */
  fail(call, error) {
    // A handler that ends because its call was cut has not failed.
    if (!call.cut || error !== call.reason) this.server.handlerFailed(error, call)
    this.answer(call, error || new Error(`The handler threw ${error}`))
  }

  /** The handler made a mistake: reports it to the caller and to the server. */
  reject(call, mistake) {
    this.server.handlerFailed(mistake, call)
    if (call.answered) this.extra(call)
    else this.answerError(call, mistake)
  }

  /** The request cannot be decoded as a message of the method's type. */
  refuseMessage(call, cause) {
    if (call.answered) return
    const code = 'IRONWIRE_RPC_BAD_MESSAGE'
    const message = `the request cannot be decoded: ${textOf(() => cause.message)}`
    increase(this.server.counts.refusals, 'message')
    if (call.isAwaited) call.tell(new StatusError(Status.INTERNAL, message, { code }))
    else this.end(call, failure(Origin.REFUSED, Status.INTERNAL, code, message), EMPTY)
  }

  /** Handles the handler's answer. Only the first one counts. */
  answer(call, error, reply) {
    if (call.answered) this.extra(call)
    else if (call.told !== null) {
      if (call.isAwaited) call.tell(error, reply)
      else this.extra(call)
    } else if (error) this.answerError(call, error)
    else this.reply(call, reply)
  }

  extra(call) {
    const { server } = this
    if (call.cut) server.stats.lateAnswers++
    else server.stats.extraAnswers++
    if (call.stray !== null) server.dismissStray(call)
  }

  answerError(call, error) {
    const wrong = failureOf(error, call.trailers)
    // Reading the error runs the handler's getters, which may have answered in the meantime.
    if (call.answered) this.extra(call)
    else this.end(call, wrong, EMPTY)
  }

  reply(call, reply) {
    const { codec, shape } = call.entry.handler
    let bytes = EMPTY
    try {
      if (reply !== undefined && reply !== null) bytes = codec === RAW ? bodyOf(reply, 'reply') : codec.encode(reply)
      else if (codec !== RAW && (shape & TAKES_STREAM) === 0 && !call.oneWay) bytes = codec.encode({})
      if (call.trailers !== undefined) call.trailers = encodeMetadata(call.trailers)
    } catch (mistake) {
      call.trailers = undefined
      return this.reject(call, mistake)
    }
    // A quick check that suffices for replies without metadata.
    const fits = call.trailers === undefined && REPLY_HEAD + bytes.length <= this.peerMaxFrame
    this.end(call, fits ? null : this.tooLarge(call, bytes), bytes)
  }

  /** The failure for a reply above the caller's limit; null when it fits. */
  tooLarge(call, bytes) {
    if (call.oneWay) return null
    const metadata = this.trailersOf(call)
    const length = REPLY_HEAD + bytes.length + (metadata === null ? 0 : metadata.length)
    if (length <= this.peerMaxFrame) return null
    return failure(Origin.REPLY_TOO_LARGE, Status.RESOURCE_EXHAUSTED, '', this.replyTooLarge(bytes.length))
  }

  /** The metadata of the answer; null if there is none or the client speaks version 1. */
  trailersOf({ trailers }) {
    return trailers === undefined || this.version < FULL_VERSION ? null : trailers
  }

  /** Ends a call with a reply, or with the failure `wrong`. */
  end(call, wrong, bytes) {
    // If the handler has ended the connection, its answer reaches nobody.
    const succeeds = this.open || call.oneWay ? Status.OK : Status.CANCELLED
    const status = wrong === null ? succeeds : wrong.status
    const isFirst = !call.answered
    this.settle(call)
    try {
      this.send(call, wrong, bytes)
    } catch {
      // The stack is exhausted: nothing was sent. There is room in the next tick.
      process.nextTick(() => this.send(call, wrong, bytes))
    }
    if (isFirst) this.count(call, status, wrong)
  }

  send(call, wrong, bytes) {
    if (!this.open || call.oneWay) return
    const { sequence } = call
    const metadata = this.trailersOf(call)
    if (wrong !== null) this.sendFailure(sequence, wrong)
    else if (metadata === null) this.out.plain(Kind.REPLY, sequence, bytes)
    else this.out.replyWithMetadata(sequence, metadata, bytes)
    if (this.out.congested) this.regulate()
  }

  replyTooLarge(size) {
    this.limitReached('maxFrameBytes', this.peerMaxFrame)
    return `a reply of ${size} bytes is above the caller's limit of ${this.peerMaxFrame}`
  }

  /** In version 1 a failure has an origin but no status. */
  sendFailure(sequence, { origin, status, code, message, metadata, details }) {
    const isFull = this.version >= FULL_VERSION
    const wrong = {
      status: isFull ? (status << 8) | origin : origin,
      code,
      message,
      metadata: isFull ? metadata : null,
      details: isFull ? details : null,
    }
    this.out.error(sequence, wrong, this.peerMaxFrame)
  }

  /**
   * The call is over, answered or not. Its place becomes free, unless its handler still runs. A call that was answered
   * at once, as most are, has nothing else to clean up. If the stack is exhausted, the rest is done in the next tick.
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
    if (call.stream !== null) this.finishStream(call)
    if (call.oneWay) this.oneWays--
    if (!held && server.queue.size === 0) return
    try {
      this.relieve(call)
    } catch {
      process.nextTick(() => this.relieve(call))
    }
  }

  /** No more messages of the call are sent or received. */
  finishStream({ stream, cut }) {
    stream.finished()
    if (!cut) stream.close()
  }

  /** Releases what an ended call holds. May be called twice. */
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

  /** Ends a call whose caller no longer waits. The answer tells the client that the sequence number is free. */
  cut(call, origin, status, reason) {
    call.cut = true
    this.end(call, failure(origin, status, '', ''), EMPTY)
    call.abort(reason)
  }

  /** Ends a call that no handler gets. `reason` is counted. */
  refuse(call, reason, flags, wrong) {
    increase(this.server.counts.refusals, reason)
    call.answered = true
    if ((flags & ONE_WAY) === 0) this.sendFailure(call.sequence, wrong)
    this.count(call, wrong.status, wrong)
  }

  // ---- counters and published events

  publishStart(call) {
    const { server, remote } = this
    call.message = new CallMessage({ server, peer: remote }, call.method)
    callStart.publish(call.message)
  }

  /** Counts and publishes the end of the call. Called once per call. */
  count(call, status, wrong) {
    const { message } = call
    try {
      ended(call.series, call.began, status)
    } catch {
      // The stack is exhausted, as in `end`.
      process.nextTick(() => ended(call.series, call.began, status))
    }
    if (message !== null) message.end(callEnd, status, { code: wrong?.code || undefined })
  }

  limitReached(limit, value = this.options[limit]) {
    const { server, remote } = this
    server.limits.reached(limit, value, () => textOfPeer(remote), { server, peer: remote })
  }

  // ---- frames about calls

  frame(kind, sequence, number, body) {
    if (kind === Kind.METHOD) return this.declare(number, body)
    const call = this.calls.get(sequence)
    if (call === undefined) return
    if (kind === Kind.CANCEL) {
      if (!this.mayCancel()) return
      const reason = new StatusError(Status.CANCELLED, 'The caller cancelled the call')
      this.cut(call, Origin.CANCELLED, Status.CANCELLED, reason)
    } else this.endOfStream(call)
  }

  /** Whether the client may cancel another call. Drops a connection that starts calls only to cancel them. */
  mayCancel() {
    this.cancels ??= new Allowance(this.options.maxCancelsPerSecond)
    if (this.cancels.take()) return true
    this.server.stats.cancelFloods++
    this.limitReached('maxCancelsPerSecond')
    const { perSecond } = this.cancels
    this.abandon(protocol(`The peer cancelled more than ${perSecond} calls within a second`), Reason.TOO_FAST)
    return false
  }

  /**
   * A call ran out of time after its handler was called. This costs the client as little as cancelling does, but it
   * also happens to honest clients when something is slow. So the connection is not dropped; its further calls only
   * wait for a while.
   */
  overrun() {
    this.overruns ??= new Allowance(this.options.maxTimeoutsPerSecond)
    if (this.overruns.take() || this.pauseTimer !== null) return
    this.server.stats.timeoutFloods++
    this.limitReached('maxTimeoutsPerSecond')
    this.pause()
  }

  pause() {
    this.pauseTimer = setTimeout(() => {
      this.pauseTimer = null
      // More calls may have run out of time since.
      const { pause } = this.overruns
      if (pause > 0) this.pause()
      else if (this.server.queue.size > 0) this.server.runLater()
    }, this.overruns.pause).unref()
  }

  endOfStream({ stream, sequence }) {
    if (stream !== null && !stream.inputEnded) stream.endInput(null)
    else this.abandon(protocol(`The peer ended the stream of call ${sequence}, which has none`), Reason.PROTOCOL)
  }

  /** The client announces a method name for `number`. Numbers must come in order, so that the table has no holes. */
  declare(number, name) {
    if (number !== this.methods.length) {
      return this.abandon(
        protocol(`The peer named method number ${number}, but ${this.methods.length} is next`),
        Reason.PROTOCOL,
      )
    }
    // A name must be valid UTF-8. Otherwise replacement characters could make two names equal.
    const mayBe = number < this.options.maxMethods
    if (!mayBe) this.limitReached('maxMethods')
    const known = mayBe && isUtf8(name)
    const method = known ? this.server.methodOf(name.toString()) : undefined
    if (number < FEW_METHODS) this.methods = this.methods.concat(method)
    else this.methods.push(method)
  }

  overdue(call) {
    this.server.stats.timeouts++
    if (call.running) this.overrun()
    if (call.doubt !== null) this.server.handlerFailed(noAnswer(call.method, call.doubt.given), call)
    const reason = new StatusError(Status.DEADLINE_EXCEEDED, 'The call is past its deadline')
    this.cut(call, Origin.DEADLINE, Status.DEADLINE_EXCEEDED, reason)
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
      this.limitReached('maxOutgoingBytes')
      this.abandon(error, Reason.SLOW_READER)
      return
    }
    if (!this.paused && this.oneWays > this.maxCalls) this.limitReached('maxCallsPerConnection')
    super.regulate()
  }

  /**
   * Reading stops while answers are not read, or too much is pending. One-way calls are counted too, as they may have
   * no body and get no answer.
   */
  get full() {
    return this.out.congested || super.full || this.oneWays > this.maxCalls
  }

  relieved() {
    this.regulate()
    this.server.runLater()
  }

  settled() {
    if (this.out.congested) this.regulate()
  }

  /**
   * While reading is paused, a live peer cannot be heard. But if answers are queued, progress in reading them shows
   * that it is alive.
   */
  excused() {
    if (!this.paused) return false
    if (!this.out.congested) return true
    const before = this.taken
    this.taken = this.out.accepted
    return this.taken > before
  }

  // ---- the end

  /** The server closes: asks the client to leave, which it does when everything in flight is answered. */
  dismiss() {
    // No call can be in flight before the TLS handshake is done.
    if (this.out === null) return this.destroy(null)
    this.out.goaway(Reason.SHUTDOWN, '')
    // A client whose handshake is under way may have read our preface and made calls. A peer that never introduces
    // itself gets less time.
    if (this.peerMaxFrame === 0) {
      this.watch(Math.min(this.options.handshakeTimeout, INTRODUCTION), () => this.destroy(null))
    }
  }

  ended(error) {
    clearTimeout(this.ageTimer)
    clearTimeout(this.pauseTimer)
    this.tally(this.server.counts)
    for (const call of this.calls.values()) this.lose(call, error)
    this.server.sessionEnded(this, error)
    this.leaveListener()
  }

  /** Gives the connection's place at its listener back. */
  leaveListener() {
    this.server.acceptor.released()
  }

  /** Ends a call whose connection is gone. */
  lose(call, error) {
    const isFirst = !call.answered
    call.cut = true
    this.settle(call)
    if (isFirst) this.count(call, Status.CANCELLED, null)
    call.abort(error ?? new StatusError(Status.CANCELLED, 'The caller is gone'))
  }
}

/** Defaults of fields that few connections have, on the prototype to save memory. */
Object.assign(Session.prototype, {
  /**
   * The number of one-way calls among `calls`. They have no sequence number, so they get negative keys, which no
   * request can have.
   */
  oneWays: 0,
  nextOneWay: -1,
  /** The number of handlers that still run although their call has ended. */
  strays: 0,
  /** The allowances for cancelled calls and for calls that time out while running, created at the first one. */
  cancels: null,
  overruns: null,
  /** Runs while the allowance for timeouts is used up. */
  pauseTimer: null,
  /** The number of bytes that the kernel had taken when last checked. */
  taken: 0,
  ageTimer: null,
})

/**
 * Whether a handler's return value is a reply: bytes, null for an empty reply, or any object for a typed method. An
 * object that a handler returns although it calls back (a timer, a query) is not a reply.
 */
function isReply({ entry: { handler } }, given, promised) {
  if (given === null || isUint8Array(given)) return true
  if (handler.codec === RAW || typeof given !== 'object' || typeof given.then === 'function') return false
  return promised || !(handler.takesCallback || handler.callsBack)
}

module.exports = { Session }
