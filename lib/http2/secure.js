'use strict'

// `http2.Http2SecureServer` over the native engine: a server of `https` that chooses the protocol by ALPN. A connection that uses
// Node's TLS is handled by Node's HTTP/2 as well.

const net = require('node:net')
const core = require('../core.js')
const { begin, onConnection: serveHttp1, prepare } = require('../http/server.js')
const { kSecure, kSecured } = require('../http/symbols.js')
const { Server } = require('../https/server.js')
const { SecureSocket } = require('../https/socket.js')
const { attach } = require('../net/socket.js')
const { sslError } = require('../tls/errors.js')
const { accepted } = require('../tls/info.js')
const { AcceptedConnection } = require('./accepted.js')
const { kOnLost, kOptions } = require('./symbols.js')
const { coreOf, http1Options, http2, serving } = require('./serving.js')

/** A connection that speaks HTTP/2 over TLS. It takes over from the connection that did the handshake. */
class SecureHttp2Connection extends accepted(AcceptedConnection) {
  constructor({ id, isTcp, server, socket, info }) {
    super(id, isTcp, server)
    this.secured = true
    this.asked = info
    if (socket === undefined) return
    // The program has seen the socket during the handshake: keep it.
    attach(socket, this)
    socket[kSecure] = this
    this.watch(socket)
  }

  makeSocket() {
    return new SecureSocket(this)
  }

  onInsecure(reason, detail) {
    const error = sslError(reason, detail)
    if (this.session === undefined) this.getSocket().destroy(error)
    else this.session[kOnLost](error)
  }
}

class Http2SecureServer extends serving(Server) {
  constructor(options = {}, requestListener) {
    const ALPNProtocols = options.allowHTTP1 ? ['h2', 'http/1.1'] : ['h2']
    super(options, { ...http1Options(options), ...(options.ALPNCallback ? {} : { ALPNProtocols }) })
    prepare(this, 'secureConnection', onSecureConnection)
    if (typeof requestListener === 'function') this.on('request', requestListener)
  }

  /** Unlike the server without TLS, Node's may be disposed of again. */
  [Symbol.asyncDispose]() {
    return net.Server.prototype[Symbol.asyncDispose].call(this)
  }

  [kSecured](secure) {
    if (secure.alpnProtocol !== 'h2') {
      if (this[kOptions].allowHTTP1) begin(secure, 'secureConnection', false)
      else this.emit('secureConnection', secure.getSocket())
      return
    }
    const connection = new SecureHttp2Connection(secure)
    const ours = this._events.secureConnection === onSecureConnection && this.emit === core.own.emit
    if (ours) connection.attach()
    else this.emit('secureConnection', connection.getSocket())
  }
}

/** Acts on the result of ALPN: HTTP/2, HTTP/1 where it is allowed. Node's server handles everything else. */
function onSecureConnection(socket) {
  const connection = socket._handle
  const { alpnProtocol } = socket
  if (connection instanceof SecureHttp2Connection && connection.server === this) {
    if (connection.session === undefined) connection.attach()
  } else if (this[kOptions].allowHTTP1 && (alpnProtocol === false || alpnProtocol === 'http/1.1')) {
    serveHttp1.call(this, socket)
  } else coreOf(this, 'secureConnection', http2.createSecureServer).emit('secureConnection', socket)
}

module.exports = { Http2SecureServer }
