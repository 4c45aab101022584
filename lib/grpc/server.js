'use strict'

// `Server` as in @grpc/grpc-js: its handlers, its ports, and the connections that it serves.

const process = require('node:process')
const { clearTimeout, setTimeout } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const net = require('../net')
const { native } = require('../engine.js')
const { kAccepted } = require('../net/symbols.js')
const { now } = require('../rpc/tick.js')
const { logVerbosity, status } = require('./constants.js')
const { register, unregister } = require('./channelz-registry.js')
const { compressionOf } = require('./compression.js')
const { Calls, Trace } = require('./counts.js')
const { ServerCredentials } = require('./credentials.js')
const { definitionOf } = require('./definition.js')
const { refuseMissing } = require('./errors.js')
const { ConnectionInjector } = require('./injector.js')
const { Link } = require('./link.js')
const { log } = require('./logging.js')
const { createResolver, parseTarget } = require('./resolver.js')
const { ServerCall } = require('./server-call.js')
const { ListenedServerCall } = require('./server-interceptors.js')
const { hostPort, splitHostPort, uriToString } = require('./uri.js')
const {
  kAbort,
  kAcceptors,
  kBound,
  kBoundAt,
  kClose,
  kCompression,
  kDismiss,
  kInjectors,
  kLinks,
  kListen,
  kListenAll,
  kNumbered,
  kPathOf,
  kPorts,
  kRelease,
  kSettled,
  kUnbound,
  kWaiting,
} = require('./symbols.js')
require('./resolver-dns.js')

const NO_ERROR = 0
const CANCEL = 8
/** The last stream in a GOAWAY that announces the end while the real last stream is not known yet. */
const LAST_STREAM = 2 ** 31 - 1
/** Milliseconds that a client has to answer the ping after that GOAWAY. */
const HEARING = 5000
/** If pings are limited: how many may come too soon, and the milliseconds between pings while there are no calls. */
const PING_STRIKES = 2
const IDLE_PING_INTERVAL = 2 * 60 * 60 * 1000
/** Service configs are for clients. */
const NO_CONFIG = { 'grpc.service_config_disable_resolution': 1 }
/** The age limit varies by this share, so that connections that began together do not end together. */
const AGE_JITTER = 0.1
/** Types of handlers, by whether the requests and the responses are streams. */
const TYPES = [
  ['unary', 'serverStream'],
  ['clientStream', 'bidi'],
]

const unimplemented = (name) => ({
  code: status.UNIMPLEMENTED,
  details: `The server does not implement the method ${name}`,
})

/** The handler for a method without an implementation. */
function defaultHandler(type, name) {
  if (type === 'unary' || type === 'clientStream') return (_call, callback) => callback(unimplemented(name), null)
  return (call) => call.emit('error', unimplemented(name))
}

const after = (time, code) => setTimeout(code, time).unref()

/** A connection to a client. */
class ServerLink extends Link {
  constructor(id, server, acceptor) {
    super(id, true, server.options)
    this.server = server
    this.acceptor = acceptor
    this.reports = Boolean(server.options['grpc.server_call_metric_recording'])
    this.age = undefined
    this.rest = undefined
    /** Runs after the client was told that the connection ends. */
    this.leaving = undefined
  }

  attach() {
    super.attach()
    if (this.closing) return
    const { options } = this
    const pings = options['grpc.http2.min_ping_interval_without_data_ms']
    if (pings >= 0) {
      const idle = options['grpc.keepalive_permit_without_calls'] ? pings : IDLE_PING_INTERVAL
      native.grpcLimitPings(this.id, pings, idle, options['grpc.http2.max_ping_strikes'] ?? PING_STRIKES)
    }
    const age = options['grpc.max_connection_age_ms']
    if (age < MAX_DELAY) this.age = after(age * (1 + (Math.random() * 2 - 1) * AGE_JITTER), () => this.retire())
    const rest = options['grpc.max_connection_idle_ms']
    if (rest < MAX_DELAY) this.rest = after(rest, () => this.calls.size > 0 || this.drain())
  }

  /**
   * The connection has reached its age limit: the client opens another one, and current calls have some time to end.
   */
  retire() {
    const grace = this.options['grpc.max_connection_age_grace_ms']
    this.drain()
    if (grace < MAX_DELAY) this.age = after(grace, () => this.destroy())
  }

