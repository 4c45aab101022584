'use strict'

// What TLS says of the other end of a connection.

const { inspect } = require('node:util')
const { native } = require('../engine.js')
const { describe } = require('./ciphers.js')

/** What a stranger shows need not be anything that Node can read. `node:crypto` is loaded late: a Node that was built without OpenSSL has none. */
function parsed(der) {
  const { X509Certificate } = require('node:crypto')
  try {
    return [new X509Certificate(der)]
  } catch {
    return []
  }
}

/** Asks when somebody wants to know, since most never do. */
class TlsPeer {
  #wire
  #asks
  #info
  #chain
  #certificate
  #certificates

  /** `asks`: whether this end wants to see certificates. */
  constructor(wire, asks) {
    this.#wire = wire
    this.#asks = asks
  }

  /** The connection is about to be closed: from then on nobody can be asked. */
  keep() {
    void this.info
    void this.chain
    this.#wire = null
  }

  /** See src/binding/tls.rs. */
  get info() {
    this.#info ??= native.tlsInfo(this.#wire.id) ?? []
    return this.#info
  }

  /** The peer's certificates, DER, its own first. */
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

  /** What ALPN has found. */
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

  /** What is not known is not good. */
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

  /** Its certificates would be pages. */
  [inspect.custom](_depth, options) {
    const { authorized, authorizationError, protocol, servername } = this
    return `TlsPeer ${inspect({ authorized, authorizationError, protocol, servername }, options)}`
  }
}

module.exports = { TlsPeer }
