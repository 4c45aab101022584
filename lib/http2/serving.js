'use strict'

// What HTTP/2 servers with and without TLS have in common.

const { http2 } = require('../genuine.js')
const core = require('../core.js')
const { invalidArgType } = require('../errors.js')
const { Http2ServerRequest } = require('./request.js')
const { Http2ServerResponse } = require('./response.js')
const { checked } = require('./settings.js')
const { kExchange, kIsDirect, kOptions, kSessions } = require('./symbols.js')

const { HTTP2_HEADER_METHOD } = require('node:http2').constants

const kClasses = Symbol('classes')
const kCore = Symbol('server of core')
const kRejection = Symbol.for('nodejs.rejection')

/** Returns a class of HTTP/2 servers that extends a class of servers of `net` or `https`. */
function serving(Server) {
  return class extends Server {
    constructor(options, given) {
      super(given)
      this[kOptions] = { ...options, settings: { ...options.settings } }
      this.timeout = 0
      this[kSessions] = new Set()
      const { Http2ServerRequest: Request = Http2ServerRequest, Http2ServerResponse: Response = Http2ServerResponse } =
        this[kOptions]
      this[kClasses] = { Request, Response, usual: Request === Http2ServerRequest && Response === Http2ServerResponse }
      this.on('newListener', setUpCompatible)
    }

    /** Whether requests can go straight to the handler: the program uses no 'stream' listener and no request class of its own. */
    get [kIsDirect]() {
      return this[kClasses].usual && this._events.stream === onStream && this.emit === core.own.emit
    }

    setTimeout(msecs = 0, callback = undefined) {
      this.timeout = msecs
      if (callback !== undefined) {
        if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
        this.on('timeout', callback)
      }
      return this
    }

    updateSettings(settings) {
      Object.assign(this[kOptions].settings, checked(settings))
    }

    /** Stops accepting connections, and new streams on the open ones. */
    close(callback) {
      super.close(callback)
      for (const session of this[kSessions]) session.close()
      // Newer Nodes close their sessions as well. The callback takes the error that the hidden server never listened.
      this[kCore]?.close(() => {})
      return this
    }

    async [Symbol.asyncDispose]() {
      await new Promise((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
    }

    [kRejection](error, event, ...args) {
      if (event === 'stream') {
        const [stream] = args
        if (stream.headersSent) return stream.destroy(error)
        stream.respond({ ':status': 500 })
        stream.end()
        return
      }
      if (event === 'request') {
        const [, res] = args
        if (res.headersSent || res.finished) return res.destroy()
        for (const name of res.getHeaderNames()) res.removeHeader(name)
        res.statusCode = 500
        res.end(require('node:http').STATUS_CODES[500])
        return
      }
      super[kRejection]?.(error, event, ...args)
    }
  }
}

/** Like Node, starts the compatibility API with its first listener; it uses the 'stream' event. */
function setUpCompatible(event) {
  if (event !== 'request' && event !== 'checkContinue') return
  this.removeListener('newListener', setUpCompatible)
  this.on('stream', onStream)
}

function onStream(stream, headers, _flags, rawHeaders) {
  // Node's own server creates the requests of its own streams.
  if (stream[kExchange] === undefined) return
  const { Request, Response } = this[kClasses]
  const req = new Request(stream, headers, undefined, rawHeaders)
  answer(this, req, new Response(stream), headers[HTTP2_HEADER_METHOD], headers.expect)
}

/** Emits the event that a request belongs to. If it has no listener, answers with the error status. */
function answer(server, req, res, method, expect) {
  if (method === 'CONNECT') {
    if (!server.emit('connect', req, res)) refuse(res, 405)
    return
  }
  if (expect !== undefined) {
    if (expect !== '100-continue') {
      if (server.listenerCount('checkExpectation') > 0) server.emit('checkExpectation', req, res)
      else refuse(res, 417)
      return
    }
    if (server.listenerCount('checkContinue') > 0) {
      server.emit('checkContinue', req, res)
      return
    }
    res.writeContinue()
  }
  server.emit('request', req, res)
}

function refuse(res, status) {
  res.statusCode = status
  res.end()
}

/**
 * Makes `server` emit the events of `hidden`, a server that never listens itself. `answer` sees each event first; if it returns
 * anything but `undefined`, `server` does not emit the event.
 */
function speakFor(server, hidden, answer) {
  hidden.emit = (name, ...args) => answer?.(name, args) ?? server.emit(name, ...args)
}

/** Node's own HTTP/2 server, for the connections that ironwire's does not handle. It never listens; `event` hands a connection to it. */
function coreOf(server, event, create) {
  if (server[kCore] === undefined) {
    const genuine = create(server[kOptions])
    const { emit } = genuine
    // Node's server checks that it has a listener of its own.
    genuine.on('request', () => {})
    speakFor(server, genuine, (name, args) => {
      if (name === event) return emit.call(genuine, name, ...args)
      if (name === 'close') return false
      if (name !== 'stream' || server.listenerCount('request') === 0) return undefined
      // Node's listener is the one that creates requests from streams.
      server.emit(name, ...args)
      return emit.call(genuine, name, ...args)
    })
    Object.defineProperty(genuine, 'timeout', { get: () => server.timeout })
    server[kCore] = genuine
  }
  return server[kCore]
}

/** The options of the HTTP/1 server on the same port. */
function http1Options(options) {
  const { Http1IncomingMessage: IncomingMessage, Http1ServerResponse: ServerResponse, http1Options } = options
  return { ...options, IncomingMessage, ServerResponse, ...http1Options }
}

module.exports = { answer, coreOf, http1Options, http2, serving, speakFor }
