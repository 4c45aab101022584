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
const { channels, CallMessage } = require('./channels')
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
/** What stands for a method that the client may not, or has not, given a number. */
const UNNAMED = { name: undefined, handler: null }

const { DEADLINE, METADATA, STREAMS, TAKES_STREAM, ONE_WAY } = Flag

/**
 * How long a handler that gave no answer has to call back, in milliseconds, before what it gave counts: only as long as it is not
 * known whether it calls back at all. Longer than the start of anything takes, shorter than anybody waits.
 */
const DOUBT = 500

/** How long a closing server waits for the preface of who has connected, in milliseconds: that leaves at once, and has been under way since. */
const INTRODUCTION = 1000

/** Tells of handlers that let go of their callback without an answer: only used where no deadline would end the call. */
const forgotten = new FinalizationRegistry((call) => call.session.forget(call))

// In the place of what most connections never have, as in peer.js.
const NO_CALLS = new Map()
const NONE_WAITING = new Queue()

/** Tables up to this size have no room to spare, which would be more than they are. */
const FEW_METHODS = 4

class Session extends Peer {
  constructor(server, wire) {
    super(server.options, server.watches, server.options.maxCallsPerConnection)
    this.server = server
    /** Where the client is, as the wire says it, or `remote` once somebody has asked for that. */
    this.place = wire.place
    /** What each method number of this connection stands for: `{ name, handler }`, as the server gives it. */
    this.methods = []
    /** Unanswered requests by sequence number, other than one that is being handled right now. */
    this.calls = NO_CALLS
    /** Those of them whose handler has not been called yet. */
    this.waiting = NONE_WAITING
    if (server.options.secret !== null) this.handshake = new ServerHandshake(server.options.secret)
    if (server.options.tls === null) this.attach(wire)
    else this.secure(wire)
  }

  // ---- TLS, where the server has that

  /** There is TLS, and nothing was said yet. A client that may not come in is told why. */
  encrypted(peer) {
    this.noteTls()
    this.attach(this.wire)
    const why = this.wire.tls.refusal(peer)
    if (why !== undefined) this.refuseClient(why)
  }

  /** Who looks at where the client is sees what TLS says of it. */
  noteTls() {
    const tls = this.wire?.tlsPeer
    if (tls && typeof this.place === 'object') this.place.tls = tls
  }

  /** What the connection ends with when TLS fails because of `cause`. */
  insecure(cause) {
    this.server.stats.tlsFailures++
    return tlsFailed(`TLS with the client failed: ${cause.message}`, cause)
  }

  /** The client speaks rpc without TLS: it can be told. */
  plain() {
    this.attach(this.wire)
    this.server.stats.tlsFailures++
    super.abandon(
      unauthenticated("This server accepts only TLS: give the client the option 'tls'"),
      Reason.UNAUTHENTICATED,
    )
  }

  /** Where the client is: `{ address, family, port }`, or an empty object on a pipe. */
  get remote() {
    if (typeof this.place !== 'object') {
      this.place = remoteOf(this.place)
      this.noteTls()
    }
    return this.place
  }

  /** The client's preface. With a secret, what it says counts once the client has proven that it knows it. */
  meet(preface) {
    if (this.handshake === null) return this.welcome(preface)
    if (!announcesSecret(preface))
      return this.refuseClient("This server requires a secret: give the client the option 'secret'")
    this.out.auth(this.handshake.challenge())
    this.expect('The client did not prove that it knows the secret')
  }

  /** The client's nonce and proof. */
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

  /** The connection has lasted long enough: the client is to make another, and to leave once the calls of this one have ended. */
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

  /** A client that takes its leave just goes. */
  retire() {}

  /** A request. */
  carry(sequence, body, number, flags, amount) {
    const { calls } = this
    if (calls.has(sequence) && (flags & ONE_WAY) === 0) {
      this.abandon(protocol(`Sequence number ${sequence} is in flight already`), Reason.PROTOCOL)
      return
    }
    this.take(sequence, this.methods[number], body, flags, amount)
  }

  /** A request to a method, undefined for one that has no name here. */
  take(sequence, named, body, flags, amount) {
    const { calls, server } = this
    const method = named ?? UNNAMED
    const deadline = (flags & DEADLINE) === 0 ? Infinity : now() + amount
    const call = new ServerCall(this, sequence, method, body, deadline)
    const isKnown = method.handler !== null || server.find(method)
    call.series.started++
    if (callStart.hasSubscribers) {
      this.publishStart(call)
      // Whoever heard of it may have ended the connection.
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

  /** A request that is more than a body, or a method that takes more. */
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
      // Its messages may come while the handler is called.
      this.hold(call)
      // Holding it may have ended the connection.
      if (call.answered) return
    }
    if (this.server.busy || this.busy) this.wait(call)
    else this.run(call)
  }

