'use strict'

// What TLS says of a connection, to either side.

const { Buffer } = require('node:buffer')
const { X509Certificate } = require('node:crypto')
const { native } = require('../engine.js')
const { describe } = require('./ciphers.js')
const { verifyCode } = require('./errors.js')

/** Connections of `Base` that say what their TLS is, as soon as they are `secured`. */
function informed(Base) {
  class InformedConnection extends Base {
    /** Version, suite, protocol, name asked for, whether it was resumed, what is wrong with the peer's certificate; kept for when it is closed. */
    get info() {
      this.asked ??= (this.secured && native.tlsInfo(this.id)) || undefined
      return this.asked ?? []
    }

    /** Whoever has kept the socket may ask afterwards. */
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

    /** The peer's certificates, its own first. */
    get peerCertificates() {
      this.chain ??= linked((native.tlsPeer(this.id) ?? []).map((der) => new X509Certificate(der)))
      return this.chain
    }

    /** The peer's own, and those that lead from there to what is trusted, shown or not. */
    get peerChain() {
      this.whole ??= (native.tlsChain(this.id) ?? []).map((der) => new X509Certificate(der))
      return this.whole
    }

    /** Has records carry no more than so many bytes; returns whether they do. */
    setFragment(size) {
      return native.tlsFragment(this.id, size) === 0
    }

    /** This side's own. */
    get certificate() {
      const [der] = (this.secured && native.tlsOwn(this.id)) || []
      this.own ??= der && new X509Certificate(der)
      return this.own
    }
  }

  /** Asked once, when somebody wants to know. */
  InformedConnection.prototype.asked = undefined
  InformedConnection.prototype.chain = undefined
  InformedConnection.prototype.whole = undefined
  InformedConnection.prototype.own = undefined
  return InformedConnection
}

/** The same of connections to a `server`. */
function accepted(Base) {
  return class AcceptedConnection extends informed(Base) {
    get servername() {
      return this.secured ? (this.info[3] ?? false) : null
    }

    get authorizationError() {
      return (this.server.requestCert && verifyCode(this.info[5])) || null
    }

    /** What is not known, or not any more, is not good. */
    get authorized() {
      return this.server.requestCert && this.info.length > 0 && this.authorizationError === null
    }

    onKeys(lines) {
      const socket = this.getSocket()
      for (const line of lines.split(/(?<=\n)/)) this.server.emit('keylog', Buffer.from(line), socket)
    }
  }
}

/** Each says who has signed it, as those of Node's sockets do. */
function linked(chain) {
  for (let at = 1; at < chain.length; at++) {
    Object.defineProperty(chain[at - 1], 'issuerCertificate', { value: chain[at], configurable: true })
  }
  return chain
}

module.exports = { informed, accepted }
