'use strict'

// What servers of TLS have in common, those of `tls` and those of `https`. Options, their defaults and their errors come from core's server, which each
// of them is; so do connections whose TLS rustls cannot do, or that somebody wants to see before there is TLS: those are core's TLS over sockets of ours.

const { channel } = require('node:diagnostics_channel')
const { native } = require('../engine.js')
const core = require('../core.js')
const { Server: NetServer } = require('../net/server.js')
const { isTraced, nativeContext, optionsOf } = require('./context.js')
const { Handshakes } = require('./handshakes.js')
const { Hello } = require('./hello.js')

const kCoreListener = Symbol('core listener')
/** The native contexts: nothing before the first connection, and null where rustls cannot do what the options ask for. */
const kContexts = Symbol('contexts')
/** There are none, whatever the options become. */
const kForeign = Symbol('foreign')
/** Contexts of `addContext`: names and options. */
const kNamed = Symbol('named contexts')
const kHandshakes = Symbol('handshakes')
/** The option `SNICallback`. */
const kSNICallback = Symbol('SNICallback')

/** Node's default, in milliseconds. */
const HANDSHAKE_TIMEOUT = 120_000

const served = channel('net.server.socket')

/** Runs the constructor of core's server, which calls methods of ours. */
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

/** Has core's TLS do all of a server's. */
function leave(server) {
  server[kForeign] = true
}

/** Options that want keys without certificates, or the stream below. */
function isForeign({ pskCallback, enableTrace, pauseOnConnect }) {
  return isTraced || Boolean(pskCallback || enableTrace || pauseOnConnect)
}

/** Whether nobody sees what comes before there is TLS, or keeps the sessions. */
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

/** A server's contexts in Rust: the one of its options, and those of names. */
class Contexts {
  constructor(context, { requestCert, rejectUnauthorized }, logs) {
    this.context = context
    /** What they were made for. */
    this.requestCert = requestCert
    this.rejectUnauthorized = rejectUnauthorized
    this.logs = logs
    this.id = native.tlsServer(context.id)
    dropped.register(this, this.id)
    /** Kept, as ids are all that Rust is given of them. */
    this.named = []
    /** By Node's contexts, which `SNICallback` gives. */
    this.chosen = new WeakMap()
  }

  /** Whether they ask clients for what the server asks for now. */
  suit({ requestCert, rejectUnauthorized }) {
    return this.requestCert === requestCert && this.rejectUnauthorized === rejectUnauthorized
  }

  /** What answers clients for which Node's context was chosen; nothing where rustls cannot do what that asks for. */
  of(server, secureContext) {
    const { chosen } = this
    if (!chosen.has(secureContext)) {
      const options = optionsOf(secureContext)
      chosen.set(secureContext, options && build(server, options, this.logs, this.context))
    }
    return chosen.get(secureContext)
  }

  /** Has clients that ask for a name answered by a context of `options`; false where rustls cannot do what those ask for. */
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

/** A context of a server's. Those for single names have tickets in common with the one for all, `ticketsOf`. */
function build(server, options, logs, ticketsOf) {
  const { requestCert: asks, rejectUnauthorized, sessionIdContext, ALPNProtocols: alpn } = server
  const purpose = `${sessionIdContext} ${asks}`
  return nativeContext(options, { asks, demands: Boolean(asks && rejectUnauthorized), alpn, logs, purpose, ticketsOf })
}

/** What asks a server's JavaScript in handshakes; nothing where that has nothing to say. */
function greeting(server, contexts) {
  const { [kSNICallback]: SNICallback, ALPNCallback } = server
  if (!SNICallback && !ALPNCallback && server._events.OCSPRequest === undefined) return undefined
  const contextOf = (secureContext) => {
    const context = contexts.of(server, secureContext)
    // There will be more like this one: Node's TLS has them from the beginning.
    if (context === undefined) leave(server)
    return context
  }
  return (connection) => new Hello(connection, { SNICallback, ALPNCallback }, contextOf).begin()
}

// --- methods

/** Has servers of a class, which `construct` has constructed of `Core`, take connections as `SecureConnection`s where they can. */
function serve(Server, Core, SecureConnection) {
  const { prototype } = Server

  prototype._onconnection = function (handle) {
    const contexts = isUnseen(this) ? contextsOf(this) : null
    if (contexts === null) return NetServer.prototype._onconnection.call(this, handle)
    const isTcp = handle.getpeername !== undefined
    new SecureConnection(handle.id, isTcp, this, this[kHandshakes]).accept(contexts.id, greeting(this, contexts))
  }

  prototype.setSecureContext = function setSecureContext(options) {
    Core.prototype.setSecureContext.call(this, options)
    // They are made again with the next connection.
    this[kContexts] = undefined
  }

  prototype.addContext = function addContext(servername, context) {
    Core.prototype.addContext.call(this, servername, context)
    const made = context?.context !== undefined
    const options = made ? optionsOf(context) : { ...context }
    // Made by somebody else: it does not tell what of.
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

/** Ends the connections of a server that are in their handshakes. */
function destroyWaiting(server) {
  server[kHandshakes].destroyAll()
}

module.exports = { construct, destroyWaiting, leave, serve }
