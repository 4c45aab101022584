'use strict'

// `http2.Server` over the native engine. What is unusual about a server is core's: classes of one's own for requests, other streams
// than sockets.

const http2 = require('node:http2')
const { Server: NetServer } = require('../net/server.js')
const core = require('../core.js')
const { invalidArgType } = require('../errors.js')
const { Http2Connection } = require('./connection.js')
const { closeHttp1 } = require('./http1.js')
const { Http2ServerRequest } = require('./request.js')
const { Http2ServerResponse } = require('./response.js')
const { checked } = require('./settings.js')

const kCore = Symbol('server of core')
const kOptions = Symbol('options')

/** Whether ours can do what `options` ask for; else core's does. */
function isUsual(options) {
  if (options?.paddingStrategy || options?.selectPadding !== undefined) return false
  if (options?.strictFieldWhitespaceValidation === false || options?.strictSingleValueFields === false) return false
  return (
    extendsOurs(options?.Http2ServerRequest, Http2ServerRequest) &&
    extendsOurs(options?.Http2ServerResponse, Http2ServerResponse)
  )
}

/** Classes of a program's own can stand on ours. */
function extendsOurs(Given, Ours) {
  return Given === undefined || Given === Ours || Function.prototype[Symbol.hasInstance].call(Ours, Given.prototype)
}

class Http2Server extends NetServer {
  constructor(options = {}, requestListener) {
    super({ ...options, allowHalfOpen: true })
    this[kOptions] = { ...options, settings: { ...options.settings } }
    this.timeout = 0
    this.sessions = new Set()
    this.on('connection', onConnection)
    if (requestListener !== undefined) this.on('request', requestListener)
  }

  get options() {
    return this[kOptions]
  }

  /** A connection that the listening handle has accepted. */
  _onconnection(handle) {
    const connection = new Http2Connection(handle.id, handle.getpeername !== undefined, this)
    const ours = this._events.connection === onConnection && this.emit === core.own.emit
    if (ours && this.options.allowHTTP1) connection.sniff()
    else if (ours) connection.attach()
    else this.emit('connection', connection.getSocket())
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

  /** Takes no further connections, and no further streams on those that there are. */
  close(callback) {
    super.close(callback)
    closeHttp1(this)
    for (const session of this.sessions) session.close()
    return this
  }

  async [Symbol.asyncDispose]() {
    await new Promise((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
  }

  [Symbol.for('nodejs.rejection')](error, event, ...args) {
    if (event === 'stream' || event === 'request') {
      const [first, res] = args
      const stream = event === 'stream' ? first : res.stream
      if (event === 'request' && !res.headersSent) {
        for (const name of res.getHeaderNames()) res.removeHeader(name)
        res.statusCode = 500
        res.end(require('node:http').STATUS_CODES[500])
      } else if (event === 'stream' && !stream.headersSent) {
        stream.respond({ ':status': 500 })
        stream.end()
      } else stream.destroy(error)
      return
    }
    super[Symbol.for('nodejs.rejection')]?.(error, event, ...args)
  }
}

/** Speaks HTTP/2 on a socket: one of ours by the native engine, any other stream by core's. */
function onConnection(socket) {
  const connection = socket._handle
  if (!(connection instanceof Http2Connection) || connection.server !== this) {
    coreOf(this).emit('connection', socket)
  } else if (connection.session === undefined) connection.attach()
}

/** A server of core's, which never listens: all that it has to say, ours does. */
function coreOf(server) {
  if (server[kCore] === undefined) {
    const genuine = http2.createServer(server.options)
    const { emit } = genuine
    // Core looks for these on its own server.
    genuine.on('request', () => {})
    genuine.emit = (event, ...args) => {
      if (event === 'connection') return emit.call(genuine, event, ...args)
      const heard = server.emit(event, ...args)
      // It is core's listener that makes requests of streams.
      if (event !== 'stream' || server.listenerCount('request') === 0) return heard
      return emit.call(genuine, event, ...args)
    }
    server[kCore] = genuine
  }
  return server[kCore]
}

function createServer(options, onRequest) {
  if (typeof options === 'function') {
    onRequest = options
    options = {}
  }
  if (!isUsual(options)) return http2.createServer(options, onRequest)
  // Core says what is wrong with options.
  if (options !== undefined) http2.createServer(options)
  return new Http2Server(options, onRequest)
}

module.exports = { createServer, Http2Server }
