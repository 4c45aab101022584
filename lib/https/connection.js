'use strict'

// An HTTPS connection: Rust does the TLS handshake, then HTTP follows as on any other connection.

const { HttpConnection } = require('../http/connection.js')
const { secured } = require('../tls/connection.js')
const { SecureSocket } = require('./socket.js')
const { kSecured } = require('../http/symbols.js')

class SecureConnection extends secured(HttpConnection) {
  begin() {
    this.server[kSecured](this)
  }
}

SecureConnection.prototype.Socket = SecureSocket

module.exports = { SecureConnection }
