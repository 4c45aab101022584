'use strict'

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
const { textOf } = require('./errors')
const { now } = require('./tick')
const { log, textOfPeer } = require('./log')
const { channels } = require('./channels')
const { OF_CALLS, countsOf, OTHERS } = require('./counts')
const { Limits } = require('./limits')
const transport = require('./transport')

/** What a peer has done wrong. */
const TOLD = new Set(['IRONWIRE_RPC_PROTOCOL', 'IRONWIRE_RPC_UNAUTHENTICATED', 'IRONWIRE_RPC_TLS'])

const { connectionOpen, connectionClose } = channels.server

/** What is counted beside calls. */
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

/** And what follows from what is counted of calls. */
const DERIVED = {
  ...OF_CALLS,
  refused: (counts) => counts.refused,
}

/** A handler and what is known of how it answers. */
class Handler {
  /** `series` is what its calls are counted in. */
  constructor(name, run, codec, shape, series) {
    /** What connections know that name it. */
    this.method = { name, handler: this }
    this.run = run
    this.series = series
    this.codec = codec
    /** The flags of the requests that it takes, as far as they say what is a stream. */
    this.shape = shape
    /** Neither streams nor messages of a schema. */
    this.isPlain = codec === RAW && shape === 0
    /** It names the callback among its parameters. That it does not says nothing: see `(...args)`, or a default. */
    this.takesCallback = run.length > 1
    /** It has called back before. */
    this.callsBack = false
    /** A promise of undefined was its answer before. */
    this.resolvesEmpty = false
  }
}

/** Takes calls on a port or path and gives them to the handlers of its methods. */
class Server extends EventEmitter {
  constructor(options) {
    super()
    this.options = serverOptions(options)
    this.counts = countsOf('server', this, NUMBERS, DERIVED)
    /** What users see of that: a function, with plain numbers as properties. */
    this.stats = this.counts.numbers
    this.limits = new Limits('server', this.counts)
    /** What this says to those who ask by the health method: false keeps balancing clients from sending more. */
    this.healthy = true
    /** What answers that, once it is asked. */
    this.health = null
    this.handlers = new Map()
    /** Null as long as there are none. */
    this.interceptors = null
    if (this.options.propagate) remember()
    this.sessions = new Set()
    /** What those wait for (watch.js). */
    this.watches = new Map()
    this.acceptor = new transport.Acceptor(this.options, (wire) => this.accept(wire))
    this.acceptor.on('listening', () => this.emit('listening'))
    this.acceptor.on('error', (error) => this.emit('error', error))
    this.acceptor.on('drop', (data) => this.refuseConnection(data))
    this.acceptor.on('close', () => this.listenerClosed())
    /** What takes calls over UDP, if anything does. */
    this.udp = null
    /** Listeners that a closing server waits for. */
    this.listeners = 0
    this.closing = false
    this.refed = true
    /** Handlers at work for calls that somebody waits for. */
    this.running = 0
    /** And those for calls that have ended without them, the oldest first. */
    this.strays = new Queue()
    /** Sessions with calls that wait for a handler's turn, the next one first. */
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
   * Adds a method, also while listening. `handler(request, callback, call)` answers with the callback or with a promise. `options` say what
   * of it is a stream.
   */
  method(name, options, handler) {
    if (handler === undefined && typeof options === 'function') {
      handler = options
      options = {}
    }
    if (typeof handler !== 'function') throw invalidArgType('handler', 'of type function', handler ?? options)
    return this.add(name, handler, RAW, shapeOf(streamOptions(options)))
  }

  /** Adds the methods of a service of a schema: `handlers` has a function for each, by its name in lower camel case. */
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

  /** Has `interceptor(call, next)` called around each handler; the first one that was added is the outermost. */
  use(interceptor) {
    this.interceptors = added(this.interceptors, interceptor)
    return this
  }

  /** What a name that a client calls by stands for: `{ name, handler }`, the handler null while there is none. Connections share that of known ones. */
  methodOf(name) {
    const handler = this.handlers.get(name)
    if (handler !== undefined) return handler.method
    const method = { name, handler: null }
    this.find(method)
    return method
  }

  /** Fills in the handler of a method that a client has named; false when there is none yet. */
  find(method) {
    method.handler = this.handlers.get(method.name) ?? null
    if (method.handler === null && method.name === HEALTH_METHOD) {
      this.health ??= new Handler(HEALTH_METHOD, () => healthOf(this), RAW, 0, this.counts.series(HEALTH_METHOD))
      method.handler = this.health
    }
    return method.handler !== null
  }

  /** What calls of methods that there are not are counted in. */
  get others() {
    return this.counts.series(OTHERS)
  }

  /** As `net.Server`: (port, host?, backlog?, callback?), (path, callback?), (options, callback?). */
  listen(...args) {
    this.acceptor.listen(...args)
    return this
  }

  address() {
    return this.acceptor.address()
  }

  /** Has connections from now on begin with these options, as `tls` at first: for certificates that are about to expire. */
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

  /** Takes calls over UDP too, or only: (port, callback?), ({ port, host, ipv6Only, reusePort }, callback?). */
  bindUdp(where, callback) {
    const place = udpPlace(where)
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

  /** Where it is bound, `{ address, family, port }`; null where it is not, or not yet. */
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
      // What nobody asks for is not made.
      if (this.listenerCount('connection') > 0) this.emit('connection', session.remote)
    })
  }

  /** There are as many as may be. */
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

  /** Whether as many handlers are at work as may be. */
  get busy() {
    return this.reachedLimit !== undefined
  }

  /** The limit that says so. */
  get reachedLimit() {
    if (this.running >= this.options.maxConcurrency) return 'maxConcurrency'
    return this.strays.size >= this.options.maxStrays ? 'maxStrays' : undefined
  }

  /**
   * A call has ended without its handler, which is counted as a stray until it answers: a peer that calls and cancels, again and
   * again, must not start handlers without bound. One that never answers is given up some time later.
   */
  keepStray(call) {
    const { session, memory } = call
    call.memory = null
    call.stray = { session, memory, expires: now() + this.options.strayTimeout, queued: false }
    session.strays++
    this.strays.push(call.stray)
    this.strayDeadlines.add(call.stray.expires)
  }

  /** Its handler has answered. */
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

  /** Runs waiting calls after the current turn's work, so that a chain of synchronous handlers does not nest. */
  runLater() {
    if (this.runScheduled) return
    this.runScheduled = true
    process.nextTick(() => {
      this.runScheduled = false
      this.runWaiting()
    })
  }

  /** Gives free places to sessions with waiting calls, one call each in turn. */
  runWaiting() {
    for (const session of this.queue) {
      if (this.busy) return
      const call = session.waiting.first()
      if (call !== undefined && session.busy) continue
      // A Set visits what is added during the visit: the session comes again after the others.
      this.queue.delete(session)
      if (call === undefined) continue
      session.waiting.remove(call)
      if (session.waiting.size > 0) this.queue.add(session)
      if (call.expires <= now()) session.overdue(call)
      else session.run(call)
    }
  }

  /** Brings the counts up to date. */
  tally() {
    for (const session of this.sessions) session.tally(this.counts)
  }

  // ---- the end

  /** Takes no new connections, asks clients to leave, and ends when the last one has. Calls in flight are answered. */
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

  /** The listeners and the last connection are gone. */
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

  /** Connections follow the server: nobody else could let go of them. */
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
