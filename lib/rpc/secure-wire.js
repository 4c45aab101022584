'use strict'

// A wire with TLS, which the engine does below the frames.

const { native } = require('../engine')
const { sslError } = require('../tls/errors')
const { Wire } = require('./wire')
const { TlsPeer } = require('../tls/peer')
const { leaveUnanswered } = require('../tls/unanswered')
const { MAGIC } = require('./protocol')

/** What rustls says of bytes that are no records. */
const NO_TLS = new Set(['invalid record type', 'wrong version number'])

/** Whether what came first is, or may become, the first of rpc without TLS. */
const isRpc = (heard) => heard.subarray(0, 4).every((byte, i) => byte === (MAGIC >>> (24 - 8 * i)) % 256)

/** Its peer hears `secure` first, then `encrypted` where others hear `attach`, or what made TLS fail (`insecure`, `plain`). */
class SecureWire extends Wire {
  constructor(id, isServer, options, tls) {
    super(id, isServer, options)
    this.tls = tls
    this.secured = false
  }

  /** Of what is encrypted already nobody can tell whether the peer has seen it: it counts as sent. */
  get queued() {
    return this.closing ? this.left : native.unencrypted(this.id)
  }

  get sent() {
    return this.closing ? this.sentAll : native.bytesSent(this.id) - native.unencrypted(this.id)
  }

  /** Begins TLS, and to read. Nothing may have been written before. */
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

  /** Of a client: the server is who it should be, and can be sent what is written. */
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

  /** Of a client: the server has given a session to go on with. */
  onSession(name) {
    if (!this.closing) this.tls.session = name
  }

  /** Who has connected speaks something else, or wants what rustls does not have. Nothing was sent to it. */
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
