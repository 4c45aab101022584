'use strict'

// The rpc server: its methods, its listeners, and the limits over all connections. A session (session.js) handles the calls
// of one connection.

const process = require('node:process')
const { setTimeout, clearTimeout } = require('node:timers')
const { EventEmitter } = require('node:events')
const { makeError, invalidArgType, invalidArgValue } = require('../errors')
const { serverOptions, serverTls, streamOptions, udpPlace, refuseOverUdp } = require('./options')
const { RAW } = require('./codecs')
const { added } = require('./interceptors')
const { remember } = require('./context')
const { serviceHandlers, shapeOf } = require('./service')
const { Deadlines } = require('./deadlines')
const { HEALTH_METHOD, healthOf } = require('./health')
const { Session } = require('./session')
const { Queue } = require('./queue')
const { checkName } = require('./protocol')
const { udpOptions } = require('./target')
const { textOf } = require('./errors')
const { now } = require('./tick')
const { log, textOfPeer } = require('./log')
const { channels } = require('./channels')
const { OF_CALLS, countsOf, OTHERS } = require('./counts')
const { Limits } = require('./limits')
const transport = require('./transport')

/** Codes of connection errors that are the peer's fault. They are reported as 'protocolError'. */
const TOLD = new Set(['IRONWIRE_RPC_PROTOCOL', 'IRONWIRE_RPC_UNAUTHENTICATED', 'IRONWIRE_RPC_TLS'])

const { connectionOpen, connectionClose } = channels.server

/** Counters other than those of calls. */
const NUMBERS = {
  connections: 0,
  connectionsClosed: 0,
  connectionsLost: 0,
  connectionsRefused: 0,
  timeouts: 0,
  lateAnswers: 0,
  extraAnswers: 0,
  handlerErrors: 0,
  aged: 0,
  cancelFloods: 0,
  timeoutFloods: 0,
  unauthenticated: 0,
  tlsFailures: 0,
  duplicates: 0,
  ignored: 0,
}

/** Counters that are computed from the counts of calls. */
const DERIVED = {
  ...OF_CALLS,
  refused: (counts) => counts.refused,
}

/** A handler, and what is known about how it answers. */
class Handler {
  /** `series` is the counter series of its calls. */
  constructor(name, run, codec, shape, series) {
    /** The entry that connections refer to. */
    this.method = { name, handler: this }
    this.run = run
    this.series = series
    this.codec = codec
    /** The flags that a request must have, as far as they describe streams. */
    this.shape = shape
    /** Whether it has neither streams nor messages of a schema. */
    this.isPlain = codec === RAW && shape === 0
    /**
     * Whether it declares the callback parameter. `false` proves nothing: it may use `(...args)` or a default value.
     */
    this.takesCallback = run.length > 1
    /** Whether it has ever called back. */
    this.callsBack = false
    /** Whether a promise of undefined was taken for its answer before. */
    this.resolvesEmpty = false
  }
}

/** Accepts calls on a port or path and passes them to the handlers of its methods. */
class Server extends EventEmitter {
  constructor(options) {
    super()
    this.options = serverOptions(options)
    this.counts = countsOf('server', this, NUMBERS, DERIVED)
    /** What users see as `stats`: a function with the plain numbers as properties. */
    this.stats = this.counts.numbers
    this.limits = new Limits('server', this.counts)
    /** What the health method answers: with false, balancing clients do not take an ejected server back. */
    this.healthy = true
    /** The handler of the health method, created at its first call. */
    this.health = null
    this.handlers = new Map()
    /** Null until the first interceptor is added. */
    this.interceptors = null
    if (this.options.propagate) remember()
    this.sessions = new Set()
    /** The timeouts of the connections (watch.js). */
    this.watches = new Map()
    this.acceptor = new transport.Acceptor(this.options, (wire) => this.accept(wire))
    this.acceptor.on('listening', () => this.emit('listening'))
    this.acceptor.on('error', (error) => this.emit('error', error))
    this.acceptor.on('drop', (data) => this.refuseConnection(data))
    this.acceptor.on('close', () => this.listenerClosed())
    /** The UDP listener, if there is one. */
    this.udp = null
    /** The number of listeners that a closing server waits for. */
    this.listeners = 0
    this.closing = false
    this.refed = true
    /** The number of running handlers whose callers wait. */
    this.running = 0
    /** Handlers that still run although their call has ended, the oldest first. */
    this.strays = new Queue()
    /** Sessions with calls that wait for their turn, the next one first. */
    this.queue = new Set()
    this.runScheduled = false
    this.closeTimer = null
    this.warned = false
    this.deadlines = new Deadlines((time) => {
      let next = Infinity
      for (const session of this.sessions) next = Math.min(next, session.expire(time))
      return next
    })
    this.strayDeadlines = new Deadlines((time) => this.expireStrays(time))
  }

  get listening() {
    return this.acceptor.listening || this.udp !== null
  }

