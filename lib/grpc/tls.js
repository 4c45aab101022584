'use strict'

// TLS of gRPC connections, done by rustls: the TLS settings behind the credentials of both sides, and links that begin
// with a handshake.

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
/** The list of protocols as in Node's core: each name follows its length. */
const ALPN = Buffer.from(`\x02${H2}`)
/** Milliseconds for a handshake, as by default in Node. */
const HANDSHAKE_TIMEOUT = 120_000
/** What Node's HTTP/2 answers to a TLS client that names no protocol. */
const NO_PROTOCOL = `HTTP/1.0 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nMissing ALPN Protocol, expected \`${H2}\`.\n`

let rootsFile = {}

/** The root certificates that are trusted if none are given: the file that the environment names, or undefined. */
function rootsOfEnvironment() {
  const path = process.env.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH
  if (!path) return undefined
  if (rootsFile.path !== path) rootsFile = { path, bytes: readFileSync(path) }
  return rootsFile.bytes
}

/** `verifies`: whether this side checks the peer's certificates. */
function contextOf(options, verifies, more = {}) {
  const roots = verifies && options.ca === undefined ? defaultRoots() : undefined
  if (roots === null) {
    throw unusable(
      'ca',
      'must be given: Node was told to trust other authorities than its own, and does not show which',
    )
  }
  return requiredContext(options, { alpn: ALPN, roots: roots?.bytes, ...more }, unusable)
}

/** `{ ca, cert, key }` with the settings of the environment added. */
function completed({ ca, ...identity }) {
  return { ca: ca ?? rootsOfEnvironment(), ciphers: process.env.GRPC_SSL_CIPHER_SUITES, ...identity }
}

// ---- clients

/** The TLS settings of a client. */
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
      throw unsupported(`TLS with a secure context whose contents Node does not show: ${instead}`)
    }
    return new ClientTls(options, verify)
  }

  towards(name, override) {
    return new ServerIdentity(this, override ?? name)
  }
}

/** The same, with certificates from providers. */
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

/** TLS to the server with one name. */
class ServerIdentity extends Towards {
  link(Link, ...args) {
    return secured(Link, this, args)
  }

  /** Whether a handshake is possible now. If not, `link.connect()` is called again when it is. */
  isReady(_link) {
    return true
  }

  release(_link) {}
}

/** Listens to the certificate providers while there are links, or links are being made. */
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

// ---- servers

/** The TLS settings of a server. */
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

// ---- links

/** Classes of links over TLS, by the class without TLS. */
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
    /**
     * Clients only. The certificates come first, because a server may close a connection on which it has to wait for
     * the handshake.
     */
    connect() {
      if (this.tls.isReady(this)) super.connect()
    }

    /** Called when the connection is open: begins the handshake. */
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
      // A TLS server that names no protocol may still speak HTTP/2. A client that names none probably speaks HTTP/1.
      if (this.isServer && peer.alpnProtocol !== H2) return this.refuse()
      if (!this.isServer) native.tlsTrust(this.id)
      // From now on, the HTTP/2 engine reads.
      native.readStop(this.id)
      super.attach()
    }

    refuse() {
      native.writeLatin1(this.id, NO_PROTOCOL)
      this.finish()
    }

    /** The server has issued a session, with which the next connection resumes. */
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

    /** The end of the connection during the handshake is an error of its own. */
    onRead(length, ...more) {
      if (this.tunnel !== null) super.onRead(length, ...more)
      else if (length === EOF && this.tlsPeer === undefined) this.lose(disconnected({}))
      else if (length <= 0) super.onRead(length)
    }

    destroy() {
      // Once the connection is closed, the engine cannot be asked for the peer's certificate.
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