  /**
   * Announces that no more calls are taken, and names the last stream once the client has answered a ping. Calls that
   * were on their way are handled, whichever client it is. With a `code`, the final GOAWAY is sent at once.
   */
  drain(code) {
    if (code !== undefined) return super.drain(code)
    if (this.closing || this.ended || this.leaving !== undefined) return
    this.sayGoodbye(NO_ERROR, LAST_STREAM)
    this.ping()
    this.leaving = after(HEARING, () => super.drain())
  }

  onAlive(isAnswer) {
    if (isAnswer && this.leaving !== undefined && !this.draining) super.drain()
    super.onAlive(isAnswer)
  }

  idle() {
    super.idle()
    this.rest?.refresh()
  }

  /** Returns whether a handler or an interceptor has run. */
  onCall(stream, method, path, timeout, text) {
    const { traffic, server } = this
    traffic.started++
    traffic.lastRemote = now()
    server.counts.began()
    const handler = server[kNumbered][method]
    if (handler === undefined) {
      const { code, details } = unimplemented(method === 0 ? path : server[kPathOf](method))
      native.grpcFinish(this.id, stream, 0, code, details, '')
      native.grpcReset(this.id, stream, 0)
      traffic.succeeded++
      server.counts.ended(code)
      return false
    }
    const { interceptors } = this.acceptor
    const call =
      interceptors.length === 0
        ? new ServerCall(this, stream, handler, timeout, text)
        : new ListenedServerCall(this, stream, handler, timeout, text, interceptors)
    if (call.over) return false
    this.calls.set(stream, call)
    if (!call.beginsAtOnce) return false
    call.scope.run(call, call.begin)
    return true
  }

  onLost() {
    const { acceptor, server } = this
    clearTimeout(this.age)
    clearTimeout(this.rest)
    clearTimeout(this.leaving)
    server[kLinks].delete(this)
    acceptor.links.delete(this)
    acceptor.left()
    server[kSettled]()
  }
}

/** Resolves a target once, and calls back with its addresses. */
function resolve(target, callback) {
  const listener = (endpoints) => {
    resolver.destroy()
    if (!endpoints.ok) return callback(new Error(endpoints.error.details))
    const places = endpoints.value.flatMap(({ addresses }) => addresses)
    if (places.length === 0) return callback(new Error(`No addresses resolved for port ${uriToString(target)}`))
    callback(null, places)
  }
  const resolver = createResolver(target, listener, NO_CONFIG)
  resolver.updateResolution()
}

/** TLS for a new connection: null for none, undefined if there are no valid certificates. */
function acceptanceOf(credentials) {
  try {
    return credentials._acceptance()
  } catch ({ message }) {
    log(logVerbosity.ERROR, `Failed to set secure context with error ${message}`)
    return undefined
  }
}

/**
 * Serves a connection of an acceptor or an injector, or closes it if TLS is not possible. `peer` is the peer's address
 * if the connection itself does not know it.
 */
function accept(acceptor, id, peer) {
  const { server, credentials } = acceptor
  const tls = acceptanceOf(credentials)
  if (tls === undefined) {
    native.close(id, false)
    acceptor.left()
    return
  }
  const link = tls === null ? new ServerLink(id, server, acceptor) : tls.link(ServerLink, id, server, acceptor)
  link.peer = peer
  acceptor.links.add(link)
  server[kLinks].add(link)
  link.attach()
}

/** A listening socket. It listens as `net.Server` does, also in a cluster. */
class Acceptor extends net.Server {
  constructor(server, credentials) {
    super()
    this.server = server
    this.credentials = credentials
    this.interceptors = [...credentials._getInterceptors(), ...server.interceptors]
    this.links = new Set()
  }

  [kAccepted](id) {
    accept(this, id)
  }

  /** Called when a connection has ended. */
  left() {
    this._connections--
    this._emitCloseIfDrained()
  }
}

const placeOf = (address) => (typeof address === 'string' ? address : hostPort(address.address, address.port))

/** Whether the system chooses the port of a target. */
const isFound = ({ scheme, path }) => !scheme.startsWith('unix') && splitHostPort(path)?.port === 0

/** Paths of methods, by the numbers that the engine gives them. */
const paths = []