  /**
   * Adds a method, also while listening. `handler(request, callback, call)` answers through the callback or with a
   * promise. `options` say which directions are streams.
   */
  method(name, options, handler) {
    if (handler === undefined && typeof options === 'function') {
      handler = options
      options = {}
    }
    checkName('name', name)
    if (typeof handler !== 'function') throw invalidArgType('handler', 'of type function', handler ?? options)
    return this.add(name, handler, RAW, shapeOf(streamOptions(options)))
  }

  /** Adds the methods of a schema's service. `handlers` has one function for each, named in lower camel case. */
  addService(service, handlers) {
    const found = []
    serviceHandlers(service, handlers, (...method) => found.push(method))
    for (const [path] of found) this.checkFree(path)
    for (const method of found) this.add(...method)
    return this
  }

  add(name, handler, codec, shape) {
    this.checkFree(name)
    this.handlers.set(name, new Handler(name, handler, codec, shape, this.counts.series(name)))
    return this
  }

  checkFree(name) {
    checkName('name', name)
    if (this.handlers.has(name))
      throw invalidArgValue('name', name, 'must not be used twice: the server has a method of this name')
  }

  /** Calls `interceptor(call, next)` around each handler. The interceptor added first is the outermost. */
  use(interceptor) {
    this.interceptors = added(this.interceptors, interceptor)
    return this
  }

  /**
   * The entry for a method name that a client announced: `{ name, handler }`, where `handler` is null for an unknown
   * method. Connections share the entries of known methods.
   */
  methodOf(name) {
    const handler = this.handlers.get(name)
    if (handler !== undefined) return handler.method
    const method = { name, handler: null }
    this.find(method)
    return method
  }

  /** Sets the handler of an announced method; false if there is none yet. */
  find(method) {
    method.handler = this.handlers.get(method.name) ?? null
    if (method.handler === null && method.name === HEALTH_METHOD) {
      this.health ??= new Handler(HEALTH_METHOD, () => healthOf(this), RAW, 0, this.counts.series(HEALTH_METHOD))
      method.handler = this.health
    }
    return method.handler !== null
  }

  /** The counter series of calls to unknown methods. */
  get others() {
    return this.counts.series(OTHERS)
  }

  /** Like `net.Server`: (port, host?, backlog?, callback?), ('host:port' or path, callback?), (options, callback?). */
  listen(...args) {
    this.acceptor.listen(...args)
    return this
  }

  address() {
    return this.acceptor.address()
  }

  /** Uses these TLS options for new connections, for example because the certificate is about to expire. */
  setSecureContext(options) {
    if (this.options.tls === null) {
      throw makeError(
        Error,
        'ERR_INVALID_STATE',
        'Invalid state: a server without the option tls has no secure context',
      )
    }
    this.options.tls = serverTls(options)
  }

  /** Accepts calls over UDP, too: (port, callback?), ('host:port', callback?), ({ port, host, ipv6Only, reusePort }, callback?). */
  bindUdp(where, callback) {
    const place = udpPlace(typeof where === 'string' ? udpOptions(where) : where)
    refuseOverUdp(this.options)
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (this.udp !== null) {
      throw makeError(
        Error,
        'ERR_SERVER_ALREADY_LISTEN',
        'bindUdp has been called already: a server has one UDP socket.',
      )
    }
    const { UdpListener } = require('./udp/listener')
    this.udp = new UdpListener(this, place, callback)
    return this
  }

  /** The bound UDP address, `{ address, family, port }`; null when not bound. */
  udpAddress() {
    return this.udp === null ? null : this.udp.address()
  }

  udpFailed(error) {
    this.udp = null
    this.emit('error', error)
  }

  accept(wire) {
    const session = new Session(this, wire)
    if (log.enabled) log('rpc: a connection from %s', textOfPeer(session.remote))
    wire.start(session)
    if (!this.refed) wire.unref()
    this.sessionBegun(session)
  }

  sessionBegun(session) {
    this.stats.connections++
    this.sessions.add(session)
    process.nextTick(() => {
      if (connectionOpen.hasSubscribers) connectionOpen.publish({ server: this, peer: session.remote })
      // The address is computed only if someone listens.
      if (this.listenerCount('connection') > 0) this.emit('connection', session.remote)
    })
  }

  /** The limit of connections is reached. */
  refuseConnection(data, limit = 'maxConnections', value = this.options.maxConnections) {
    const peer = { address: data?.remoteAddress, port: data?.remotePort, family: data?.remoteFamily }
    this.stats.connectionsRefused++
    const about = { server: this, peer }
    this.limits.reached(limit, value, () => textOfPeer(peer), about)
    this.emit('drop', data)
  }

  sessionEnded(session, error) {
    this.sessions.delete(session)
    this.stats.connectionsClosed++
    if (error !== null) this.stats.connectionsLost++
    if (log.enabled) {
      log('rpc: the connection from %s has ended: %s', textOfPeer(session.remote), error?.message ?? 'in order')
    }
    this.queue.delete(session)
    process.nextTick(() => {
      if (TOLD.has(error?.code)) this.emit('protocolError', error, session.remote)
      if (connectionClose.hasSubscribers) connectionClose.publish({ server: this, peer: session.remote, error })
      this.emit('disconnect', session.remote, error)
    })
  }