  /** The call's handler gets its turn later. */
  wait(call) {
    if (call.memory === null) this.hold(call)
    const limit = this.server.reachedLimit ?? (this.hasTooManyStrays ? 'maxStraysPerConnection' : undefined)
    // Otherwise its answers are not read, or it has been told that its calls wait.
    if (limit !== undefined) this.limitReached(limit)
    if (this.waiting === NONE_WAITING) this.waiting = new Queue()
    this.waiting.push(call)
    this.server.queue.add(this)
  }

  /** The stream of a call that is not over. */
  streamOf(sequence) {
    const call = this.calls.get(sequence)
    if (call === undefined || call.stream !== null) return call?.stream
    this.abandon(protocol(`The peer sent a message for call ${sequence}, which has no stream`), Reason.PROTOCOL)
    return undefined
  }

  /** Whether this connection's calls wait: it does not read its answers, has left too many handlers at work behind, or lets too many calls run out of time. */
  get busy() {
    return this.out.congested || this.hasTooManyStrays || this.pauseTimer !== null
  }

  get hasTooManyStrays() {
    return this.strays >= this.options.maxStraysPerConnection
  }

  /** Keeps a call that is not answered on the spot. */
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
      // The handler, or what it answered to others, has ended the connection: nobody waits for this answer either.
      else this.lose(call, this.reason)
    }
  }

  /** Makes the request of a call that has more than bytes; false when that ends it. */
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
      // From here on answers are the handler's second; of a call that was cut, they tell that it is done.
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
    // Generators run when they are iterated, so that belongs to it.
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

  /** Whether there is a stream of the handler's decides what it is given. */
  callStreaming(call, callback) {
    const { run, shape } = call.entry.handler
    if ((shape & TAKES_STREAM) !== 0) return run(call.request, call.stream)
    return run(call.request, callback, call.stream)
  }

  /** What the handler of a stream returned: what can be iterated is its messages; anything else leaves it to write and end them. */
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

  /** The handler has returned: if its call ended before, it is no stray any more. */
  done(call) {
    if (call.stray !== null) this.server.dismissStray(call)
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
    if (isReply(call, given, false)) this.answer(call, null, given)
    else if (typeof given.then === 'function') this.follow(given, call, callback)
    else this.question(call, given, false)
  }

  follow(promise, call, callback) {
    Promise.resolve(promise).then(
      (reply) => {
        if (isReply(call, reply, true)) this.answer(call, null, reply)
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
      this.answer(call, null, null)
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
    // One that ends because its call did has not failed.
    if (!call.cut || error !== call.reason) this.server.handlerFailed(error, call)
    this.answer(call, error || new Error(`The handler threw ${error}`))
  }

  /** The handler made a mistake, of which the caller and the server are told. */
  reject(call, mistake) {
    this.server.handlerFailed(mistake, call)
    if (call.answered) this.extra(call)
    else this.answerError(call, mistake)
  }

  /** What the caller sent is no message of the method's type. */
  refuseMessage(call, cause) {
    if (call.answered) return
    const code = 'IRONWIRE_RPC_BAD_MESSAGE'
    const message = `the request cannot be decoded: ${textOf(() => cause.message)}`
    increase(this.server.counts.refusals, 'message')
    if (call.isAwaited) call.tell(new StatusError(Status.INTERNAL, message, { code }))
    else this.end(call, failure(Origin.REFUSED, Status.INTERNAL, code, message), EMPTY)
  }

  /** The handler's answer, of which only the first counts. */
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
    // Getters of the error are the handler's code too, and may have answered meanwhile.
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
    // What has no metadata is seen at a glance.
    const fits = call.trailers === undefined && REPLY_HEAD + bytes.length <= this.peerMaxFrame
    this.end(call, fits ? null : this.tooLarge(call, bytes), bytes)
  }

  /** What is wrong with a reply that the caller does not take; null when it does. */
  tooLarge(call, bytes) {
    if (call.oneWay) return null
    const metadata = this.trailersOf(call)
    const length = REPLY_HEAD + bytes.length + (metadata === null ? 0 : metadata.length)
    if (length <= this.peerMaxFrame) return null
    return failure(Origin.REPLY_TOO_LARGE, Status.RESOURCE_EXHAUSTED, '', this.replyTooLarge(bytes.length))
  }

  /** The metadata of the answer, as far as the client understands any. */
  trailersOf({ trailers }) {
    return trailers === undefined || this.version < FULL_VERSION ? null : trailers
  }

  /** Ends a call with a reply, or with a failure. */
  end(call, wrong, bytes) {
    // The answer of a handler that has ended its connection reaches nobody.
    const succeeds = this.open || call.oneWay ? Status.OK : Status.CANCELLED
    const status = wrong === null ? succeeds : wrong.status
    const isFirst = !call.answered
    this.settle(call)
    try {
      this.send(call, wrong, bytes)
    } catch {
      // Answered at the end of the stack: nothing is sent yet, and there is room later.
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

  /** Version 1 has nothing but the origin of a failure. */
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
    if (call.stream !== null) this.finishStream(call)
    if (call.oneWay) this.oneWays--
    if (!held && server.queue.size === 0) return
    try {
      this.relieve(call)
    } catch {
      process.nextTick(() => this.relieve(call))
    }
  }

  /** No message of the call goes either way any more. */
  finishStream({ stream, cut }) {
    stream.finished()
    if (!cut) stream.close()
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
  cut(call, origin, status, reason) {
    call.cut = true
    this.end(call, failure(origin, status, '', ''), EMPTY)
    call.abort(reason)
  }

  /** Ends a call that no handler gets, for a `reason` that is counted. */
  refuse(call, reason, flags, wrong) {
    increase(this.server.counts.refusals, reason)
    call.answered = true
    if ((flags & ONE_WAY) === 0) this.sendFailure(call.sequence, wrong)
    this.count(call, wrong.status, wrong)
  }

  // ---- what is told of it

  publishStart(call) {
    const { server, remote } = this
    call.message = new CallMessage({ server, peer: remote }, call.method)
    callStart.publish(call.message)
  }

  /** The call has ended, which comes once. */
  count(call, status, wrong) {
    const { message } = call
    try {
      ended(call.series, call.began, status)
    } catch {
      // As with what is sent.
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

  /** Whoever has calls started only to cancel them is dropped. */
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
   * A handler was called for nothing: its call ran out of time. That costs the client as little as to cancel it, but honest ones see it too, many at once
   * when something is slow. So the connection's further calls only wait a while.
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
      // More may have run out of time since.
      const { pause } = this.overruns
      if (pause > 0) this.pause()
      else if (this.server.queue.size > 0) this.server.runLater()
    }, this.overruns.pause).unref()
  }

  endOfStream({ stream, sequence }) {
    if (stream !== null && !stream.inputEnded) stream.endInput(null)
    else this.abandon(protocol(`The peer ended the stream of call ${sequence}, which has none`), Reason.PROTOCOL)
  }

  /** The client calls a method by `number` from here on. Numbers come in order, so that the table has no holes. */
  declare(number, name) {
    if (number !== this.methods.length) {
      return this.abandon(
        protocol(`The peer named method number ${number}, but ${this.methods.length} is next`),
        Reason.PROTOCOL,
      )
    }
    // What is no text is no name: two of them must not become one by replacement characters.
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

  /** Answers are not read, or too much waits, which may take no bytes where nobody is answered. */
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
    // No call can be under way before there is TLS.
    if (this.out === null) return this.destroy(null)
    this.out.goaway(Reason.SHUTDOWN, '')
    // A client whose introduction is under way may have read ours, and call. Whoever is no client at all is not waited for as long.
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

  /** The place that the connection had among those of its listener is free. */
  leaveListener() {
    this.server.acceptor.released()
  }

  /** A call's connection is gone, and its caller with it. */
  lose(call, error) {
    const isFirst = !call.answered
    call.cut = true
    this.settle(call)
    if (isFirst) this.count(call, Status.CANCELLED, null)
    call.abort(error ?? new StatusError(Status.CANCELLED, 'The caller is gone'))
  }
}

/** What few connections have. */
Object.assign(Session.prototype, {
  /** One-way calls among those. They have no number, so they get one that no request can have. */
  oneWays: 0,
  nextOneWay: -1,
  /** Handlers still at work for calls that have ended without them. */
  strays: 0,
  /** Calls that may still be cancelled, and that may still run out of time at work, once any has been. */
  cancels: null,
  overruns: null,
  /** Runs while there are none of these left. */
  pauseTimer: null,
  /** Bytes that the kernel had taken when last looked at. */
  taken: 0,
  ageTimer: null,
})

/**
 * Whether what a handler gave is a reply: bytes, null for an empty one, or where they are typed a message, which may be any object. But objects
 * that are returned beside a callback (a timer, a query) are none.
 */
function isReply({ entry: { handler } }, given, promised) {
  if (given === null || isUint8Array(given)) return true
  if (handler.codec === RAW || typeof given !== 'object' || typeof given.then === 'function') return false
  return promised || !(handler.takesCallback || handler.callsBack)
}

module.exports = { Session }
