'use strict'

// TLS below gRPC, which rustls does: what the credentials of either side stand for, and links that begin with it.

const { Buffer } = require('node:buffer')
const { readFileSync } = require('node:fs')
const process = require('node:process')
const { checkServerIdentity } = require('node:tls')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { EOF } = require('../constants.js').errno
const { optionsOf } = require('../tls/context.js')
const { disconnected, hangUp, sslError } = require('../tls/errors.js')
const { Handshakes } = require('../tls/handshakes.js')
const { TlsPeer } = require('../tls/peer.js')
const { Acceptance, Towards, requiredContext } = require('../tls/required.js')
const { defaultRoots } = require('../tls/roots.js')
const { leaveUnanswered } = require('../tls/unanswered.js')
const { Provided } = require('./certificate-provider.js')
const { unsupported, unusable } = require('./errors.js')

const H2 = 'h2'
/** As core keeps protocols: each behind its length. */
const ALPN = Buffer.from(`\x02${H2}`)
/** Node's default, in milliseconds. */
const HANDSHAKE_TIMEOUT = 120_000
/** What Node's HTTP/2 says to a client of TLS that names no protocol. */
const NO_PROTOCOL = `HTTP/1.0 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nMissing ALPN Protocol, expected \`${H2}\`.\n`

let rootsFile = {}

/** The authorities that are trusted where none are given, if the environment names a file of them. */
function rootsOfEnvironment() {
  const path = process.env.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH
  if (!path) return undefined
  if (rootsFile.path !== path) rootsFile = { path, bytes: readFileSync(path) }
  return rootsFile.bytes
}

/** `verifies`: whether this end looks at certificates. */
function contextOf(options, verifies, more = {}) {
  const roots = verifies && options.ca === undefined ? defaultRoots() : undefined
  if (roots === null) {
    throw unusable('ca', 'must be given: Node was told to trust others than its own, and does not show whom')
  }
  return requiredContext(options, { alpn: ALPN, roots: roots?.bytes, ...more }, unusable)
}

/** `{ ca, cert, key }` with what the environment says. */
function completed({ ca, ...identity }) {
  return { ca: ca ?? rootsOfEnvironment(), ciphers: process.env.GRPC_SSL_CIPHER_SUITES, ...identity }
}

// --- clients

/** What a client takes servers with. */
class ClientTls {
  constructor(options, verify) {
    this.context = contextOf(options, true)
    this.checkServerIdentity = verify?.checkServerIdentity ?? checkServerIdentity
    this.rejects = verify?.rejectUnauthorized ?? true
  }

  static of(identity, verify) {
    return new ClientTls(completed(identity), verify)
  }

  static ofContext(secureContext, verify) {
    const options = optionsOf(secureContext)
    if (options === undefined) {
      const instead = "make it with ironwire's own tls.createSecureContext, or use createSsl"
      throw unsupported(`TLS with a secure context of which Node does not show what is in it: ${instead}`)
    }
    return new ClientTls(options, verify)
  }

  towards(name, override) {
    return new ServerIdentity(this, override ?? name)
  }
}

/** The same with certificates that change. */
class ProvidedTls {
  constructor(caProvider, identityProvider, verify) {
    this.checkServerIdentity = verify?.checkServerIdentity ?? checkServerIdentity
    this.rejects = verify?.rejectUnauthorized ?? true
    this.provided = new Provided(caProvider, identityProvider, () => this.renew())
    this.latest = null
    /** Links that wait for certificates. */
    this.waiting = new Set()
  }

  get context() {
    const { options } = this.provided
    if (options === null) throw new Error('Failed to load credentials')
    this.latest ??= contextOf({ ...options, ciphers: process.env.GRPC_SSL_CIPHER_SUITES }, true)
    return this.latest
  }

  renew() {
    this.latest = null
    const links = [...this.waiting]
    this.waiting.clear()
    for (const link of links) if (!link.closing) link.connect()
  }

  towards(name, override) {
    return new ProvidedIdentity(this, override ?? name)
  }
}

/** A server that is asked for by name. */
class ServerIdentity extends Towards {
  link(Link, ...args) {
    return secured(Link, this, args)
  }

  /** Whether there is something to begin with; else `link` is told to connect again when there is. */
  isReady(_link) {
    return true
  }

  release(_link) {}
}