  // ---- handlers

  handlerFailed(error, call) {
    this.stats.handlerErrors++
    process.nextTick(() => {
      if (this.emit('handlerError', error, call) || this.warned) return
      this.warned = true
      const text = textOf(() => error?.stack ?? error)
      process.emitWarning(
        `A handler of the RPC method "${call.method}" failed and nothing listens to 'handlerError': ${text}`,
      )
    })
  }

  /** Whether as many handlers run as allowed. */
  get busy() {
    return this.reachedLimit !== undefined
  }

  /** The name of the limit that is reached, or undefined. */
  get reachedLimit() {
    if (this.running >= this.options.maxConcurrency) return 'maxConcurrency'
    return this.strays.size >= this.options.maxStrays ? 'maxStrays' : undefined
  }

  /**
   * Counts a handler whose call has ended as a stray until it answers, so that a client that calls and cancels
   * repeatedly cannot start any number of handlers. A handler that never answers stops counting after `strayTimeout`.
   */
  keepStray(call) {
    const { session, memory } = call
    call.memory = null
    call.stray = { session, memory, expires: now() + this.options.strayTimeout, queued: false }
    session.strays++
    this.strays.push(call.stray)
    this.strayDeadlines.add(call.stray.expires)
  }

  /** The handler of a stray has answered. */
  dismissStray(call) {
    const { stray } = call
    call.stray = null
    if (stray.queued) this.dropStray(stray)
  }

  dropStray(stray) {
    this.strays.remove(stray)
    stray.session.strays--
    if (stray.memory !== null) stray.session.release(stray.memory)
    if (stray.session.paused) stray.session.regulate()
    if (this.queue.size > 0) this.runLater()
  }

  expireStrays(time) {
    for (;;) {
      const stray = this.strays.first()
      if (stray === undefined) return Infinity
      if (stray.expires > time) return stray.expires
      this.dropStray(stray)
    }
  }

  /** Runs waiting calls in the next tick, so that a chain of synchronous handlers does not nest. */
  runLater() {
    if (this.runScheduled) return
    this.runScheduled = true
    process.nextTick(() => {
      this.runScheduled = false
      this.runWaiting()
    })
  }

  /** Gives free places to sessions with waiting calls, one call per session in turn. */
  runWaiting() {
    for (const session of this.queue) {
      if (this.busy) return
      const call = session.waiting.first()
      if (call !== undefined && session.busy) continue
      // A Set iteration visits entries added during the iteration, so this session comes again after the others.
      this.queue.delete(session)
      if (call === undefined) continue
      session.waiting.remove(call)
      if (session.waiting.size > 0) this.queue.add(session)
      if (call.expires <= now()) session.overdue(call)
      else session.run(call)
    }
  }

  /** Adds the byte counts of open connections to the counters. */
  tally() {
    for (const session of this.sessions) session.tally(this.counts)
  }

  // ---- the end

  /**
   * Takes no new connections, asks clients to leave, and ends when the last one has left. Calls in flight are answered.
   */
  close(callback) {
    if (callback === undefined) {
      return new Promise((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (!this.listening && !this.closing) {
      process.nextTick(callback, makeError(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.'))
      return
    }
    this.once('close', () => callback())
    if (this.closing) return
    this.closing = true
    this.listeners = (this.acceptor.listening ? 1 : 0) + (this.udp === null ? 0 : 1)
    if (this.acceptor.listening) this.acceptor.close()
    this.udp?.close(() => {
      this.udp = null
      this.listenerClosed()
    })
    for (const session of this.sessions) session.dismiss()
    if (this.options.closeTimeout !== Infinity) {
      this.closeTimer = setTimeout(() => this.closeAllConnections(), this.options.closeTimeout).unref()
    }
  }

  /** Drops every connection at once. */
  closeAllConnections() {
    this.udp?.renew()
    for (const session of this.sessions) session.destroy(null)
  }

  listenerClosed() {
    if (--this.listeners === 0) this.finish()
  }

  /** All listeners and connections are gone. */
  finish() {
    this.closing = false
    clearTimeout(this.closeTimer)
    this.deadlines.clear()
    for (const stray of this.strays) this.dropStray(stray)
    this.strayDeadlines.clear()
    this.emit('close')
  }

  ref() {
    return this.setRef(true)
  }

  unref() {
    return this.setRef(false)
  }

  /** Connections follow the server, because the program has no other way to unref them. */
  setRef(refed) {
    this.refed = refed
    const name = refed ? 'ref' : 'unref'
    this.acceptor[name]()
    this.udp?.setRef(name)
    for (const session of this.sessions) session.wire[name]()
    return this
  }
}

exports.Server = Server
