'use strict'

// Certificates that are replaced while servers and channels run: where they come from, and credentials that take the latest. As in
// @grpc/grpc-js, where they are among `experimental`.

const fs = require('node:fs')
const process = require('node:process')
const { clearInterval, setInterval } = require('node:timers')
const { invalidArgType } = require('../errors.js')
const { logVerbosity } = require('./constants.js')
const { ChannelCredentials, ServerCredentials } = require('./credentials.js')
const { log } = require('./logging.js')

const tls = () => require('./tls.js')

/** The longest that Node's timers take. */
const MAX_INTERVAL = 2 ** 31 - 1
const NOT_LOADED = 'Failed to load credentials'

/** Reads files again and again. `null` is said of those that cannot be read. */
class FileWatcherCertificateProvider {
  #config
  #timer
  #reading = 0
  #readAt = -Infinity
  #ca
  #identity
  #caListeners = new Set()
  #identityListeners = new Set()

  constructor(config) {
    const { certificateFile, privateKeyFile, caCertificateFile } = config
    if ((certificateFile === undefined) !== (privateKeyFile === undefined)) {
      throw new Error('certificateFile and privateKeyFile must be set or unset together')
    }
    if (certificateFile === undefined && caCertificateFile === undefined) {
      throw new Error('At least one of certificateFile and caCertificateFile must be set')
    }
    const { refreshIntervalMs: interval } = config
    if (!(interval > 0)) throw invalidArgType('config.refreshIntervalMs', 'a number of milliseconds', interval)
    this.#config = config
  }

