'use strict'

// What the servers of `tls` and `https` have in common. Each is a server of core's, which handles the options, their
// defaults and their errors. Core's TLS, over our sockets, also serves connections that rustls cannot serve, or that
// the program wants to see before TLS.

const { channel } = require('node:diagnostics_channel')
const { native } = require('../engine.js')
const core = require('../core.js')
const { Server: NetServer } = require('../net/server.js')
const { isTraced, nativeContext, optionsOf } = require('./context.js')
const { Handshakes } = require('./handshakes.js')
const { Hello } = require('./hello.js')
const { kAccepted } = require('../net/symbols.js')

const kCoreListener = Symbol('core listener')
/**
 * The native contexts: undefined before the first connection, and null if rustls cannot do what the options ask for.
 */
const kContexts = Symbol('contexts')
/** Whether the server never uses native contexts, whatever its options become. */
const kForeign = Symbol('foreign')
/** The contexts from `addContext`, as pairs of name and options. */
const kNamed = Symbol('named contexts')
const kHandshakes = Symbol('handshakes')
/** The option `SNICallback`. */
const kSNICallback = Symbol('SNICallback')

/** Node's default, in milliseconds. */
const HANDSHAKE_TIMEOUT = 120_000

const served = channel('net.server.socket')

/** Runs the constructor of core's server. It calls methods of ours, so their state is set before. */
function construct(server, Core, options, listener) {
  server[kNamed] = []
  server[kContexts] = undefined
  server[kForeign] = isForeign(options ?? {})
  server[kSNICallback] = options?.SNICallback
  Core.call(server, options, listener)
  const [first] = server.listeners('connection')
  server[kCoreListener] = first
  server[kHandshakes] = new Handshakes(options?.handshakeTimeout || HANDSHAKE_TIMEOUT)
}

/** Leaves all TLS of a server to core. */
function leave(server) {
  server[kForeign] = true
}

/** Whether the options need keys without certificates, or the stream below TLS. */
function isForeign({ pskCallback, enableTrace, pauseOnConnect }) {
  return isTraced || Boolean(pskCallback || enableTrace || pauseOnConnect)
}

/**
 * Whether nothing observes a connection before TLS is established, and the program does not store the sessions itself.
 */
function isUnseen(server) {
  const { connection, newSession, resumeSession } = server._events
  return (
    connection === server[kCoreListener] &&
    server.emit === core.own.emit &&
    !served.hasSubscribers &&
    newSession === undefined &&
    resumeSession === undefined
  )
}

// --- contexts

const dropped = new FinalizationRegistry((id) => native.tlsServerDrop(id))

/** A server's contexts in Rust: the one made of its options, and those for single names. */
class Contexts {
  constructor(context, { requestCert, rejectUnauthorized }, logs) {
    this.context = context
    /** The options that they were made with. */
    this.requestCert = requestCert
    this.rejectUnauthorized = rejectUnauthorized
    this.logs = logs
    this.id = native.tlsServer(context.id)
    dropped.register(this, this.id)
    /** Kept alive here, because Rust only gets their ids. */
    this.named = []
    /** Native contexts by Node's contexts that `SNICallback` has chosen. */
    this.chosen = new WeakMap()
  }

  /** Whether they still ask clients for the certificates that the server's options ask for. */
  suit({ requestCert, rejectUnauthorized }) {
    return this.requestCert === requestCert && this.rejectUnauthorized === rejectUnauthorized
  }

  /** The native context for the one of Node's that was chosen; undefined if rustls cannot do what that asks for. */
  of(server, secureContext) {
    const { chosen } = this
    if (!chosen.has(secureContext)) {
      const options = optionsOf(secureContext)
      chosen.set(secureContext, options && build(server, options, this.logs, this.context))
    }
    return chosen.get(secureContext)
  }

  /**
   * Adds a context of `options` for clients that ask for `name`. Returns false if rustls cannot do what the options ask
   * for.
   */
  add(server, name, options) {
    const context = build(server, options, this.logs, this.context)
    if (context === undefined) return false
    this.named.push(context)
    native.tlsServerName(this.id, name, context.id)
    return true
  }
}

function contextsOf(server) {
  if (server[kForeign]) return null
  const logs = server._events.keylog !== undefined
  const { [kContexts]: known } = server
  if (known === undefined || (known !== null && ((logs && !known.logs) || !known.suit(server)))) {
    const context = build(server, server, logs)
    const contexts = context && new Contexts(context, server, logs)
    const complete = contexts && server[kNamed].every(([name, options]) => contexts.add(server, name, options))
    server[kContexts] = complete ? contexts : null
  }
  return server[kContexts]
}

/** Makes a context of a server. Those for single names share the tickets of the main one, `ticketsOf`. */
function build(server, options, logs, ticketsOf) {
  const { requestCert: asks, rejectUnauthorized, sessionIdContext, ALPNProtocols: alpn } = server
  const purpose = `${sessionIdContext} ${asks}`
  return nativeContext(options, { asks, demands: Boolean(asks && rejectUnauthorized), alpn, logs, purpose, ticketsOf })
}

/** Returns the function that asks a server's JavaScript during handshakes; undefined if there is nothing to ask. */
function greeting(server, contexts) {
  const { [kSNICallback]: SNICallback, ALPNCallback } = server
  if (!SNICallback && !ALPNCallback && server._events.OCSPRequest === undefined) return undefined
  const contextOf = (secureContext) => {
    const context = contexts.of(server, secureContext)
    // More clients like this one will come: Node's TLS serves them from the beginning.
    if (context === undefined) leave(server)
    return context
  }
  return (connection) => new Hello(connection, { SNICallback, ALPNCallback }, contextOf).begin()
}

// --- methods

/**
 * Makes the servers of a class accept connections as `SecureConnection`s where possible. `construct` has run the
 * constructor of `Core` on them.
 */
function serve(Server, Core, SecureConnection) {
  const { prototype } = Server

  prototype[kAccepted] = function (id, isTcp) {
    const contexts = isUnseen(this) ? contextsOf(this) : null
    if (contexts === null) return NetServer.prototype[kAccepted].call(this, id, isTcp)
    new SecureConnection(id, isTcp, this, this[kHandshakes]).accept(contexts.id, greeting(this, contexts))
  }

  prototype.setSecureContext = function setSecureContext(options) {
    Core.prototype.setSecureContext.call(this, options)
    // They are made again at the next connection.
    this[kContexts] = undefined
  }

  prototype.addContext = function addContext(servername, context) {
    Core.prototype.addContext.call(this, servername, context)
    const made = context?.context !== undefined
    const options = made ? optionsOf(context) : { ...context }
    // The context was made elsewhere, so its options are not known.
    if (options === undefined) return leave(this)
    this[kNamed].push([servername, options])
    if (this[kContexts] && !this[kContexts].add(this, servername, options)) this[kContexts] = null
  }

  prototype.getTicketKeys = function getTicketKeys() {
    const contexts = contextsOf(this)
    return contexts === null ? Core.prototype.getTicketKeys.call(this) : native.tlsTicketKeys(contexts.context.id)
  }

  prototype.setTicketKeys = function setTicketKeys(keys) {
    Core.prototype.setTicketKeys.call(this, keys)
    const contexts = contextsOf(this)
    if (contexts !== null) native.tlsSetTicketKeys(contexts.context.id, keys)
  }
}

/** Ends the connections of a server whose handshakes are pending. */
function destroyWaiting(server) {
  server[kHandshakes].destroyAll()
}

module.exports = { construct, destroyWaiting, leave, serve }
