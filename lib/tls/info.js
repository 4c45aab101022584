'use strict'

// What TLS knows of a connection, on either side.

const { Buffer } = require('node:buffer')
const { X509Certificate } = require('node:crypto')
const { native } = require('../engine.js')
const { describe } = require('./ciphers.js')
const { verifyCode } = require('./errors.js')

/** Makes a class of connections, derived from `Base`, that report about their TLS once they are `secured`. */
function informed(Base) {
  class InformedConnection extends Base {
    /**
     * Version, cipher suite, ALPN protocol, server name, whether the session was resumed, what is wrong with the peer's
     * certificate, and the key exchange group. Cached, for use after the connection has closed.
     */
    get info() {
      this.asked ??= (this.secured && native.tlsInfo(this.id)) || undefined
      return this.asked ?? []
    }

    /** A program that has kept the socket may ask after the connection has closed. */
    close(callback) {
      void this.info
      super.close(callback)
    }

    reset(callback) {
      void this.info
      return super.reset(callback)
    }

    get version() {
      return this.info[0] ?? null
    }

    get cipher() {
      const [, suite] = this.info
      return suite === undefined ? {} : describe(suite)
    }

    get alpnProtocol() {
      return this.secured ? (this.info[2] ?? false) : null
    }

    get isResumed() {
      return this.info[4] ?? false
    }

    /** The certificates that the peer has sent, its own first. */
    get peerCertificates() {
      this.chain ??= linked((native.tlsPeer(this.id) ?? []).map((der) => new X509Certificate(der)))
      return this.chain
    }

    /** The peer's own certificate and the chain from there to a trusted one, whether the peer has sent it or not. */
    get peerChain() {
      this.whole ??= (native.tlsChain(this.id) ?? []).map((der) => new X509Certificate(der))
      return this.whole
    }

    /** Limits the size of records to this many bytes. Returns whether that succeeded. */
    setFragment(size) {
      return native.tlsFragment(this.id, size) === 0
    }

    /** This side's own certificate. */
    get certificate() {
      const [der] = (this.secured && native.tlsOwn(this.id)) || []
      this.own ??= der && new X509Certificate(der)
      return this.own
    }
  }

  /** Each is asked for once, on first use. */
  InformedConnection.prototype.asked = undefined
  InformedConnection.prototype.chain = undefined
  InformedConnection.prototype.whole = undefined
  InformedConnection.prototype.own = undefined
  return InformedConnection
}

/** The same for connections that a server has accepted; they have a `server`. */
function accepted(Base) {
  return class AcceptedConnection extends informed(Base) {
    get servername() {
      return this.secured ? (this.info[3] ?? false) : null
    }

    get authorizationError() {
      return (this.server.requestCert && verifyCode(this.info[5])) || null
    }

    /** If nothing is known, or no longer known, the peer is not authorized. */
    get authorized() {
      return this.server.requestCert && this.info.length > 0 && this.authorizationError === null
    }

    onKeys(lines) {
      const socket = this.getSocket()
      for (const line of lines.split(/(?<=\n)/)) this.server.emit('keylog', Buffer.from(line), socket)
    }
  }
}

/** Links each certificate to its issuer, as Node's sockets do. */
function linked(chain) {
  for (let at = 1; at < chain.length; at++) {
    Object.defineProperty(chain[at - 1], 'issuerCertificate', { value: chain[at], configurable: true })
  }
  return chain
}

module.exports = { informed, accepted }
