'use strict'

// The rpc client: makes calls, queues, retries and counts them. Its endpoint (endpoint.js) keeps the connection, and links
// (link.js) carry the calls. `BalancedClient` (balanced.js) extends it to several addresses, `UdpClient` (udp/) to UDP.

const process = require('node:process')
const { EventEmitter } = require('node:events')
const { isDate } = require('node:util/types')
const { invalidArgType, invalidArgValue } = require('../errors')
const { refuseUnknown } = require('../options')
const { clientOptions, streamOptions, duration, flag, checkObject } = require('./options')
const { directTarget, textOfTarget } = require('./target')
const { Kept, Budget } = require('./again')
const { Call, Method } = require('./calls')
const { Deadlines } = require('./deadlines')
const { Endpoint } = require('./endpoint')
const { Waiting } = require('./waiting')
const { moment, now } = require('./tick')
const { RAW } = require('./codecs')
const { ClientStream } = require('./client-stream')
const { pump, isIterable } = require('./stream')
const { Metadata, encodeMetadata } = require('./metadata')
const { ServerCall } = require('./server-call')
const { serviceClient, shapeOf } = require('./service')
const { added, through } = require('./interceptors')
const { current } = require('./context')
const { Flag } = require('./protocol')
const { channels, publishesCalls } = require('./channels')
const { OF_CALLS, UNCOUNTED, countsOf } = require('./counts')
const { Limits } = require('./limits')
const { headroom } = require('./outgoing')
const errors = require('./errors')

const { connectionOpen, connectionClose } = channels.client

/** Counters other than those of calls. */
const NUMBERS = {
  oneWay: 0,
  retries: 0,
  timeouts: 0,
  lateAnswers: 0,
  unknownAnswers: 0,
  queued: 0,
  connections: 0,
  connectionsClosed: 0,
  connectionsLost: 0,
  connectionsFailed: 0,
}

/** Counters that are computed from the counts of calls. */
const DERIVED = {
  ...OF_CALLS,
  replies: (counts) => counts.sum('succeeded') - counts.numbers.oneWay,
  errors: (counts) => counts.sum('failed'),
}

const STREAM_OPTIONS = ['timeout', 'deadline', 'signal', 'metadata', 'parent']
const CALL_OPTIONS = [...STREAM_OPTIONS, 'oneWay', 'idempotent', 'hedge']

/** A connection to one server, which is re-established when it is lost, and the calls made over it. */
class Client extends EventEmitter {
  constructor(target, options = {}) {
    super()
    this.target = this.readTarget(target)
    this.options = clientOptions(options)
    if (options.udp !== undefined && !this.overUdp) {
      throw invalidArgValue('options.udp', options.udp, "is for a client of 'udp://host:port' only")
    }
    this.counts = countsOf('client', this, NUMBERS, DERIVED)
    /** What users see as `stats`: a function with the plain numbers as properties. */
    this.stats = this.counts.numbers
    this.limits = new Limits('client', this.counts)
    /** The link that new calls are sent on; null while there is none. */
    this.link = null
    /** All links that have not ended: one that is connecting or in use, and retiring ones. */
    this.links = new Set()
    /** The timeouts of these links (watch.js). */
    this.watches = new Map()
    this.waiting = new Waiting(this.options, {
      onAborted: (callback, error) => {
        this.fail(callback, error)
        if (this.closing) this.rest()
      },
      onFull: (limit, value) => this.limitReached(limit, value),
    })
    this.deadlines = new Deadlines((time) => this.expire(time))
    /** Each method called so far by name, and the last one. */
    this.methods = new Map()
    this.lastMethod = null
    /** Null until the first interceptor is added. */
    this.interceptors = null
    this.closing = false
    this.closed = false
    /** Whether the client closed because it could not reach a server. */
    this.gaveUp = false
    this.refed = true
    /** Why there is no connection. */
    this.lastError = null
    this.budget = new Budget(this.options.retry, this.options.maxInFlight)
    this.begin()
  }

