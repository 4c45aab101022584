'use strict'

// What TLS knows of the other end of a connection.

const { inspect } = require('node:util')
const { native } = require('../engine.js')
const { describe } = require('./ciphers.js')

/**
 * A stranger may send certificates that Node cannot parse. `node:crypto` is loaded late because a Node built without
 * OpenSSL does not have it.
 */
function parsed(der) {
  const { X509Certificate } = require('node:crypto')
  try {
    return [new X509Certificate(der)]
  } catch {
    return []
  }
}

/** Asks the engine on first use, because most programs never need it. */
class TlsPeer {
  #wire
  #asks
  #info
  #chain
  #certificate
  #certificates

  /** `asks` tells whether this end asks the peer for certificates. */
  constructor(wire, asks) {
    this.#wire = wire
    this.#asks = asks
  }

  /** Called before the connection closes: afterwards the engine cannot be asked any more. */
  keep() {
    void this.info
    void this.chain
    this.#wire = null
  }

  /** An array; see `info` in src/binding/tls.rs. */
  get info() {
    this.#info ??= native.tlsInfo(this.#wire.id) ?? []
    return this.#info
  }

  /** The peer's certificates in DER, its own first. */
  get chain() {
    this.#chain ??= (this.#asks && native.tlsPeer(this.#wire.id)) || []
    return this.#chain
  }

  get protocol() {
    return this.info[0]
  }

  get cipher() {
    const [, suite] = this.info
    return suite === undefined ? undefined : describe(suite)
  }

  /** The protocol that ALPN has selected. */
  get alpnProtocol() {
    return this.info[2]
  }

  get servername() {
    return this.info[3]
  }

  get resumed() {
    return this.info[4] ?? false
  }

  get authorizationError() {
    return (this.#asks && this.info[5]) || null
  }

  /** If nothing is known, the peer is not authorized. */
  get authorized() {
    return this.#asks && this.info.length > 0 && this.authorizationError === null
  }

  get certificate() {
    this.#certificate ??= this.chain.slice(0, 1).flatMap(parsed)[0]
    return this.#certificate
  }

  get certificates() {
    this.#certificates ??= this.chain.flatMap(parsed)
    return this.#certificates
  }

  /** The certificates would fill pages. */
  [inspect.custom](_depth, options) {
    const { authorized, authorizationError, protocol, servername } = this
    return `TlsPeer ${inspect({ authorized, authorizationError, protocol, servername }, options)}`
  }
}

module.exports = { TlsPeer }