/** Certificates are read while there are links, or some are being made. */
class ProvidedIdentity extends ServerIdentity {
  isReady(link) {
    const { provided, waiting } = this.tls
    if (!link.holds) provided.hold()
    link.holds = true
    if (!provided.isThere) waiting.add(link)
    return provided.isThere
  }

  release(link) {
    this.tls.waiting.delete(link)
    if (link.holds) this.tls.provided.release()
    link.holds = false
  }

  start(link) {
    try {
      return super.start(link)
    } catch (error) {
      return error
    }
  }
}

// --- servers

/** What a server takes clients with. */
class ServerTls extends Acceptance {
  constructor(identity, { requestCert: asks = false, rejectUnauthorized: rejects = true, ciphers }) {
    super(contextOf({ ciphers, ...identity }, asks, { asks, purpose: `grpc ${asks}` }))
    this.asks = asks
    this.rejects = asks && rejects
    this.handshakes = new Handshakes(HANDSHAKE_TIMEOUT)
  }

  objection(peer) {
    if (!this.asks || peer.authorized) return undefined
    const reason = peer.chain.length === 0 ? 'peer did not return a certificate' : peer.authorizationError
    return new Error(reason)
  }

  link(Link, ...args) {
    return secured(Link, this, args)
  }

  release(link) {
    this.handshakes.delete(link)
  }
}

// --- links

/** Classes of links over TLS, by those without. */
const classes = new WeakMap()

function secured(Link, tls, args) {
  let Secured = classes.get(Link)
  if (Secured === undefined) {
    Secured = secure(Link)
    classes.set(Link, Secured)
  }
  const link = new Secured(...args)
  link.tls = tls
  return link
}

function secure(Base) {
  class SecureLink extends Base {
    /** A client's: servers that have to wait for certificates may end connections. */
    connect() {
      if (this.tls.isReady(this)) super.connect()
    }

    /** There is a connection. */
    attach() {
      const { tls, id } = this
      native.setNoDelay(id, true)
      const failure = tls.start(this)
      if (failure !== undefined) return this.lose(failure)
      tls.handshakes?.add(this)
      const status = native.readStart(id)
      if (status < 0) this.lose(systemError(status, 'read'))
    }

    onSecured() {
      if (this.closing) return
      const { tls } = this
      tls.handshakes?.delete(this)
      const peer = new TlsPeer(this, tls.asks)
      this.tlsPeer = peer
      const objection = tls.objection(peer)
      this.authorized = tls.asks && objection === undefined
      if (objection !== undefined && tls.rejects) return this.lose(objection)
      // A server of TLS that names no protocol may speak HTTP/2 all the same; a client that does not is likely to speak HTTP/1.
      if (this.isServer && peer.alpnProtocol !== H2) return this.refuse()
      if (!this.isServer) native.tlsTrust(this.id)
      // It reads for whom it is attached to.
      native.readStop(this.id)
      super.attach()
    }

    refuse() {
      native.writeLatin1(this.id, NO_PROTOCOL)
      this.finish()
    }

    /** The server has given a session to go on with. */
    onSession(name) {
      this.tls.session = name
    }

    onUnanswered() {
      if (this.closing) return
      leaveUnanswered(this)
      native.flush(this.id)
      this.lose(hangUp())
    }

    onInsecure(reason, detail) {
      this.lose(sslError(reason, detail))
    }

    expireHandshake() {
      this.destroy()
    }

    /** Before there is HTTP/2. */
    onRead(length, ...more) {
      if (this.tunnel !== null) super.onRead(length, ...more)
      else if (length === EOF && this.tlsPeer === undefined) this.lose(disconnected({}))
      else if (length <= 0) super.onRead(length)
    }

    destroy() {
      // Nobody can be asked later.
      if (!this.closing) this.tlsPeer?.keep()
      super.destroy()
    }

    onClose() {
      this.tls.release(this)
      super.onClose()
    }

    getAuthContext() {
      if (!this.authorized) return {}
      return { transportSecurityType: 'ssl', sslPeerCertificate: this.tlsPeer.certificate?.toLegacyObject() }
    }
  }

  SecureLink.prototype.tls = undefined
  SecureLink.prototype.tlsPeer = undefined
  SecureLink.prototype.authorized = false
  SecureLink.prototype.holds = false
  return SecureLink
}

module.exports = { ClientTls, ProvidedTls, ServerTls, rootsOfEnvironment }
