'use strict'

// Connections whose TLS is done by Rust: first the handshake, of which JavaScript hears the end, then whatever is spoken over them.

const { find } = require('../core.js')
const { EOF } = require('../constants.js').errno
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { Connection } = require('../net/handle.js')
const { Server: NetServer } = require('../net/server.js')
const { hangUp, handshakeTimeout, sslError } = require('./errors.js')
const { accepted } = require('./info.js')
const { SecureSocket } = require('./socket.js')

/**
 * Connections of `Base` to servers of TLS. That has the `server`, has the socket made by `getSocket()`, and by `begin()` goes on when there is
 * TLS.
 */
function secured(Base) {
  class SecureConnection extends accepted(Base) {
    /** `handshakes` are those of the server's connections. */
    constructor(id, isTcp, server, handshakes) {
      super(id, isTcp, server)
      this.handshakes = handshakes
      this.secured = false
      handshakes.add(this)
    }

    /** Begins the handshake, with the contexts of a server's. `greet` is called with who waits when the client has said what it wants. */
    accept(contexts, greet) {
      this.greet = greet
      this.reading = true
      native.tlsAccept(this.id, contexts, greet !== undefined)
      native.readStart(this.id)
    }

    onHello() {
      this.greet(this)
    }

    answer(context, protocol, staple) {
      if (!this.closing) native.tlsAnswer(this.id, context, protocol, staple)
    }

    /** What the server's JavaScript has found in the handshake, or after it. */
    fail(error) {
      if (this.closing) return
      if (this.secured) this.getSocket().destroy(error)
      else this.refuse(error)
    }

    /** rustls has no answer to what the client wants. Node's TLS may have one, or knows what is wrong. */
    onUnanswered() {
      this.leaveTo(undefined)
    }

    /** Has Node's TLS do it from the beginning, with a context that was chosen for the client. */
    leaveTo(context) {
      this.handshakes.delete(this)
      native.readStop(this.id)
      const connection = new Connection(this.id, this.isTcp)
      connection.rest = native.tlsLeave(this.id)
      withChoice(this.server, context, () => NetServer.prototype._onconnection.call(this.server, connection))
    }

    onSecured() {
      this.handshakes.delete(this)
      this.secured = true
      const { requestCert, rejectUnauthorized } = this.server
      // Looked at now: the client can be gone, or the engine can have given it up, when somebody asks.
      const isUnknown = requestCert && !this.authorized
      if (isUnknown && rejectUnauthorized) return this.refuse(this.unauthorized())
      this.begin()
    }

    /** What Node's server hears of a client that may not come in: one that shows nothing goes on with a session of a server that did not mind. */
    unauthorized() {
      // Not taken apart: what a stranger shows need not be anything that Node can read.
      const isShown = (native.tlsPeer(this.id) ?? []).length > 0
      return isShown ? hangUp() : sslError('peer did not return a certificate', 'the server asked for one')
    }

    onInsecure(reason, detail) {
      const error = sslError(reason, detail)
      if (this.secured) this.getSocket().destroy(error)
      else this.refuse(error)
    }

    /** There will be no TLS. The connection is gone before anybody hears of that. */
    refuse(error) {
      this.handshakes.delete(this)
      if (this.closing) return
      const { server } = this
      const socket = this.getSocket()
      // It remembers.
      void socket.remoteAddress
      socket.destroy()
      server.emit('tlsClientError', error, socket)
    }

    onRead(length, memory, offset) {
      if (this.secured) super.onRead(length, memory, offset)
      else this.refuse(length === EOF ? hangUp() : systemError(length, 'read'))
    }

    onWriteError(errno) {
      if (this.secured) super.onWriteError(errno)
      else this.refuse(hangUp())
    }

    onClose() {
      this.handshakes.delete(this)
      super.onClose()
    }

    expireHandshake() {
      this.refuse(handshakeTimeout())
    }
  }

  /** What of JavaScript's is asked in the handshake. */
  SecureConnection.prototype.greet = undefined
  return SecureConnection
}

/** Has Node's TLS find `context` chosen, which is asked for once per connection. */
function withChoice(server, context, code) {
  const kSNICallback = context && find(server, 'snicallback')
  if (kSNICallback === undefined) return code()
  const { [kSNICallback]: callback } = server
  server[kSNICallback] = (_name, chosen) => chosen(null, context)
  try {
    code()
  } finally {
    server[kSNICallback] = callback
  }
}

/** One that nothing else is spoken over. */
class ServedConnection extends Connection {
  constructor(id, isTcp, server) {
    super(id, isTcp)
    this.server = server
  }

  getSocket() {
    // It takes its place in `socket` by itself.
    return this.socket ?? new SecureSocket(this)
  }

  begin() {
    const socket = this.getSocket()
    this.server.emit('secureConnection', socket)
    // Its end is to be seen, whoever reads.
    if (!socket.destroyed && !socket.isPaused()) socket.read(0)
  }
}

module.exports = { secured, SecureConnection: secured(ServedConnection) }
