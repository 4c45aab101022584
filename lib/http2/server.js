'use strict'

// `http2.Server` over the native engine. Node's server is used for unusual cases: request classes that do not extend ironwire's, and
// streams that are not sockets.

const { Server: NetServer } = require('../net/server.js')
const core = require('../core.js')
const { AcceptedConnection } = require('./accepted.js')
const { closeHttp1 } = require('./http1.js')
const { isUsual } = require('./options.js')
const { Http2ServerRequest } = require('./request.js')
const { Http2ServerResponse } = require('./response.js')
const { kOptions } = require('./symbols.js')
const { coreOf, http2, serving } = require('./serving.js')
const { isOurs } = require('./taken.js')
const { kAccepted } = require('../net/symbols.js')

function isServable(options) {
  return (
    isUsual(options) &&
    extendsOurs(options?.Http2ServerRequest, Http2ServerRequest) &&
    extendsOurs(options?.Http2ServerResponse, Http2ServerResponse)
  )
}

/** Whether a class of the program extends ironwire's. */
function extendsOurs(Given, Ours) {
  return Given === undefined || Given === Ours || Function.prototype[Symbol.hasInstance].call(Ours, Given.prototype)
}

class Http2Server extends serving(NetServer) {
  constructor(options = {}, requestListener) {
    super(options, { ...options, allowHalfOpen: true })
    this.on('connection', onConnection)
    if (typeof requestListener === 'function') this.on('request', requestListener)
  }

  /** The listening handle has accepted a connection. */
  [kAccepted](id, isTcp) {
    const connection = new AcceptedConnection(id, isTcp, this)
    const ours = this._events.connection === onConnection && this.emit === core.own.emit
    if (ours && this[kOptions].allowHTTP1) connection.sniff()
    else if (ours) connection.attach()
    else this.emit('connection', connection.getSocket())
  }

  close(callback) {
    super.close(callback)
    closeHttp1(this)
    return this
  }
}

/** Speaks HTTP/2 on a socket: with the native engine on one of ironwire's, with Node's implementation on any other stream. */
function onConnection(socket) {
  const connection = socket._handle
  if (!(connection instanceof AcceptedConnection) || connection.server !== this) {
    coreOf(this, 'connection', http2.createServer).emit('connection', socket)
  } else if (connection.session === undefined) connection.attach()
}

function createServer(options, onRequest) {
  if (typeof options === 'function') {
    onRequest = options
    options = {}
  }
  if (!isServable(options)) return http2.createServer(options, onRequest)
  // Node checks the options and throws its own errors.
  if (options !== undefined) http2.createServer(options)
  return new Http2Server(options, onRequest)
}

function createSecureServer(options, onRequest) {
  if (!isServable(options)) return http2.createSecureServer(options, onRequest)
  // Node checks the options and throws its own errors.
  if (typeof options !== 'object') http2.createSecureServer(options)
  else http2.createServer(options)
  const { Http2SecureServer } = require('./secure.js')
  return new Http2SecureServer(options, onRequest)
}

function performServerHandshake(socket, options = {}) {
  if (!isServable(options) || !isOurs(socket)) return http2.performServerHandshake(socket, options)
  // Node checks the options and throws its own errors.
  http2.createServer(options)
  const { ServerHttp2Session } = require('./handshake.js')
  return new ServerHttp2Session(socket, options)
}

module.exports = { createServer, createSecureServer, performServerHandshake }
