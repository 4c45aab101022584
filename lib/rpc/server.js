'use strict'

const { Buffer } = require('node:buffer')
const { EventEmitter } = require('node:events')
const { makeError, invalidArgType, invalidArgValue } = require('../errors')
const { serverOptions, port: readPort, checkObject } = require('./options')
const { Deadlines } = require('./deadlines')
const { Session } = require('./session')
const { MAX_METHOD_NAME } = require('./protocol')
const transport = require('./transport')

/** Takes calls on a port or path and gives them to the handlers of its methods. */
class Server extends EventEmitter {
  constructor(options) {
    super()
    this.options = serverOptions(options)
    this.stats = { connections: 0, calls: 0, refused: 0, timeouts: 0, extraAnswers: 0, handlerErrors: 0 }
    this.handlers = new Map()
    this.sessions = new Set()
    this.listener = null
    this.closing = false
    this.refed = true
    /** Handlers called and not answered. */
    this.running = 0
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
  }

  get listening() {
    return this.listener !== null
  }

  /** Adds a method, also while listening. `handler(request, callback, call)` answers with the callback or with a promise. */
  method(name, handler) {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
    const size = Buffer.byteLength(name)
    if (size === 0 || size > MAX_METHOD_NAME) {
      throw invalidArgValue('name', name, `must have 1 to ${MAX_METHOD_NAME} bytes`)
    }
    if (typeof handler !== 'function') throw invalidArgType('handler', 'of type function', handler)
    if (this.handlers.has(name)) throw invalidArgValue('name', name, 'is a method already')
    this.handlers.set(name, handler)
    return this
  }

  /** Fills in the handler of a method that a client has named; false when there is none yet. */
  find(method) {
    method.handler = this.handlers.get(method.name) ?? null
    return method.handler !== null
  }

  /** As `net.Server`: (port, host?, backlog?, callback?), (path, callback?), (options, callback?). */
  listen(...args) {
    const callback = typeof args.at(-1) === 'function' ? args.pop() : undefined
    if (this.listener !== null || this.closing) {
      throw makeError(Error, 'ERR_SERVER_ALREADY_LISTEN', 'Listen method has been called more than once without closing.')
    }
    const address = listenAddress(args)
    if (callback !== undefined) this.once('listening', callback)
    this.listener = transport.listen(address, {
      onListening: () => this.emit('listening'),
      onConnection: (wire) => this.accept(wire),
      onError: (error) => {
        this.listener = null
        this.emit('error', error)
      },
      onClose: () => this.finish(),
    })
    if (!this.refed) this.listener.unref()
    return this
  }

  address() {
    return this.listener === null ? null : this.listener.address()
  }

  accept(wire) {
    if (this.sessions.size >= this.options.maxConnections) {
      wire.destroy()
      this.emit('drop', wire.remote)
      return null
    }
    this.stats.connections++
    const session = new Session(this, wire)
    this.sessions.add(session)
    if (!this.refed) wire.unref()
    process.nextTick(() => this.emit('connection', session.remote))
    return session
  }

  sessionEnded(session, error) {
    this.sessions.delete(session)
    this.queue.delete(session)
    process.nextTick(() => {
      if (error?.code === 'IRONWIRE_RPC_PROTOCOL') this.emit('protocolError', error, session.remote)
      this.emit('disconnect', session.remote, error)
    })
    this.finish()
  }

  // ---- handlers

  handlerFailed(error, call) {
    this.stats.handlerErrors++
    process.nextTick(() => {
      if (this.emit('handlerError', error, call) || this.warned) return
      this.warned = true
      const text = error instanceof Error ? error.stack : String(error)
      process.emitWarning(`A handler of the RPC method "${call.method}" failed and nothing listens to 'handlerError': ${text}`)
    })
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
      if (this.running >= this.options.maxConcurrency) return
      const [call] = session.waiting
      if (call !== undefined && session.out.congested) continue
      // A Set visits what is added during the visit: the session comes again after the others.
      this.queue.delete(session)
      if (call === undefined) continue
      session.waiting.delete(call)
      if (session.waiting.size > 0) this.queue.add(session)
      session.run(call)
    }
  }

  // ---- the end

  /** Takes no new connections, asks clients to leave, and ends when the last one has. Calls in flight are answered. */
  close(callback) {
    if (callback === undefined) {
      return new Promise((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (this.listener === null && !this.closing) {
      process.nextTick(callback, makeError(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.'))
      return
    }
    this.once('close', () => callback())
    if (this.closing) return
    this.closing = true
    this.listener.close()
    for (const session of this.sessions) {
      session.dismiss()
      this.leaveLater(session)
    }
    if (this.options.closeTimeout !== Infinity) {
      this.closeTimer = setTimeout(() => this.dropAll(), this.options.closeTimeout).unref()
    }
  }

  /** A dismissed client that does not speak our protocol yet cannot leave by itself. */
  leaveLater(session) {
    if (session.peerMaxFrame === 0) session.destroy(null)
  }

  dropAll() {
    for (const session of this.sessions) session.destroy(null)
  }

  /** Drops every connection at once. */
  closeAllConnections() {
    this.dropAll()
  }

  finish() {
    if (!this.closing || this.sessions.size > 0 || !this.listener?.closed) return
    this.closing = false
    this.listener = null
    clearTimeout(this.closeTimer)
    this.deadlines.clear()
    process.nextTick(() => this.emit('close'))
  }

  ref() {
    return this.setRef(true)
  }

  unref() {
    return this.setRef(false)
  }

  setRef(refed) {
    this.refed = refed
    const name = refed ? 'ref' : 'unref'
    this.listener?.[name]()
    return this
  }
}

function listenAddress(args) {
  const [first] = args
  if (typeof first === 'object' && first !== null) {
    const { path, port = 0, host, backlog, ipv6Only = false, reusePort = false } = checkObject(first)
    if (path !== undefined) return { path: checkPath(path), backlog }
    return { port: readPort(port, 'options.port'), host, backlog, ipv6Only, reusePort }
  }
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: checkPath(first) }
  const host = typeof args[1] === 'string' ? args[1] : undefined
  const backlog = args.find((value, index) => index > 0 && typeof value === 'number')
  return { port: readPort(first ?? 0, 'port'), host, backlog }
}

function checkPath(path) {
  if (typeof path !== 'string') throw invalidArgType('path', 'of type string', path)
  return path.startsWith('unix:') ? path.slice(5) : path
}

exports.Server = Server