  /** Reads a target that is a single place. */
  readTarget(target) {
    return directTarget(target, 'target')
  }

  /** Whether calls are sent as UDP datagrams. */
  get overUdp() {
    return false
  }

  /** Starts to connect. */
  begin() {
    this.endpoint = new Endpoint(this, this.target)
    this.endpoint.attempt()
  }

  /** Whether calls can be sent right now. */
  get connected() {
    return this.link !== null
  }

  /** The number of calls that have not ended, on a connection or waiting for one. */
  get pending() {
    let count = this.waiting.length
    for (const link of this.links) count += link.calls.pending
    return count
  }

  // ---- calls

  call(method, body, options, callback) {
    return this.unary(method, body, options, callback, RAW)
  }

  /** Calls a method that streams. By default only the server streams; `options` say otherwise. */
  stream(method, request, options, callback) {
    if (typeof options === 'function') {
      callback = options
      options = undefined
    }
    const { clientStreaming, serverStreaming, ...rest } = options === undefined ? {} : checkObject(options)
    const kinds = streamOptions({ clientStreaming, serverStreaming: serverStreaming ?? true })
    const shape = shapeOf(kinds)
    if (shape === 0) throw invalidArgValue('options', options, 'must have a stream in at least one direction')
    return this.open(method, request, rest, callback, RAW, shape)
  }

  /** Returns an object with one function for each method of the schema's service. */
  service(service) {
    return serviceClient(this, service)
  }

  /** Calls `interceptor(call, next)` around each call. The interceptor added first is the outermost. */
  use(interceptor) {
    this.interceptors = added(this.interceptors, interceptor)
    return this
  }

