'use strict'

// Connections of servers whose TLS is done by Rust. JavaScript is told when the handshake ends; then the base class
// continues with its own protocol.

const { find } = require('../core.js')
const { EOF } = require('../constants.js').errno
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { Connection } = require('../net/handle.js')
const { Server: NetServer } = require('../net/server.js')
const { hangUp, handshakeTimeout, sslError } = require('./errors.js')
const { accepted } = require('./info.js')
const { SecureSocket } = require('./socket.js')
const { kAccepted } = require('../net/symbols.js')

/**
 * Makes a class of connections of TLS servers, derived from `Base`. The `server` comes from `Base`; `getSocket()` makes
 * the socket, and `begin()` continues once TLS is established.
 */
function secured(Base) {
  class SecureConnection extends accepted(Base) {
    /** `handshakes` are the pending ones of the server (handshakes.js). */
    constructor(id, isTcp, server, handshakes) {
      super(id, isTcp, server)
      this.handshakes = handshakes
      this.secured = false
      handshakes.add(this)
    }

    /**
     * Starts the handshake with the contexts of a server. `greet`, if given, is called with this connection when the
     * client's hello has arrived.
     */
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

    /** Fails the connection with an error from the server's JavaScript, in the handshake or after it. */
    fail(error) {
      if (this.closing) return
      if (this.secured) this.getSocket().destroy(error)
      else this.refuse(error)
    }

    /** rustls cannot answer the client's hello. Node's TLS may be able to, or reports what is wrong. */
    onUnanswered() {
      this.leaveTo(undefined)
    }

    /** Has Node's TLS start from the beginning. `context` is the one that was chosen for the client, if any. */
    leaveTo(context) {
      this.handshakes.delete(this)
      native.readStop(this.id)
      const { id, isTcp, server } = this
      const heard = native.tlsLeave(id)
      withChoice(server, context, () => NetServer.prototype[kAccepted].call(server, id, isTcp, heard))
    }

    onSecured() {
      this.handshakes.delete(this)
      this.secured = true
      const { requestCert, rejectUnauthorized } = this.server
      // Read now, which also caches what is known of the peer: later the client may be gone, or the engine may have
      // given up the connection.
      const isUnknown = requestCert && !this.authorized
      if (isUnknown && rejectUnauthorized) return this.refuse(this.unauthorized())
      this.begin()
    }

    /**
     * The error that Node's server reports for a client that is refused. A client without a certificate gets this far
     * if it resumes a session of a server that did not demand one.
     */
    unauthorized() {
      // The certificates are not parsed: a stranger may send something that Node cannot read.
      const isShown = (native.tlsPeer(this.id) ?? []).length > 0
      return isShown ? hangUp() : sslError('peer did not return a certificate', 'the server asked for one')
    }

    onInsecure(reason, detail) {
      const error = sslError(reason, detail)
      if (this.secured) this.getSocket().destroy(error)
      else this.refuse(error)
    }

    /** There will be no TLS. The connection is closed before the event is emitted. */
    refuse(error) {
      this.handshakes.delete(this)
      if (this.closing) return
      const { server } = this
      const socket = this.getSocket()
      // Reading it makes the socket remember it.
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

  /** Called for the client's hello, if the server's JavaScript takes part in the handshake. */
  SecureConnection.prototype.greet = undefined
  return SecureConnection
}

/**
 * Runs `code`, which leaves a connection to Node's TLS, and gives Node the `context` that was chosen: the program must
 * be asked only once per connection.
 */
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

/** A connection of `tls`, without a further protocol. */
class ServedConnection extends Connection {
  constructor(id, isTcp, server) {
    super(id, isTcp)
    this.server = server
  }

  getSocket() {
    // The socket puts itself into `socket`.
    return this.socket ?? new SecureSocket(this)
  }

  begin() {
    const socket = this.getSocket()
    this.server.emit('secureConnection', socket)
    // Reads even if the program does not, so that the end of the connection is noticed.
    if (!socket.destroyed && !socket.isPaused()) socket.read(0)
  }
}

module.exports = { secured, SecureConnection: secured(ServedConnection) }
