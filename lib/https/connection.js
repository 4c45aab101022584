'use strict'

// One HTTPS connection: TLS first, which Rust does by itself, then HTTP as on any other.

const { HttpConnection } = require('../http/connection.js')
const { secured } = require('../tls/connection.js')
const { SecureSocket } = require('./socket.js')

class SecureConnection extends secured(HttpConnection) {
  begin() {
    this.server._onsecured(this)
  }
}

SecureConnection.prototype.Socket = SecureSocket

module.exports = { SecureConnection }
