'use strict'

// `ChannelCredentials` and `ServerCredentials` as in @grpc/grpc-js. The TLS that they stand for is in tls.js.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const { isDeepStrictEqual: isSame } = require('node:util')
const { Provided } = require('./certificate-provider.js')

/** Loaded on first use: a Node that was built without OpenSSL has no TLS. */
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

  /** Returns credentials that also add call credentials to each call. */
  compose(callCredentials) {
    return new ComposedChannel(this, callCredentials)
  }

  /** TLS to the server with this name, or null for none. */
  _towards(_name, _options) {
    return null
  }

  /** The call credentials of each call, or null for none. */
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

/** Channel credentials whose certificates come from providers and can change. */
class ProvidedChannel extends SecureChannel {
  #made

  constructor(...made) {
    super(new (tls().ProvidedTls)(...made))
    this.#made = made
  }

  _equals(other) {
    if (this === other) return true
    if (!(other instanceof ProvidedChannel)) return false
    const [ca, identity, verify] = other.#made
    const [ownCa, ownIdentity, ownVerify] = this.#made
    return ca === ownCa && identity === ownIdentity && verify?.checkServerIdentity === ownVerify?.checkServerIdentity
  }
}

const createCertificateProviderChannelCredentials = (caProvider, identityProvider, verifyOptions) =>
  new ProvidedChannel(caProvider, identityProvider, verifyOptions)

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
  #settings
  #identity
  #tls

  /**
   * `settings` are TLS options that never change, or null for no TLS. `identity` is `{ ca, cert, key }`, which can be
   * replaced, or null while there is none.
   */
  constructor(settings = null, identity = null) {
    this.#settings = settings
    this.#identity = identity
  }

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
    const ca = rootCerts ?? (checkClientCertificate ? tls().rootsOfEnvironment() : undefined)
    const key = keyCertPairs.map((pair) => pair.private_key)
    const cert = keyCertPairs.map((pair) => pair.cert_chain)
    return new SecureServer(settingsOf({ requestCert: checkClientCertificate }), { ca, cert, key })
  }

  _isSecure() {
    return this.#settings !== null
  }

  _getConstructorOptions() {
    return this.#settings
  }

  _getSecureContextOptions() {
    return this.#identity
  }

  /** Replaces the identity, also from subclasses in programs. New connections use it, or are closed if it is null. */
  updateSecureContextOptions(identity) {
    this.#identity = identity
    this.#tls = undefined
  }

  /**
   * TLS for a new connection: null for no TLS, undefined while there is no identity. Throws if the identity or the
   * settings are invalid.
   */
  _acceptance() {
    if (this.#settings === null) return null
    if (this.#identity !== null) this.#tls ??= new (tls().ServerTls)(this.#identity, this.#settings)
    return this.#tls
  }

  /** Interceptors for calls on ports with these credentials, in addition to the server's own. */
  _getInterceptors() {
    return []
  }

  /** Called when a port begins and stops using these credentials. */
  _hold() {}
  _release() {}
}

const settingsOf = (settings) => ({ ...settings, ciphers: process.env.GRPC_SSL_CIPHER_SUITES })

class InsecureServer extends ServerCredentials {
  _equals(other) {
    return other instanceof InsecureServer
  }
}

class SecureServer extends ServerCredentials {
  _equals(other) {
    if (this === other) return true
    if (!(other instanceof SecureServer)) return false
    return (
      isSame(this._getConstructorOptions(), other._getConstructorOptions()) &&
      isSame(this._getSecureContextOptions(), other._getSecureContextOptions())
    )
  }
}

/** Server credentials whose certificates come from providers and can change. */
class ProvidedServer extends ServerCredentials {
  #made
  #provided

  constructor(identityProvider, caProvider, rejectUnauthorized) {
    super(settingsOf({ requestCert: caProvider !== null, rejectUnauthorized }))
    this.#made = [identityProvider, caProvider, rejectUnauthorized]
    this.#provided = new Provided(caProvider, identityProvider, () => {
      this.updateSecureContextOptions(this.#provided.options)
    })
  }

  _equals(other) {
    if (this === other) return true
    return other instanceof ProvidedServer && this.#made.every((part, i) => part === other.#made[i])
  }

  _hold() {
    this.#provided.hold()
  }

  _release() {
    this.#provided.release()
  }
}

const createCertificateProviderServerCredentials = (identityProvider, caProvider, requireClientCertificate) =>
  new ProvidedServer(identityProvider, caProvider, requireClientCertificate)

/** Wraps other credentials and adds interceptors. */
class InterceptorServer extends ServerCredentials {
  #credentials
  #interceptors

  constructor(credentials, interceptors) {
    super()
    this.#credentials = credentials
    this.#interceptors = interceptors
  }

  _isSecure() {
    return this.#credentials._isSecure()
  }

  _equals(other) {
    if (this === other) return true
    if (!(other instanceof InterceptorServer) || !this.#credentials._equals(other.#credentials)) return false
    const [mine, others] = [this.#interceptors, other.#interceptors]
    return mine.length === others.length && mine.every((interceptor, i) => interceptor === others[i])
  }

  _acceptance() {
    return this.#credentials._acceptance()
  }

  _getInterceptors() {
    return [...this.#credentials._getInterceptors(), ...this.#interceptors]
  }

  _hold() {
    this.#credentials._hold()
  }

  _release() {
    this.#credentials._release()
  }
}

const createServerCredentialsWithInterceptors = (credentials, interceptors) =>
  new InterceptorServer(credentials, interceptors)

module.exports = {
  ChannelCredentials,
  ServerCredentials,
  createCertificateProviderChannelCredentials,
  createCertificateProviderServerCredentials,
  createServerCredentialsWithInterceptors,
}
