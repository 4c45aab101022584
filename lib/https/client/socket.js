'use strict'

// The sockets of our HTTPS agents: HTTP client sockets with TLS below, and with the methods and properties of Node's
// `TLSSocket`.

const { ClientConnection } = require('../../http/client/connection.js')
const { ClientSocket } = require('../../http/client/socket.js')
const { Socket, kHandle } = require('../../net/socket.js')
const { prepare, secured } = require('../../tls/client.js')
const { clientSide } = require('../../tls/client-socket.js')
const { secure } = require('../../tls/socket.js')

function SecureSocket(wishes) {
  const { allowHalfOpen, highWaterMark, signal, noDelay, keepAlive, keepAliveInitialDelay } = wishes.options
  ClientSocket.call(this, { allowHalfOpen, highWaterMark, signal, noDelay, keepAlive, keepAliveInitialDelay })
  prepare(this, wishes)
}
Object.setPrototypeOf(SecureSocket, ClientSocket)
secure(SecureSocket, Socket, ClientSocket)
clientSide(SecureSocket)

SecureSocket.prototype[kHandle] = secured(ClientConnection)

module.exports = { SecureSocket }