  /**
   * Makes several calls at once, each given as `[method, request, options]`, where the method is a name or a function
   * of a service. Calls back with the replies in the order of the calls, or with the first error, which cancels the
   * other calls.
   */
  all(calls, callback) {
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.all(calls, (error, replies) => (error ? reject(error) : resolve(replies)))
      })
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (!isIterable(calls)) throw invalidArgType('calls', 'an Array of calls', calls)
    const list = [...calls]
    const replies = new Array(list.length)
    const made = []
    let left = list.length
    if (left === 0) process.nextTick(callback, null, replies)
    const cancel = () => {
      for (const call of made) call.cancel()
    }
    try {
      for (const [i, given] of list.entries()) {
        if (!Array.isArray(given)) throw invalidArgType(`calls[${i}]`, 'an Array of method, request and options', given)
        const [method, request, options] = given
        const one = (error, reply) => {
          if (left === 0) return
          replies[i] = reply
          left = error ? 0 : left - 1
          if (error) cancel()
          if (left === 0) callback(error, error ? undefined : replies)
        }
        made.push(
          typeof method === 'function' ? method(request, options, one) : this.call(method, request, options, one),
        )
      }
    } catch (error) {
      left = 0
      cancel()
      throw error
    }
  }

  unary(method, request, options, callback, codec) {
    if (typeof request === 'function' && options === undefined) {
      callback = request
      request = undefined
    } else if (typeof options === 'function') {
      callback = options
      options = undefined
    }
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.start(method, request, options, (error, reply) => (error ? reject(error) : resolve(reply)), codec)
      })
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    return this.start(method, request, options, callback, codec)
  }

  start(method, request, options, callback, codec) {
    const entry = this.counted(method)
    const body = this.interceptors === null ? codec.encode(request) : null
    const call = this.make(entry, body, options, callback, this.options.timeout, CALL_OPTIONS)
    if (codec.decode !== null) call.decode = codec.decode
    if (this.interceptors === null) return this.launch(call)
    return this.intercept(call, request, options, codec, callback)
  }

  /** Makes a call with a stream. If `request` is iterable, its items are written to the stream. */
  open(method, request, options, callback, codec, shape) {
    if (typeof options === 'function') {
      callback = options
      options = undefined
    }
    const entry = this.counted(method)
    const streams = (shape & Flag.STREAMS) !== 0
    const takesStream = (shape & Flag.TAKES_STREAM) !== 0
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (callback !== undefined && takesStream) {
      throw invalidArgValue('callback', callback, `must be left out: "${method}" answers with a stream`)
    }
    if (streams && request !== undefined && request !== null && !isIterable(request)) {
      throw invalidArgType('request', 'an iterable of messages', request)
    }
    const intercepted = this.interceptors !== null
    const body = streams || intercepted ? RAW.encode(null) : codec.encode(request)
    // The client's default timeout does not apply: a stream may live for long.
    const call = this.make(entry, body, options, null, Infinity, STREAM_OPTIONS)
    call.flags |= shape
    call.decode = takesStream ? null : codec.decode
    const { encodeMessage: encode, decodeMessage: decode } = codec
    const stream = new ClientStream(call, { encode, decode, window: this.options.streamWindow, callback })
    call.stream = stream
    call.callback = (error, reply, trailers) => stream.conclude(error, reply, trailers)
    if (intercepted) this.intercept(call, request, options, streams ? null : codec, call.callback)
    else this.launch(call)
    if (!streams || request === undefined || request === null) return stream
    pump(request, stream).catch((error) => stream.fail(error))
    return takesStream || callback !== undefined ? stream : stream.reply
  }

  /** The Method of a name. Usually it is the one of the last call. */
  named(name) {
    const { lastMethod } = this
    if (lastMethod !== null && lastMethod.name === name) return lastMethod
    let method = this.methods.get(name)
    if (method === undefined) {
      method = new Method(name, this.methods.size)
      this.methods.set(name, method)
    }
    this.lastMethod = method
    return method
  }

  /** The same for a method that a user calls: it gets a counter series. */
  counted(name) {
    const method = this.named(name)
    if (method.series === UNCOUNTED) method.series = this.counts.series(name)
    return method
  }

  make(entry, body, options, callback, timeout, known) {
    let signal
    let kept = null
    let parent = current()
    let metadata
    let flags = 0
    if (options !== undefined && options !== null) {
      refuseUnknown(checkObject(options), known)
      timeout = timeoutOf(options, timeout)
      signal = signalOf(options)
      metadata = options.metadata
      if (options.parent !== undefined) parent = parentOf(options)
      if (flag(options, 'oneWay', false)) flags = Flag.ONE_WAY
      if (flag(options, 'idempotent', false)) kept = new Kept(hedgeOf(options))
      else if (options.hedge !== undefined) throw notTwice(options.hedge)
    }
    if (parent !== undefined) timeout = Math.min(timeout, parent.remaining)
    const call = new Call(entry, body, timeout, callback, entry.series)
    if (options !== undefined || parent !== undefined) {
      call.signal = signal
      call.parent = parent
      call.watches = signal !== undefined || parent !== undefined
      call.flags = flags
      call.kept = kept
      call.addMetadata(encodeMetadata(metadata))
    }
    return call
  }

  launch(call) {
    const { series } = call
    if (call.kept !== null) {
      call.kept.keep(call.body)
      this.hedge(call)
    }
    // Check for stack space first, so that the steps below happen either all or not at all.
    const isHeard = publishesCalls(channels.client)
    if (isHeard) headroom()
    const error = this.dispatch(call)
    if (error !== undefined) headroom()
    series.started++
    if (isHeard) call.publish(this)
    if (error !== undefined) this.failCall(call, error)
    return call
  }

  /** Runs the call within the interceptors, which may repeat it. */
  intercept(call, request, options, codec, callback) {
    const context = new ClientCall(call, request, options)
    const go = () =>
      new Promise((resolve, reject) => {
        const { made } = context
        if (context.cancelled) throw errors.aborted(call.method, made !== null, context.reason)
        // A call with a stream can be made only once.
        if (made !== null && call.stream !== null) {
          throw new Error(`The call of "${call.method}" was made already: a call with a stream can be made only once`)
        }
        const next = made === null ? call : this.make(call.entry, null, options, null, Infinity, CALL_OPTIONS)
        // All attempts share the time of one call.
        next.timeout = call.timeout
        next.deadline = call.deadline
        next.decode = call.decode
        next.addMetadata(encodeMetadata(context.metadata))
        if (codec !== null) next.body = codec.encode(context.request)
        next.callback = (error, reply, trailers) => {
          context.trailers = trailers
          if (error) reject(error)
          else resolve(reply)
        }
        context.made = next
        next.began = moment()
        this.launch(next)
      })
    // Set this before `launch`, which may happen at once: `launch` sets another owner.
    call.owner = context
    // Call back outside the promise, so that an error thrown in the callback does not become a rejection.
    through(this.interceptors, context, go).then(
      (reply) => process.nextTick(callback, null, reply, context.trailers),
      (error) => process.nextTick(callback, error || new Error(`An interceptor threw ${error}`)),
    )
    return context
  }

  /** Completes a one-way call: it is done once it is written. */
  sentOneWay(call) {
    const { callback } = call
    call.callback = null
    this.stats.oneWay++
    // In the next tick, because the start of the call must be counted before its end.
    process.nextTick(() => {
      call.count(null, call.owner)
      callback(null)
    })
  }

  failCall(call, error) {
    this.fail(call.end(error), error)
  }

  /** A client with one address cannot hedge: a second request would wait where the first one does. */
  hedge(_call) {}

  /**
   * Calls back with an error in the next tick: never inside the call that caused it, and an error thrown in the
   * callback does not affect other calls.
   */
  fail(callback, error) {
    process.nextTick(callback, error)
  }

  /** Sends the call or queues it. Returns an error when neither is possible. */
  dispatch(call) {
    const { method, timeout, signal, parent } = call
    if (signal?.aborted || parent?.cut) return errors.aborted(method, false, call.abortReason)
    if (timeout <= 0) {
      this.stats.timeouts++
      return errors.timeout(method, timeout, false)
    }
    if (this.closing) return this.gaveUp ? errors.notConnected(method, this.lastError) : errors.closed(method, false)
    const { waiting } = this
    const link = this.pick(call)
    if (call.deadline < this.deadlines.next) this.deadlines.add(call.deadline)
    if (link?.roomy && waiting.length === 0) return link.send(call)
    if (this.options.queue) return this.wait(call)
    if (link === null) return errors.notConnected(method, this.lastError)
    if (link.calls.unanswered >= link.window) link.limitReached('maxInFlight', link.window)
    return errors.tooManyCalls(method, 'the connection takes no more calls now, and the option queue is false')
  }

  wait(call) {
    if (this.hopeless) return errors.notConnected(call.method, this.lastError)
    const error = this.waiting.push(call)
    if (error === undefined) this.stats.queued++
    return error
  }

  /** The link that a new call is sent on; null when there is none. */
  pick(_call) {
    return this.link
  }

  /** Whether calls that were not sent on one connection may be sent on another. */
  get movesCalls() {
    return false
  }

  /**
   * Handles a call whose connection was lost. Queues it again and returns true if it never left and its body is known,
   * or if it may be sent twice.
   */
  revive(call, error, out) {
    const { kept } = call
    // No further connection will be made, so the call would wait in vain.
    if (this.closed || this.resting) return false
    const body = kept !== null ? kept.body : error.sent ? null : out.recover(call.position)
    if (body === null) return false
    if (error.sent && !this.repeats(call)) return false
    call.forget()
    call.body = body
    if (this.waiting.push(call) !== undefined) return false
    this.stats.retries++
    process.nextTick(() => this.pump())
    return true
  }

  /** Whether a call that the server may have seen is to be repeated. If so, the repeat is counted. */
  repeats(call) {
    const { kept, callback } = call
    if (kept === null || kept.tries >= this.options.retry.attempts || !this.mayRepeat()) return false
    kept.tries++
    // Whatever happens to the next attempt, the server may have seen this one.
    call.callback = (failure, reply, metadata) => {
      if (failure) failure.sent = true
      callback(failure, reply, metadata)
    }
    return true
  }

  /** Whether the retry budget allows one more repeat. */
  mayRepeat() {
    const { retry } = this.options
    if (this.budget.take(this.stats.calls)) return true
    if (retry.attempts > 0) this.limitReached('retry.ratio', retry.ratio)
    return false
  }

  limitReached(limit, value) {
    this.limits.reached(limit, value, () => this.location ?? 'several addresses', {
      client: this,
      target: this.location,
    })
  }

  /** Sends waiting calls as long as there is room. */
  pump() {
    const { waiting } = this
    while (waiting.length > 0) {
      const link = this.pick(waiting.first())
      if (link === null || !link.roomy) break
      const call = waiting.shift()
      if (call.deadline <= now()) {
        this.overdue(call)
        continue
      }
      const error = link.send(call)
      if (error !== undefined) this.failCall(call, error)
    }
    if (this.closing) this.rest()
  }

  /** Fails a call whose deadline passed before it was sent. */
  overdue(call) {
    const { method, timeout } = call
    this.stats.timeouts++
    this.failCall(call, errors.timeout(method, timeout, false, this.lastError ?? undefined))
  }

  expire(time) {
    let next = this.waiting.expire(time, (call) => this.overdue(call))
    for (const link of this.links) next = Math.min(next, link.expire(time))
    if (this.closing) this.rest()
    return next
  }

  // ---- connecting

  /** The target as text; undefined when there are several. */
  get location() {
    return textOfTarget(this.target)
  }

  /** The link can be used for calls. */
  opened(link) {
    const { endpoint } = link
    link.opened = true
    this.stats.connections++
    if (!connectionOpen.hasSubscribers) return
    process.nextTick(() => connectionOpen.publish({ client: this, target: endpoint.location }))
  }

  /** The link has ended, or never opened. `error` is null for an orderly end. */
  ended({ endpoint, opened }, error) {
    const { stats } = this
    if (!opened) {
      if (error !== null) stats.connectionsFailed++
      return
    }
    stats.connectionsClosed++
    if (error !== null) stats.connectionsLost++
    if (!connectionClose.hasSubscribers) return
    process.nextTick(() => connectionClose.publish({ client: this, target: endpoint.location, error }))
  }

  /** Adds the byte counts of open links to the counters. */
  tally() {
    for (const link of this.links) link.tally(this.counts)
  }

  endpointReady({ link }) {
    this.lastError = null
    this.link = link
    process.nextTick(() => this.emit('connect'))
  }

  endpointLost(_endpoint, error) {
    this.link = null
    if (!this.resting) process.nextTick(() => this.emit('disconnect', error))
  }

  endpointRetries(_endpoint, attempt) {
    this.lastError = attempt.error
    process.nextTick(() => this.emit('reconnect', attempt))
  }

  endpointFailed(_endpoint, error) {
    this.giveUp(error)
  }

  /** The address cannot be used, for a reason that will probably last. */
  endpointDead(error) {
    this.lastError = error
    if (this.hopeless) this.failWaiting((call) => errors.notConnected(call.method, error))
  }

  /** Whether waiting for a connection is useless. */
  get hopeless() {
    return this.endpoint.dead
  }

  giveUp(error) {
    this.lastError = error
    this.gaveUp = true
    this.closing = true
    this.failWaiting((call) => errors.notConnected(call.method, error))
    process.nextTick(() => this.emit('error', error))
    this.rest()
  }

  // ---- the end

  /** Takes no new calls and ends when the calls in flight have ended. */
  close(callback) {
    if (callback === undefined) return new Promise((resolve) => this.close(resolve))
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (this.closed) {
      process.nextTick(callback)
      return
    }
    this.once('close', () => callback())
    this.closing = true
    this.rest()
  }

  /** Ends at once: every call that has not ended fails. */
  destroy() {
    if (this.closed) return this
    this.closing = true
    this.conclude()
    return this
  }

  /** The client is closing and no call waits for a connection: links only finish their calls in flight. */
  get resting() {
    return this.closing && this.waiting.length === 0
  }

  /** Makes no further connections. */
  stop() {
    this.endpoint.stop()
  }

  /** While closing: retires the links, and ends the client when the last one is gone. */
  rest() {
    if (this.closed) return
    // Queued calls still wait for a connection or for their deadline.
    if (this.waiting.length > 0) return
    this.stop()
    for (const link of this.links) {
      if (link.peerMaxFrame === 0) link.destroy(null)
      else if (!link.retiring) link.retire()
    }
    if (this.links.size === 0) this.conclude()
  }

  conclude() {
    if (this.closed) return
    this.closed = true
    this.link = null
    this.stop()
    this.deadlines.clear()
    this.failWaiting((call) => errors.closed(call.method, false))
    for (const link of this.links) link.destroy(null)
    process.nextTick(() => this.emit('close'))
  }

  failWaiting(makeError) {
    this.waiting.clear((call) => this.failCall(call, makeError(call)))
  }

  ref() {
    return this.setRef(true)
  }

  unref() {
    return this.setRef(false)
  }

  refTimers(name) {
    this.endpoint.timer?.[name]()
  }

  setRef(refed) {
    this.refed = refed
    const name = refed ? 'ref' : 'unref'
    this.refTimers(name)
    for (const link of this.links) link.wire?.[name]()
    return this
  }
}