class Server {
  constructor(options = {}) {
    refuseMissing(options)
    this.options = options
    this.interceptors = options.interceptors ?? []
    this[kCompression] = compressionOf(options)
    /** Handlers by path, and by the number of the path. */
    this.handlers = new Map()
    this[kNumbered] = []
    this[kLinks] = new Set()
    /** Ports that are bound or are being bound, by name. */
    this[kPorts] = new Map()
    this[kAcceptors] = new Set()
    this[kInjectors] = new Set()
    this.shutdown = false
    this.started = false
    this[kWaiting] = []
    /** Data for channelz. */
    this.counts = new Calls()
    this.trace = new Trace()
    this.trace.add('Server created')
    this.channelz = register('server', '', this, options)
  }

  [kPathOf](number) {
    return paths[number]
  }

  addProtoService() {
    throw new Error('Not implemented. Use addService() instead')
  }

  addService(service, implementation) {
    if (
      service === null ||
      typeof service !== 'object' ||
      implementation === null ||
      typeof implementation !== 'object'
    ) {
      throw new Error('addService() requires two objects as arguments')
    }
    const methods = Object.entries(definitionOf(service))
    if (methods.length === 0) throw new Error('Cannot add an empty service to a server')
    for (const [name, method] of methods) {
      const type = TYPES[Number(Boolean(method.requestStream))][Number(Boolean(method.responseStream))]
      const found = implementation[name] ?? implementation[method.originalName]
      const handler = found === undefined ? defaultHandler(type, name) : found.bind(implementation)
      const { path, responseSerialize, requestDeserialize } = method
      if (!this.register(path, handler, responseSerialize, requestDeserialize, type)) {
        throw new Error(`Method handler for ${path} already provided.`)
      }
    }
  }

  removeService(service) {
    if (service === null || typeof service !== 'object') throw new Error('removeService() requires object as argument')
    for (const { path } of Object.values(definitionOf(service))) this.unregister(path)
  }

  register(path, func, serialize, deserialize, type) {
    if (this.handlers.has(path)) return false
    const handler = { func, serialize, deserialize, type, path }
    const number = native.grpcPath(path)
    paths[number] = path
    this.handlers.set(path, handler)
    this[kNumbered][number] = handler
    return true
  }

  unregister(path) {
    this[kNumbered][native.grpcPath(path)] = undefined
    return this.handlers.delete(path)
  }

  bind() {
    throw new Error('Not implemented. Use bindAsync() instead')
  }

  bindAsync(port, credentials, callback) {
    if (this.shutdown) throw new Error('bindAsync called after shutdown')
    if (typeof port !== 'string') throw new TypeError('port must be a string')
    if (!(credentials instanceof ServerCredentials)) throw new TypeError('creds must be a ServerCredentials object')
    if (typeof callback !== 'function') throw new TypeError('callback must be a function')
    const known = this[kPorts].get(port)
    if (known !== undefined) {
      if (!credentials._equals(known.credentials)) {
        return process.nextTick(callback, new Error(`${port} already bound with incompatible credentials`), 0)
      }
      if (known.number !== undefined) process.nextTick(callback, null, known.number)
      else known.callbacks.push(callback)
      return
    }
    const target = parseTarget(port)
    try {
      credentials._acceptance()
    } catch (error) {
      return process.nextTick(callback, error, 0)
    }
    // Port 0 is another port each time. It gets its name when it is known.
    const name = isFound(target) ? Symbol(port) : port
    const bound = { name, text: port, credentials, acceptors: new Set(), number: undefined, callbacks: [callback] }
    bound.cancelled = false
    this[kPorts].set(name, bound)
    resolve(target, (error, places) => {
      if (error !== null) this[kUnbound](bound, error)
      else this[kListenAll](bound, places)
    })
  }

  /** Listens at each address. If the port is 0, all use the port that the first one has got. */
  [kListenAll](bound, places) {
    const errors = []
    const next = (i, chosen) => {
      if (bound.cancelled) return this[kUnbound](bound, new Error('bindAsync operation cancelled by unbind call'))
      if (i === places.length) return this[kBound](bound, places, errors)
      this[kListen](bound, { ...places[i], ...chosen }, (error, acceptor) => {
        if (error !== null) errors.push(error.message)
        const port = places[0].port === 0 ? acceptor?.address().port : undefined
        next(i + 1, port === undefined ? chosen : { port })
      })
    }
    next(0, {})
  }

