'use strict'

// The socket of an HTTP connection, as `req.socket` shows it: it writes like any other, but what arrives is the parser's.

const EventEmitter = require('node:events')
const { native } = require('../engine.js')
const { Socket } = require('../net/socket.js')
const { makeError } = require('../errors.js')
const { kConnection } = require('./widen')

function HttpSocket(connection) {
  this[kConnection] = connection
  Socket.call(this, {
    handle: connection,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    manualStart: true,
    readableHighWaterMark: connection.server.highWaterMark,
    writableHighWaterMark: connection.server.highWaterMark,
  })
  this.server = connection.server
  this._server = connection.server
  this._httpMessage = null
  this._paused = false
  this.parser = connection
  // Core's parser listens there, and programs count it.
  EventEmitter.prototype.on.call(this, 'data', parse)
}
Object.setPrototypeOf(HttpSocket.prototype, Socket.prototype)
Object.setPrototypeOf(HttpSocket, Socket)
// `socket.constructor` is net.Socket, as in Node.
HttpSocket.prototype.constructor = Socket

/** Request bodies want more: core calls this on `req.socket`. */
HttpSocket.prototype.resume = function () {
  this[kConnection]?.readStart()
  return Socket.prototype.resume.call(this)
}

HttpSocket.prototype.pause = function () {
  this[kConnection]?.readStop()
  return Socket.prototype.pause.call(this)
}

/** Listeners for data see what the parser sees, as on core's sockets. */
for (const name of ['on', 'addListener', 'prependListener']) {
  HttpSocket.prototype[name] = function (event, listener) {
    if (this[kConnection] !== null && (event === 'data' || event === 'readable')) native.httpTap(this[kConnection].id)
    return Socket.prototype[name].call(this, event, listener)
  }
}

/** Bytes as if they had been received. */
HttpSocket.prototype.push = function (chunk, encoding) {
  if (this[kConnection] === null || chunk === null) return Socket.prototype.push.call(this, chunk, encoding)
  if (typeof chunk === 'string') chunk = Buffer.from(chunk, encoding)
  native.httpFeed(this[kConnection].id, chunk, chunk.length)
  return true
}

HttpSocket.prototype._read = function (size) {
  if (this[kConnection] === null) Socket.prototype._read.call(this, size)
}

HttpSocket.prototype.setEncoding = function (encoding) {
  if (this[kConnection] === null) return Socket.prototype.setEncoding.call(this, encoding)
  throw makeError(
    Error,
    'ERR_HTTP_SOCKET_ENCODING',
    'Changing the socket encoding is not allowed per RFC7230 Section 3.',
  )
}

/** From now on an ordinary socket. */
HttpSocket.prototype.release = function () {
  this.removeListener('data', parse)
  for (const event of ['timeout', 'error', 'close', 'drain']) this.removeAllListeners(event)
  this.parser = null
  this[kConnection] = null
  this.readableFlowing = null
}

function parse() {}

module.exports = HttpSocket
