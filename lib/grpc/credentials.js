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

  _equals(other) {
    return other instanceof this.constructor
  }
}

class InsecureChannel extends ChannelCredentials {
  _isSecure() {
    return false
  }
}

class ServerCredentials {
  static createInsecure() {
    return new InsecureServer()
  }

  static createSsl() {
    throw unsupported('TLS (ServerCredentials.createSsl)')
  }

  _equals(other) {
    return other instanceof this.constructor
  }
}

class InsecureServer extends ServerCredentials {
  _isSecure() {
    return false
  }
}

module.exports = { ChannelCredentials, ServerCredentials }
