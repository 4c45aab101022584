'use strict'

// `ChannelCredentials` and `ServerCredentials` as in @grpc/grpc-js.

const { Buffer } = require('node:buffer')
const { isDeepStrictEqual: isSame } = require('node:util')

/** Loaded where there is TLS: a Node that was built without OpenSSL has none. */
const tls = () => require('./tls.js')

function checkBuffer(value, what) {
  if (value && !Buffer.isBuffer(value)) throw new TypeError(`${what}, if provided, must be a Buffer.`)
}

class ChannelCredentials {
  static createInsecure() {
    return new InsecureChannel()
  }

  static createSsl(rootCerts, privateKey, certChain, verifyOptions) {
    checkBuffer(rootCerts, 'Root certificate')
    checkBuffer(privateKey, 'Private key')
    checkBuffer(certChain, 'Certificate chain')
    if (privateKey && !certChain) throw new Error('Private key must be given with accompanying certificate chain')
    if (!privateKey && certChain) throw new Error('Certificate chain must be given with accompanying private key')
    const identity = { ca: rootCerts ?? undefined, key: privateKey ?? undefined, cert: certChain ?? undefined }
    return new SecureChannel(tls().ClientTls.of(identity, verifyOptions))
  }

  static createFromSecureContext(secureContext, verifyOptions) {
    return new SecureChannel(tls().ClientTls.ofContext(secureContext, verifyOptions))
  }

  /** With what each call over the channel says. */
  compose(callCredentials) {
    return new ComposedChannel(this, callCredentials)
  }

  /** TLS with the server of that name, or null for none. */
  _towards(_name, _options) {
    return null
  }

  /** What each call says, or null for nothing. */
  _ofCalls() {
    return null
  }
}

class InsecureChannel extends ChannelCredentials {
  compose() {
    throw new Error('Cannot compose insecure credentials')
  }

  _isSecure() {
    return false
  }

  _equals(other) {
    return other instanceof InsecureChannel
  }
}

class SecureChannel extends ChannelCredentials {
  #tls

  constructor(tls) {
    super()
    this.#tls = tls
  }

  _isSecure() {
    return true
  }

  _equals(other) {
    return other instanceof SecureChannel && this.#tls === other.#tls
  }

  _towards(name, options) {
    return this.#tls.towards(name, options['grpc.ssl_target_name_override'])
  }
}

class ComposedChannel extends ChannelCredentials {
  #channel
  #calls

  constructor(channel, calls) {
    super()
    if (!channel._isSecure()) throw new Error('Cannot compose insecure credentials')
    this.#channel = channel
    this.#calls = calls
  }

  compose(callCredentials) {
    return new ComposedChannel(this.#channel, this.#calls.compose(callCredentials))
  }

  _isSecure() {
    return true
  }

  _equals(other) {
    if (this === other) return true
    if (!(other instanceof ComposedChannel)) return false
    return this.#channel._equals(other.#channel) && this.#calls._equals(other.#calls)
  }

  _towards(name, options) {
    return this.#channel._towards(name, options)
  }

  _ofCalls() {
    return this.#calls
  }
}

class ServerCredentials {
  static createInsecure() {
    return new InsecureServer()
  }

  static createSsl(rootCerts, keyCertPairs, checkClientCertificate = false) {
    if (rootCerts !== null && !Buffer.isBuffer(rootCerts)) throw new TypeError('rootCerts must be null or a Buffer')
    if (!Array.isArray(keyCertPairs)) throw new TypeError('keyCertPairs must be an array')
    if (typeof checkClientCertificate !== 'boolean') throw new TypeError('checkClientCertificate must be a boolean')
    for (const [i, pair] of keyCertPairs.entries()) {
      if (pair === null || typeof pair !== 'object') throw new TypeError(`keyCertPair[${i}] must be an object`)
      for (const name of ['private_key', 'cert_chain']) {
        if (!Buffer.isBuffer(pair[name])) throw new TypeError(`keyCertPair[${i}].${name} must be a Buffer`)
      }
    }
    const key = keyCertPairs.map((pair) => pair.private_key)
    const cert = keyCertPairs.map((pair) => pair.cert_chain)
    return new SecureServer({ ca: rootCerts ?? undefined, key, cert }, checkClientCertificate)
  }

  /** TLS with clients, or null for none. Throws what is wrong with what it is made of. */
  _acceptance() {
    return null
  }

  /** Of calls that come this way, besides those of the server. */
  _getInterceptors() {
    return []
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

class SecureServer extends ServerCredentials {
  #identity
  #asks
  #tls

  constructor(identity, asks) {
    super()
    this.#identity = identity
    this.#asks = asks
  }

  _isSecure() {
    return true
  }

  _equals(other) {
    if (this === other) return true
    if (!(other instanceof SecureServer) || this.#asks !== other.#asks) return false
    return isSame(this.#identity, other.#identity)
  }

  _acceptance() {
    this.#tls ??= new (tls().ServerTls)(this.#identity, this.#asks)
    return this.#tls
  }
}

module.exports = { ChannelCredentials, ServerCredentials }