  /** Called when all addresses were tried. */
  [kBound](bound, places, errors) {
    const [first] = bound.acceptors
    if (first === undefined) {
      const text = `No address added out of total ${places.length} resolved errors: [${errors.join(',')}]`
      return this[kUnbound](bound, new Error(text))
    }
    const address = first.address()
    bound.number = typeof address === 'string' ? 1 : address.port
    if (places[0].port === 0) {
      // From now on, the port is known by its number.
      this[kPorts].delete(bound.name)
      bound.name = bound.text.replace(/:0$/, `:${bound.number}`)
      this[kPorts].set(bound.name, bound)
    }
    for (const callback of bound.callbacks.splice(0)) process.nextTick(callback, null, bound.number)
  }

  [kListen](bound, place, callback) {
    const { credentials } = bound
    const acceptor = new Acceptor(this, credentials)
    credentials._hold()
    acceptor.once('error', (error) => {
      credentials._release()
      callback(error)
    })
    acceptor.listen(place, () => {
      acceptor.removeAllListeners('error')
      // A connection that cannot be accepted concerns no call.
      acceptor.on('error', () => {})
      acceptor.channelz = register('socket', placeOf(acceptor.address()), acceptor, this.options)
      bound.acceptors.add(acceptor)
      this[kAcceptors].add(acceptor)
      acceptor.once('close', () => {
        credentials._release()
        unregister(acceptor.channelz)
        this[kAcceptors].delete(acceptor)
        this[kSettled]()
      })
      callback(null, acceptor)
    })
  }

  [kUnbound](bound, error) {
    this[kPorts].delete(bound.name)
    for (const acceptor of bound.acceptors) acceptor.close()
    for (const callback of bound.callbacks.splice(0)) process.nextTick(callback, error, 0)
  }

  [kBoundAt](port) {
    if (isFound(parseTarget(port))) throw new Error(`Cannot unbind port 0`)
    return this[kPorts].get(port)
  }

  unbind(port) {
    const bound = this[kBoundAt](port)
    if (bound === undefined) return
    bound.cancelled = true
    if (bound.number === undefined) return
    this[kPorts].delete(port)
    this[kRelease](bound)
  }

  /** Takes no more connections on a port, and closes the current ones when their calls have ended. */
  [kRelease](bound) {
    for (const acceptor of bound.acceptors) {
      acceptor.close()
      for (const link of acceptor.links) link.drain()
    }
  }

  drain(port, graceTime) {
    const bound = this[kBoundAt](port)
    if (bound === undefined) return
    this[kDismiss](
      [...bound.acceptors].flatMap(({ links }) => [...links]),
      graceTime,
    )
  }

  /** Closes connections when their calls have ended, or when `graceTime` milliseconds have passed. */
  [kDismiss](links, graceTime) {
    const leaving = [...links]
    for (const link of leaving) link.drain()
    setTimeout(() => {
      for (const link of leaving) this[kAbort](link)
    }, graceTime).unref()
  }

  [kAbort](link) {
    if (link.closing) return
    link.drain(CANCEL)
    link.destroy()
  }

  start() {
    if (this[kAcceptors].size === 0) throw new Error('server must be bound in order to start')
    if (this.started) throw new Error('server is already started')
    this.started = true
  }

  tryShutdown(callback) {
    this[kWaiting].push(callback)
    this[kClose]()
    for (const link of this[kLinks]) link.drain()
    process.nextTick(() => this[kSettled]())
  }

  forceShutdown() {
    this[kClose]()
    for (const link of this[kLinks]) this[kAbort](link)
  }

  [kClose]() {
    this.shutdown = true
    for (const bound of this[kPorts].values()) bound.cancelled = true
    this[kPorts].clear()
    for (const acceptor of this[kAcceptors]) acceptor.close()
    for (const injector of this[kInjectors]) injector.destroy()
  }

  /** Calls back those that wait for the shutdown, once it is complete. */
  [kSettled]() {
    if (!this.shutdown || this[kLinks].size > 0 || this[kAcceptors].size > 0) return
    unregister(this.channelz)
    for (const callback of this[kWaiting].splice(0)) process.nextTick(callback)
  }

  addHttp2Port() {
    throw new Error('Not yet implemented')
  }

  createConnectionInjector(credentials) {
    if (!(credentials instanceof ServerCredentials)) throw new TypeError('creds must be a ServerCredentials object')
    credentials._acceptance()
    return new ConnectionInjector(this, credentials, accept)
  }

  getChannelzRef() {
    return this.channelz
  }
}

module.exports = { Server }
