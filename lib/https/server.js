'use strict'

// https.Server over the native engine. Options, their defaults and their errors come from core's server, which this one is; so do connections whose
// TLS rustls cannot do, or that somebody wants to see before there is TLS: those are core's TLS over sockets of ours.

const { https } = require('../genuine.js')
const { setTimeout } = require('node:timers')
const { native } = require('../engine.js')
const core = require('../core.js')
const channels = require('../http/channels.js')
const { Server: HttpServer, begin, inherit, prepare } = require('../http/server.js')
const { now } = require('../http/batch.js')
const { Server: NetServer } = require('../net/server.js')
const { nativeContext } = require('../tls/context.js')
const { SecureConnection } = require('./connection.js')

const kCoreListener = Symbol('core listener')
/** The native contexts: nothing before the first connection, and null where rustls cannot do what the options ask for. */
const kContexts = Symbol('contexts')
/** There are none, whatever the options become. */
const kForeign = Symbol('foreign')
/** Contexts of `addContext`: names and options. */
const kNamed = Symbol('named contexts')
/** Connections in their handshakes, the oldest first, and the timer of those. */
const kWaiting = Symbol('waiting')
const kWaitingTimer = Symbol('handshake timer')

/** Node's default, in milliseconds. */
const HANDSHAKE_TIMEOUT = 120_000
const kHandshakeTimeout = Symbol('handshake timeout')

const { Server: CoreServer } = https

function Server(options, requestListener) {
  if (!(this instanceof Server)) return new Server(options, requestListener)
  if (typeof options === 'function') {
    requestListener = options
    options = {}
  }
  this[kNamed] = []
  this[kContexts] = undefined
  this[kForeign] = asksJavaScript(options ?? {})
  CoreServer.call(this, options, requestListener)
  const [listener] = this.listeners('connection')
  this[kCoreListener] = listener
  this[kHandshakeTimeout] = options?.handshakeTimeout || HANDSHAKE_TIMEOUT
  this[kWaiting] = new Set()
  this[kWaitingTimer] = undefined
  prepare(this, 'secureConnection')
}
Object.setPrototypeOf(Server.prototype, CoreServer.prototype)
Object.setPrototypeOf(Server, CoreServer)
inherit(Server, HttpServer)

// As with http's: core's are servers to whoever asks.
Object.defineProperty(Server, Symbol.hasInstance, {
  value(instance) {
    return this === Server
      ? instance instanceof CoreServer
      : Function.prototype[Symbol.hasInstance].call(this, instance)
  },
})

/** Options that have a part of the handshake done by JavaScript, or want the stream below. */
function asksJavaScript(options) {
  const { SNICallback, ALPNCallback, pskCallback, enableTrace, pauseOnConnect } = options
  return Boolean(SNICallback || ALPNCallback || pskCallback || enableTrace || pauseOnConnect)
}

Server.prototype._onconnection = function (handle) {
  const contexts = isUnseen(this) ? contextsOf(this) : null
  if (contexts === null) return NetServer.prototype._onconnection.call(this, handle)
  const isTcp = handle.getpeername !== undefined
  const waiting = this[kWaiting]
  const connection = new SecureConnection(handle.id, isTcp, this, waiting, now())
  connection.accept(contexts.id)
  if (this[kWaitingTimer] === undefined) watch(this, this[kHandshakeTimeout])
}

/** A connection that there is TLS on. */
Server.prototype._onsecured = function (connection) {
  begin(connection, 'secureConnection', false)
}

/** Whether nobody sees what comes before there is TLS, or takes part in it. */
function isUnseen(server) {
  const { connection, OCSPRequest, newSession, resumeSession } = server._events
  return (
    connection === server[kCoreListener] &&
    server.emit === core.own.emit &&
    !channels.socket.hasSubscribers &&
    OCSPRequest === undefined &&
    newSession === undefined &&
    resumeSession === undefined
  )
}

/** Ends the handshakes that take too long; one timer for all of a server's. */
function watch(server, wait) {
  server[kWaitingTimer] = setTimeout(() => {
    server[kWaitingTimer] = undefined
    const time = now()
    for (const connection of server[kWaiting]) {
      // Both are taken modulo 2^32.
      const left = server[kHandshakeTimeout] - ((time - connection.since) | 0)
      if (left > 0) return watch(server, left)
      connection.expireHandshake()
    }
  }, wait).unref()
}

// --- contexts

const dropped = new FinalizationRegistry((id) => native.tlsServerDrop(id))

/** A server's contexts in Rust: the one of its options, and those of names. */
class Contexts {
  constructor(context, logs) {
    this.context = context
    this.logs = logs
    this.id = native.tlsServer(context.id)
    dropped.register(this, this.id)
    /** Kept, as ids are all that Rust is given of them. */
    this.named = []
  }

  /** Has clients that ask for a name answered by a context of `options`; false where rustls cannot do what those ask for. */
  add(server, name, options) {
    const context = build(server, options, this.logs)
    if (context === undefined) return false
    this.named.push(context)
    native.tlsServerName(this.id, name, context.id)
    return true
  }
}

function contextsOf(server) {
  if (server[kForeign]) return null
  const logs = server._events.keylog !== undefined
  if (server[kContexts] === undefined || (logs && server[kContexts]?.logs === false)) {
    const context = build(server, server, logs)
    const contexts = context && new Contexts(context, logs)
    const complete = contexts && server[kNamed].every(([name, options]) => contexts.add(server, name, options))
    server[kContexts] = complete ? contexts : null
  }
  return server[kContexts]
}

function build(server, options, logs) {
  const { requestCert, sessionIdContext } = server
  const purpose = `${sessionIdContext} ${requestCert}`
  return nativeContext(options, { asks: requestCert, alpn: protocols(server.ALPNProtocols), logs, purpose })
}

/** Protocols as core keeps them, each behind its length. */
function protocols(wire) {
  const found = []
  for (let at = 0; wire !== undefined && at < wire.length; at += 1 + wire[at]) {
    found.push(wire.subarray(at + 1, at + 1 + wire[at]))
  }
  return found
}

Server.prototype.setSecureContext = function setSecureContext(options) {
  CoreServer.prototype.setSecureContext.call(this, options)
  // They are made again with the next connection.
  this[kContexts] = undefined
}

Server.prototype.addContext = function addContext(servername, context) {
  CoreServer.prototype.addContext.call(this, servername, context)
  // One that is made already does not tell what of.
  if (context?.context !== undefined) {
    this[kForeign] = true
    return
  }
  const options = { ...context }
  this[kNamed].push([servername, options])
  if (this[kContexts] && !this[kContexts].add(this, servername, options)) this[kContexts] = null
}

Server.prototype.getTicketKeys = function getTicketKeys() {
  const contexts = contextsOf(this)
  return contexts === null ? CoreServer.prototype.getTicketKeys.call(this) : native.tlsTicketKeys(contexts.context.id)
}

Server.prototype.setTicketKeys = function setTicketKeys(keys) {
  CoreServer.prototype.setTicketKeys.call(this, keys)
  const contexts = contextsOf(this)
  if (contexts !== null) native.tlsSetTicketKeys(contexts.context.id, keys)
}

Server.prototype.closeAllConnections = function closeAllConnections() {
  for (const connection of this[kWaiting]) connection.destroy()
  HttpServer.prototype.closeAllConnections.call(this)
}

module.exports = { Server }
