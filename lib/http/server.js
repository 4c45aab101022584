'use strict'

// http.Server over the native engine. Options, their defaults and their errors come from a core server made for the purpose.

const { http } = require('../genuine.js')
const process = require('node:process')
const { clearInterval, setInterval, setTimeout } = require('node:timers')
const { Server: NetServer } = require('../net/server.js')
const { HttpConnection } = require('./connection')
const { now } = require('./batch')
const core = require('../core.js')
const { admit, hide, inherit } = require('../inherit.js')
const channels = require('./channels')
const { kConnections } = require('./symbols')

/** What Node adds to the advertised keep-alive time, so that a client's last request does not meet a closed door. */
const KEEP_ALIVE_BUFFER = 1000

/** `--insecure-http-parser`, which Node does not show otherwise. */
const LENIENT = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`.includes('--insecure-http-parser')

/** What listens for its connections, if nobody else does. */
const kListener = Symbol('listener')
const kIdleTimer = Symbol('idle timer')
const kCheckTimer = Symbol('request timeout timer')

function Server(options, requestListener) {
  if (!(this instanceof Server)) return new Server(options, requestListener)
  if (typeof options === 'function') {
    requestListener = options
    options = {}
  }
  http.Server.call(this, options)
  if (requestListener) this.on('request', requestListener)
  prepare(this, 'connection')
}

/** Has a server of core's serve as ours do what `event` brings to `listener`. */
function prepare(server, event, listener = onConnection) {
  server.removeAllListeners(event)
  server.removeAllListeners('listening')
  hide(server, { [kConnections]: new Set(), [kIdleTimer]: null, [kCheckTimer]: null, [kListener]: listener })
  server.on(event, listener)
  server.on('listening', watchRequests)
}

Object.setPrototypeOf(Server.prototype, http.Server.prototype)
Object.setPrototypeOf(Server, http.Server)
inherit(Server, NetServer)

// Servers of core's are servers to whoever asks, as they are where this module stands in for Node's.
admit(Server, http.Server)

Server.prototype.takesUpgrade = function (req) {
  if (typeof this.shouldUpgradeCallback === 'function') return Boolean(this.shouldUpgradeCallback(req))
  return this.listenerCount('upgrade') > 0
}

/** A connection that the listening handle has accepted. */
Server.prototype._onconnection = function (handle) {
  const connection = new HttpConnection(handle.id, handle.getpeername !== undefined, this)
  const { hasSubscribers } = channels.socket
  const socket = begin(connection, 'connection', hasSubscribers)
  if (hasSubscribers) channels.socket.publish({ socket })
}

/** A connection that is one for HTTP: `event` says so, if somebody `listens`. Returns its socket, if it was shown. */
function begin(connection, event, listens) {
  const { server } = connection
  // Nobody but us listens for it: then there is no need for a socket.
  const ours = server._events[event] === server[kListener] && server.emit === core.own.emit
  if (ours && !listens && !server.timeout && !isLenient(server)) {
    connection.attach()
    return undefined
  }
  const socket = connection.getSocket()
  server.emit(event, socket)
  // Whoever has it now has not asked for HTTP.
  if (!connection.attached && !socket.destroyed && !socket.isPaused()) socket.read(0)
  return socket
}

/** Whether a tolerant parser was asked for. Such connections are served by Node's own code. */
function isLenient(server) {
  if (server.httpValidation !== undefined) return server.httpValidation !== 'strict'
  return server.insecureHTTPParser ?? LENIENT
}

/** Speaks HTTP on a socket: one of ours by the native parser, any other stream, and with the lenient parser, by core's. */
function onConnection(socket) {
  const connection = socket._handle
  const ours = connection instanceof HttpConnection && connection.server === this && !isLenient(this)
  if (!ours) core.connectionListener.call(this, socket)
  else if (!connection.attached) connection.attach()
}

Server.prototype.setTimeout = function setTimeout(msecs, callback) {
  this.timeout = msecs
  if (callback) this.on('timeout', callback)
  return this
}

Server.prototype.close = function close(...args) {
  this.closeIdleConnections()
  clearInterval(this[kCheckTimer])
  clearInterval(this[core.kCheckingInterval])
  NetServer.prototype.close.apply(this, args)
  return this
}

Server.prototype.closeAllConnections = function closeAllConnections() {
  for (const connection of this[kConnections]) connection.destroy()
  http.Server.prototype.closeAllConnections.call(this)
}

Server.prototype.closeIdleConnections = function closeIdleConnections() {
  for (const connection of this[kConnections]) connection.closeIdle()
  http.Server.prototype.closeIdleConnections.call(this)
}

/** Enforces keepAliveTimeout with one timer for all idle connections, which never keeps the process alive. */
Server.prototype.watchIdle = function () {
  if (this[kIdleTimer] !== null || !this.keepAliveTimeout) return
  const limit = idleLimit(this)
  this[kIdleTimer] = setTimeout(sweep, limit, this, limit).unref()
}

function idleLimit(server) {
  return server.keepAliveTimeout + (server.keepAliveTimeoutBuffer ?? KEEP_ALIVE_BUFFER)
}

function sweep(server, limit) {
  server[kIdleTimer] = null
  let left = Number.POSITIVE_INFINITY
  const time = now()
  for (const connection of server[kConnections]) {
    connection.noteIdle()
    if (connection.mounted) left = Math.min(left, limit)
    if (connection.idleSince <= 0) continue
    const idle = connection.idleFor(time)
    if (idle < limit) {
      left = Math.min(left, limit - idle)
      continue
    }
    connection.idleSince = -1
    if (connection.socket !== undefined || server.listenerCount('timeout') > 0) connection.getSocket().emit('timeout')
    else connection.destroy()
  }
  if (left === Number.POSITIVE_INFINITY) return
  // Not more often than twenty times in one timeout, however the deadlines lie.
  const wait = Math.max(left, limit / 20, 1)
  server[kIdleTimer] = setTimeout(sweep, wait, server, limit).unref()
}

/** Ends requests that take too long: ours here, and those that core's parser serves by core's own timer. */
function watchRequests() {
  core.trackConnections.call(this)
  clearInterval(this[kCheckTimer])
  this[kCheckTimer] = setInterval(checkConnections, this.connectionsCheckingInterval, this).unref()
}

function checkConnections(server) {
  const headersTimeout = milliseconds(server.headersTimeout)
  const requestTimeout = milliseconds(server.requestTimeout)
  if (headersTimeout === 0 && requestTimeout === 0) return
  for (const connection of server[kConnections]) connection.expire(headersTimeout, requestTimeout)
}

/** A timeout as the engine takes it; 0 is none. */
function milliseconds(timeout) {
  return timeout > 0 ? Math.min(timeout, 0xffffffff) : 0
}

module.exports = { Server, begin, onConnection, prepare }
