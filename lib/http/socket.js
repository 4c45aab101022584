// The socket of an HTTP connection, as `req.socket` shows it: it writes like any other, but what arrives is the parser's.

const { Socket } = require('../net/socket.js')
const { makeError } = require('../errors.js')

function HttpSocket(connection) {
  this.connection = connection
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
}
Object.setPrototypeOf(HttpSocket.prototype, Socket.prototype)
Object.setPrototypeOf(HttpSocket, Socket)
// `socket.constructor` is net.Socket, as in Node.
HttpSocket.prototype.constructor = Socket

/** Request bodies want more: core calls this on `req.socket`. */
HttpSocket.prototype.resume = function () {
  if (this.connection === null) return Socket.prototype.resume.call(this)
  this.connection.readStart()
  return this
}

HttpSocket.prototype.pause = function () {
  if (this.connection === null) return Socket.prototype.pause.call(this)
  this.connection.readStop()
  return this
}

HttpSocket.prototype._read = function (size) {
  if (this.connection === null) Socket.prototype._read.call(this, size)
}

HttpSocket.prototype.setEncoding = function (encoding) {
  if (this.connection === null) return Socket.prototype.setEncoding.call(this, encoding)
  throw makeError(
    Error,
    'ERR_HTTP_SOCKET_ENCODING',
    'Changing the socket encoding is not allowed per RFC7230 Section 3.',
  )
}

/** From now on an ordinary socket. */
HttpSocket.prototype.release = function () {
  for (const event of ['timeout', 'error', 'close', 'drain']) this.removeAllListeners(event)
  this.parser = null
  this.connection = null
  this.readableFlowing = null
}

module.exports = HttpSocket
