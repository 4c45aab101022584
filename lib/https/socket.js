'use strict'

// The socket of an HTTPS connection: an HTTP socket with the methods and properties of Node's `TLSSocket`.

const { HttpSocket } = require('../http/socket.js')
const { kSecure } = require('../http/symbols.js')
const { Socket } = require('../net/socket.js')
const { secure } = require('../tls/socket.js')

function SecureSocket(connection) {
  HttpSocket.call(this, connection)
  this[kSecure] = connection
}
Object.setPrototypeOf(SecureSocket, HttpSocket)
secure(SecureSocket, Socket, HttpSocket)

module.exports = { SecureSocket }
