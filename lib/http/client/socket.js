'use strict'

// The sockets of our agents: sockets of `net` whose responses the engine parses below the stream.

const { Socket, attach, kHandle, kReinitializeHandle } = require('../../net/socket.js')
const core = require('./core.js')
const { ClientConnection } = require('./connection.js')
const { kRelease, kSilence } = require('../symbols.js')
const { kChangeHandle } = require('../../net/symbols.js')

/** Set on requests that can use a socket whose responses are parsed below the stream. */
const kTakesParsed = Symbol('takes parsed')

/**
 * The state of a socket. PLAIN: it is like any other, until a request of ours gets it. PARSED: responses are parsed
 * below the stream. RELEASED: core's parser or another protocol has it.
 */
const kState = Symbol('state')
const PLAIN = 0
const PARSED = 1
const RELEASED = 2

function ClientSocket(options) {
  Socket.call(this, options)
  this.parser = null
  this._httpMessage = null
  this[kState] = PLAIN
}
Object.setPrototypeOf(ClientSocket.prototype, Socket.prototype)
Object.setPrototypeOf(ClientSocket, Socket)
// `socket.constructor` is net.Socket, as in Node.
ClientSocket.prototype.constructor = Socket
ClientSocket.prototype[kHandle] = ClientConnection

/** Sockets of `https` are not instances of the class, but have the same state. */
const isClientSocket = (socket) => socket?.[kState] !== undefined

/** The connection of a socket, while its responses are parsed below the stream. */
function connectionOf(socket) {
  return socket?.[kState] === PARSED && socket._handle !== null ? socket._handle : undefined
}

const isParsed = (socket) => socket[kState] === PARSED

/** Through these a program puts itself between a socket and its connection, as mocks of the network do (msw, nock). */
const PATCHED = ['_read', '_writeGeneric', 'push', 'read']

/**
 * Starts parsing below the stream and returns the connection. Returns undefined if the socket is not one of ours, or if
 * the program reads it or has replaced the methods that carry its data.
 */
function claim(socket) {
  if (socket?.[kState] === PLAIN && socket._handle instanceof ClientConnection) {
    const { _handle: connection } = socket
    if (PATCHED.some((method) => Object.hasOwn(socket, method))) return
    if (connection.bytesRead > 0 || socket.listenerCount('data') + socket.listenerCount('readable') > 0) return
    socket[kState] = PARSED
    connection.attach()
    socket.on('error', onError)
    socket.on('end', onEnd)
    socket.on('close', onClose)
    socket.on('drain', onDrain)
  }
  return connectionOf(socket)
}

/** Core calls this on `res.socket` when a response's body is to be read on. */
ClientSocket.prototype.resume = function () {
  const connection = connectionOf(this)
  if (connection === undefined) return Socket.prototype.resume.call(this)
  if (!connection.reading && !this.connecting) connection.readStart()
  if (this.readableFlowing !== true) Socket.prototype.resume.call(this)
  return this
}

ClientSocket.prototype.pause = function () {
  connectionOf(this)?.readStop()
  return Socket.prototype.pause.call(this)
}

/** Listeners for data get the same bytes as the parser, as on core's sockets. */
for (const name of ['on', 'addListener', 'prependListener']) {
  ClientSocket.prototype[name] = function (event, listener) {
    if (event === 'data' || event === 'readable') connectionOf(this)?.tap()
    return Socket.prototype[name].call(this, event, listener)
  }
}

if (kReinitializeHandle !== undefined) {
  // Node tries the next address of a host: the request that waits for the connection moves to the new handle.
  ClientSocket.prototype[kReinitializeHandle] = function (handle) {
    const failed = connectionOf(this)
    Socket.prototype[kReinitializeHandle].call(this, handle)
    if (failed === undefined) return
    this._handle.attach()
    this._handle.takeOver(failed)
  }
}

/** Continues over another connection. */
ClientSocket.prototype[kChangeHandle] = function (connection, before) {
  attach(this, connection)
  if (this[kState] !== PARSED) return
  connection.attach()
  connection.takeOver(before)
}

/** Ignores the end of the connection, after an error. */
ClientSocket.prototype[kSilence] = function () {
  this.removeListener('end', onEnd)
  this.parser = null
}

/** Makes it an ordinary socket, for another protocol or for core's parser. */
ClientSocket.prototype[kRelease] = function () {
  connectionOf(this)?.detach()
  this[kState] = RELEASED
  this.removeListener('error', onError)
  this.removeListener('end', onEnd)
  this.removeListener('close', onClose)
  this.removeListener('drain', onDrain)
  this.parser = null
}

// Core's listeners. Core adds them to a socket for each request and removes them afterwards. Here they stay, and do
// nothing between requests.

/** The request that a socket carries, until its response is over. */
function requestOf(socket) {
  const req = socket._httpMessage
  return req && !req._closed ? req : undefined
}

function onError(error) {
  const req = requestOf(this) ?? connectionOf(this)?.next
  if (req) {
    this._hadError = true
    core.emitError(req, error)
  }
  this.destroy()
  // The socket was idle in an agent's pool, which must not hand it out any more.
  if (!req) this.emit('agentRemove')
}

function onEnd() {
  if (requestOf(this) === undefined) return
  this._handle?.finish?.()
  this.parser = null
  core.onEnd.call(this)
}

function onClose() {
  const req = requestOf(this)
  if (req === undefined) return
  this.parser = req.parser = null
  core.onClose.call(this)
}

function onDrain() {
  if (this._httpMessage) core.onDrain.call(this)
}

module.exports = { ClientSocket, kTakesParsed, isClientSocket, connectionOf, isParsed, claim }