  addCaCertificateListener(listener) {
    this.#caListeners.add(listener)
    this.#watch()
    if (this.#ca !== undefined) process.nextTick(listener, this.#ca)
  }

  removeCaCertificateListener(listener) {
    this.#caListeners.delete(listener)
    this.#rest()
  }

  addIdentityCertificateListener(listener) {
    this.#identityListeners.add(listener)
    this.#watch()
    if (this.#identity !== undefined) process.nextTick(listener, this.#identity)
  }

  removeIdentityCertificateListener(listener) {
    this.#identityListeners.delete(listener)
    this.#rest()
  }

  #watch() {
    if (this.#timer !== undefined) return
    const { refreshIntervalMs: interval } = this.#config
    const age = Date.now() - this.#readAt
    if (age > 2 * interval) {
      this.#ca = undefined
      this.#identity = undefined
    }
    if (age > interval) this.#read()
    // Whoever has listeners has servers or calls, which keep the process.
    this.#timer = setInterval(() => this.#read(), Math.min(interval, MAX_INTERVAL)).unref()
  }

  #rest() {
    if (this.#caListeners.size > 0 || this.#identityListeners.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #read() {
    const reading = ++this.#reading
    const { certificateFile, privateKeyFile, caCertificateFile } = this.#config
    const [certificate, privateKey, caCertificate] = await Promise.all(
      [certificateFile, privateKeyFile, caCertificateFile].map(readOrNull),
    )
    if (reading !== this.#reading) return
    this.#readAt = Date.now()
    this.#identity = certificate !== null && privateKey !== null ? { certificate, privateKey } : null
    this.#ca = caCertificate === null ? null : { caCertificate }
    for (const listener of [...this.#identityListeners]) process.nextTick(listener, this.#identity)
    for (const listener of [...this.#caListeners]) process.nextTick(listener, this.#ca)
  }
}

async function readOrNull(file) {
  if (file === undefined) return null
  return fs.promises.readFile(file).catch(() => null)
}

/** What two providers say, put together. `make(identity)` makes TLS of it. */
class Latest {
  #ca
  #identity
  #make
  #last = { ca: null, identity: null }
  #onUpdate
  #onCa = (update) => this.#take('ca', update)
  #onIdentity = (update) => this.#take('identity', update)
  /** Undefined until both have said something; null when there is nothing. */
  tls

  constructor(ca, identity, make, onUpdate) {
    this.#ca = ca
    this.#identity = identity
    this.#make = make
    this.#onUpdate = onUpdate
  }

  listen() {
    this.#last = { ca: this.#ca === null ? null : undefined, identity: this.#identity === null ? null : undefined }
    this.#ca?.addCaCertificateListener(this.#onCa)
    this.#identity?.addIdentityCertificateListener(this.#onIdentity)
  }

  stop() {
    this.#ca?.removeCaCertificateListener(this.#onCa)
    this.#identity?.removeIdentityCertificateListener(this.#onIdentity)
  }

  #take(name, update) {
    this.#last[name] = update
    const { ca, identity } = this.#last
    if (ca === undefined || identity === undefined) return
    const isWhole = (ca !== null || this.#ca === null) && (identity !== null || this.#identity === null)
    try {
      if (isWhole) {
        const given = { ca: ca?.caCertificate, key: identity?.privateKey, cert: identity?.certificate }
        if (this.tls == null || !isSame(given, this.given)) this.tls = this.#make(given)
        this.given = given
      } else this.tls ??= null
    } catch (error) {
      // They may be in the middle of being replaced: what was good before is kept.
      log(logVerbosity.ERROR, `Failed to create TLS of new certificates: ${error.message}`)
      this.tls ??= null
    }
    this.#onUpdate()
  }
}

const isSame = (given, others) =>
  ['ca', 'key', 'cert'].every((name) => given[name] === others[name] || given[name]?.equals(others[name]))

// --- clients

class ProvidedChannel extends ChannelCredentials {
  constructor(ca, identity, verify) {
    super()
    this.ca = ca
    this.identity = identity
    this.verify = verify
    /** Connections that wait for certificates. */
    this.waiting = []
    const make = (given) => tls().ClientTls.of(given, verify)
    this.latest = new Latest(ca, identity, make, () => this.proceed())
  }

  _isSecure() {
    return true
  }

  _equals(other) {
    if (this === other) return true
    if (!(other instanceof ProvidedChannel) || this.ca !== other.ca || this.identity !== other.identity) return false
    return ['checkServerIdentity', 'rejectUnauthorized'].every((name) => this.verify[name] === other.verify[name])
  }

  _towards(name, options) {
    return new ProvidedTowards(this, options['grpc.ssl_target_name_override'] ?? name)
  }

  /** Calls back with the latest TLS, or null: it is asked for when there is somebody to connect to. */
  ask(callback) {
    this.waiting.push(callback)
    if (this.waiting.length === 1) this.latest.listen()
  }

  proceed() {
    this.latest.stop()
    for (const callback of this.waiting.splice(0)) callback(this.latest.tls)
  }
}

class ProvidedTowards {
  constructor(credentials, name) {
    this.credentials = credentials
    this.name = name
    /** TLS with the server, as of these certificates: it knows its session. */
    this.made = undefined
    this.towards = undefined
  }

  link(Link, ...args) {
    const link = tls().secured(Link, this, args)
    link.connect = () => {
      this.credentials.ask((made) => {
        if (link.closing) return
        if (made === null) return link.lose(new Error(NOT_LOADED))
        if (this.made !== made) this.towards = made.towards(this.name)
        this.made = made
        link.tls = this.towards
        Link.prototype.connect.call(link)
      })
    }
    return link
  }
}

// --- servers

class ProvidedServer extends ServerCredentials {
  constructor(identity, ca, requires) {
    super()
    this.identity = identity
    this.ca = ca
    this.requires = requires
  }

  _isSecure() {
    return true
  }

  _equals(other) {
    if (this === other) return true
    if (!(other instanceof ProvidedServer) || this.requires !== other.requires) return false
    return this.ca === other.ca && this.identity === other.identity
  }

  _acceptance() {
    return new ProvidedAcceptance(this)
  }
}

class ProvidedAcceptance {
  constructor({ identity, ca, requires }) {
    /** Acceptors that listen. */
    this.acceptors = 0
    this.latest = new Latest(
      ca,
      identity,
      (given) => this.make(given, ca !== null, requires),
      () => this.proceed(),
    )
    /** Connections that wait for the first certificates. */
    this.handshakes = tls().handshakes()
    this.waiting = new Set()
  }

  make(given, asks, requires) {
    const made = new (tls().ServerTls)(given, asks)
    made.rejects = requires
    return made
  }

  hold() {
    if (this.acceptors++ === 0) this.latest.listen()
  }

  release() {
    if (--this.acceptors === 0) this.latest.stop()
  }

  link(Link, ...args) {
    const link = tls().secured(Link, this, args)
    const { attach } = link
    link.attach = () => {
      if (this.latest.tls !== undefined) return this.begin(link, attach)
      this.handshakes.add(link)
      this.waiting.add(() => this.begin(link, attach))
    }
    return link
  }

  begin(link, attach) {
    this.handshakes.delete(link)
    if (link.closing) return
    const { tls: made } = this.latest
    if (made === null) return link.lose(new Error(NOT_LOADED))
    link.tls = made
    attach.call(link)
  }

  proceed() {
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const begin of waiting) begin()
  }
}

/** `identity` may be null, for clients that show no certificate. */
function createCertificateProviderChannelCredentials(ca, identity, verifyOptions) {
  return new ProvidedChannel(ca, identity, verifyOptions ?? {})
}

/** `ca` may be null, for servers that ask for no certificates. The order is that of @grpc/grpc-js, whatever it calls them. */
function createCertificateProviderServerCredentials(identity, ca, requireClientCertificate) {
  return new ProvidedServer(identity, ca, requireClientCertificate)
}

module.exports = {
  FileWatcherCertificateProvider,
  createCertificateProviderChannelCredentials,
  createCertificateProviderServerCredentials,
}
