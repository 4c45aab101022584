'use strict'

// A wire with TLS. The engine does the TLS below the frames.

const { native } = require('../engine')
const { sslError } = require('../tls/errors')
const { Wire } = require('./wire')
const { TlsPeer } = require('../tls/peer')
const { leaveUnanswered } = require('../tls/unanswered')
const { MAGIC } = require('./protocol')

/** rustls reports these reasons when the received bytes are not TLS records. */
const NO_TLS = new Set(['invalid record type', 'wrong version number'])

/** Whether the first bytes are, or may become, the beginning of rpc without TLS. */
const isRpc = (heard) => heard.subarray(0, 4).every((byte, i) => byte === (MAGIC >>> (24 - 8 * i)) % 256)

/**
 * Calls `secure` on its peer when it is connected, then `encrypted` instead of `attach`, or `insecure` or `plain` when
 * TLS failed.
 */
class SecureWire extends Wire {
  constructor(id, isServer, options, tls) {
    super(id, isServer, options)
    this.tls = tls
    this.secured = false
  }

  /** Once bytes are encrypted, nobody can tell whether the peer has seen them: they count as sent. */
  get queued() {
    return this.closing ? this.left : native.unencrypted(this.id)
  }

  get sent() {
    return this.closing ? this.sentAll : native.bytesSent(this.id) - native.unencrypted(this.id)
  }

  /** Starts TLS and reading. Nothing may have been written before. */
  start(peer) {
    this.peer = peer
    const failure = this.tls.start(this)
    if (failure === undefined) super.start(peer)
    else this.fail(peer.insecure(failure, false))
  }

  begin() {
    this.peer.secure(this)
    this.start(this.peer)
  }

  /** Client only: the server's identity was verified, so written data may be sent. */
  trust() {
    native.tlsTrust(this.id)
  }

  destroy() {
    if (!this.closing) this.tlsPeer?.keep()
    super.destroy()
  }

  // ---- called by the engine

  onSecured() {
    if (this.closing) return
    this.secured = true
    this.tlsPeer = new TlsPeer(this, this.tls.asks)
    this.peer.encrypted(this.tlsPeer)
  }

  /** Client only: the server sent a session ticket for resumption. */
  onSession(name) {
    if (!this.closing) this.tls.session = name
  }

  /** The client speaks another protocol, or asks for TLS that rustls does not support. Nothing was sent to it yet. */
  onUnanswered() {
    if (this.closing) return
    const { heard, isHandshake } = leaveUnanswered(this)
    if (isRpc(heard)) return this.peer.plain()
    if (!isHandshake) return this.fail(this.peer.insecure(new Error('it does not speak TLS')))
    this.fail(
      this.peer.insecure(new Error('it asks for a TLS version or for cipher suites that rustls does not support')),
    )
  }

  onInsecure(reason, detail) {
    if (this.closing) return
    const cause = sslError(reason, detail)
    this.fail(this.peer.insecure(cause, !this.secured && NO_TLS.has(reason)))
  }
}

module.exports = { SecureWire }
