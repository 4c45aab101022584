'use strict'

// http.Server over the native engine. Core's constructor handles the options, their defaults and their errors.

const { http } = require('../genuine.js')
const process = require('node:process')
const { clearInterval, setInterval, setTimeout } = require('node:timers')
const { Server: NetServer } = require('../net/server.js')
const { HttpConnection } = require('./connection')
const { now } = require('./batch')
const core = require('../core.js')
const { admit, hide, inherit } = require('../inherit.js')
const channels = require('./channels')
const { kConnections, kTakesUpgrade, kWatchIdle } = require('./symbols.js')
const { kAccepted } = require('../net/symbols.js')

/**
 * Milliseconds that Node adds to the advertised keep-alive time, so that a client's last request does not reach a
 * connection that has just been closed.
 */
const KEEP_ALIVE_BUFFER = 1000

/** Whether `--insecure-http-parser` was given, which Node does not show in any other way. */
const LENIENT = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`.includes('--insecure-http-parser')

/** The server's own listener for new connections. */
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

/** Makes a server that core constructed use the native engine: `listener` handles the sockets of `event`. */
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

// Core's servers count as `instanceof` this class, as they do when this module replaces Node's.
admit(Server, http.Server)

Server.prototype[kTakesUpgrade] = function (req) {
  if (typeof this.shouldUpgradeCallback === 'function') return Boolean(this.shouldUpgradeCallback(req))
  return this.listenerCount('upgrade') > 0
}

/** Called for each connection that the listening handle has accepted. */
Server.prototype[kAccepted] = function (id, isTcp) {
  const connection = new HttpConnection(id, isTcp, this)
  const { hasSubscribers } = channels.socket
  const socket = begin(connection, 'connection', hasSubscribers)
  if (hasSubscribers) channels.socket.publish({ socket })
}

/**
 * Starts a connection that is meant for HTTP. Attaches HTTP directly if only our own listener waits for `event` and
 * `listens` is false; otherwise emits the event with the connection's socket, and returns the socket.
 */
function begin(connection, event, listens) {
  const { server } = connection
  // Only our own listener would get the event, so no socket is needed.
  const ours = server._events[event] === server[kListener] && server.emit === core.own.emit
  if (ours && !listens && !server.timeout && !isLenient(server)) {
    connection.attach()
    return undefined
  }
  const socket = connection.getSocket()
  server.emit(event, socket)
  // A listener has kept the socket without attaching HTTP, so it is read like any other socket.
  if (!connection.attached && !socket.destroyed && !socket.isPaused()) socket.read(0)
  return socket
}

/** Whether the lenient parser was asked for. Node's own code serves such connections. */
function isLenient(server) {
  if (server.httpValidation !== undefined) return server.httpValidation !== 'strict'
  return server.insecureHTTPParser ?? LENIENT
}

/**
 * Starts HTTP on a socket. Sockets of this server use the native parser; all other streams, and all sockets with the
 * lenient parser, use core's.
 */
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

/** Enforces keepAliveTimeout with one timer for all idle connections. The timer never keeps the process alive. */
Server.prototype[kWatchIdle] = function () {
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
  // Not more than twenty times per timeout, however close the deadlines are.
  const wait = Math.max(left, limit / 20, 1)
  server[kIdleTimer] = setTimeout(sweep, wait, server, limit).unref()
}

/**
 * Ends requests that take too long: on our connections with the timer here, on those that core's parser serves with
 * core's own timer.
 */
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

/** A timeout in milliseconds as the engine takes it; 0 for none. */
function milliseconds(timeout) {
  return timeout > 0 ? Math.min(timeout, 0xffffffff) : 0
}

module.exports = { Server, begin, onConnection, prepare }