/** A call as interceptors see it. */
class ClientCall {
  constructor({ method, stream }, request, options) {
    this.method = method
    /** Interceptors may replace it. */
    this.request = request
    this.metadata = new Metadata(options?.metadata)
    this.stream = stream
    /** The metadata of the answer, once it has arrived. */
    this.trailers = undefined
    this.made = null
    this.cancelled = false
    this.reason = undefined
  }

  cancel(reason) {
    if (this.cancelled) return
    this.cancelled = true
    this.reason = reason
    this.made?.cancel(reason)
  }

  /** Called as the owner of a call that has not been made yet. */
  abort(_call, reason) {
    this.cancel(reason)
  }
}

/**
 * The timeout of a call in milliseconds: its `timeout`, or the time left until its `deadline` (a Date, or milliseconds
 * since 1970).
 */
function timeoutOf(options, fallback) {
  if (options.deadline === undefined) return duration(options, 'timeout', fallback)
  const deadline = isDate(options.deadline) ? options.deadline.getTime() : options.deadline
  if (typeof deadline !== 'number' || Number.isNaN(deadline)) {
    throw invalidArgType('options.deadline', 'of type number or an instance of Date', options.deadline)
  }
  const left = Math.ceil(deadline - Date.now())
  return Math.min(left, duration(options, 'timeout', Infinity))
}

function signalOf(options) {
  const { signal } = options
  if (signal === undefined) return undefined
  // Signals of other implementations are accepted too, if they can report an abort.
  if (signal === null || typeof signal !== 'object' || !('aborted' in signal) || !canListen(signal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal)
  }
  return signal
}

/** The delay in milliseconds after which an idempotent call is sent a second time; Infinity for never. */
const hedgeOf = (options) => duration(options, 'hedge', Infinity)

const notTwice = (hedge) =>
  invalidArgValue('options.hedge', hedge, 'needs idempotent: true, because the call may be made twice')

function parentOf({ parent }) {
  const call = ServerCall.of(parent)
  if (call === undefined) throw invalidArgType('options.parent', 'the call of a handler', parent)
  return call
}

function canListen(signal) {
  return typeof signal.addEventListener === 'function' && typeof signal.removeEventListener === 'function'
}

exports.Client = Client
