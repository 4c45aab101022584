'use strict'

// Credentials. Without TLS, for now.

const { unsupported } = require('./errors.js')

class ChannelCredentials {
  static createInsecure() {
    return new InsecureChannel()
  }

  static createSsl() {
    throw unsupported('TLS (ChannelCredentials.createSsl)')
  }

  static createFromSecureContext() {
    throw unsupported('TLS (ChannelCredentials.createFromSecureContext)')
  }

  compose() {
    throw new Error('Cannot compose insecure credentials')
  }
}

class InsecureChannel extends ChannelCredentials {
  _isSecure() {
    return false
  }

  _equals(other) {
    return other instanceof InsecureChannel
  }
}

class ServerCredentials {
  static createInsecure() {
    return new InsecureServer()
  }

  static createSsl() {
    throw unsupported('TLS (ServerCredentials.createSsl)')
  }
}

class InsecureServer extends ServerCredentials {
  _isSecure() {
    return false
  }

  _equals(other) {
    return other instanceof InsecureServer
  }
}

module.exports = { ChannelCredentials, ServerCredentials }
