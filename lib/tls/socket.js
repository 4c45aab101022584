'use strict'

// The methods and properties of Node's `TLSSocket`, for sockets whose TLS is done by rustls: those of `tls` and
// `https`.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const { TLSSocket } = require('node:tls')
const { native } = require('../engine.js')
const { invalidArgType, makeError, outOfRange } = require('../errors.js')
const { kSecure } = require('../http/symbols.js')
const { Socket } = require('../net/socket.js')
const { notSecured, renegotiationDisabled } = require('./errors.js')

const MAX_LENGTH = 2 ** 32 - 1
const MAX_INT = 2 ** 31 - 1
/** The limits for the size of a record in bytes, as in OpenSSL. */
const MIN_FRAGMENT = 512
const MAX_FRAGMENT = 16_384

const methods = {
  // As in Node, these return null after the connection has closed.
  getProtocol() {
    const { closing, version } = this[kSecure]
    return closing ? null : version
  },

  getCipher() {
    const { closing, cipher } = this[kSecure]
    return closing ? null : cipher
  },

  isSessionReused() {
    const { closing, isResumed } = this[kSecure]
    return closing ? null : isResumed
  },

  getPeerCertificate(detailed) {
    const connection = this[kSecure]
    const whole = detailed ? connection.peerChain : []
    // A closed connection only knows what it was asked for before.
    const [first, ...rest] = whole.length > 0 ? whole : connection.peerCertificates
    if (first === undefined) return {}
    const certificate = first.toLegacyObject()
    if (!detailed) return certificate
    let last = certificate
    for (const issuer of rest) {
      last.issuerCertificate = issuer.toLegacyObject()
      last = last.issuerCertificate
    }
    const root = rest[rest.length - 1] ?? first
    // As in Node, a self-signed certificate ends the chain as its own issuer.
    if (root.checkIssued(root)) last.issuerCertificate = last
    return certificate
  },

  getPeerX509Certificate() {
    return this[kSecure].peerCertificates[0]
  },

  exportKeyingMaterial(length, label, context) {
    if (typeof length !== 'number') throw invalidArgType('length', 'of type number', length)
    if (!Number.isInteger(length)) throw outOfRange('length', 'an integer', length)
    if (length < 1 || length > MAX_LENGTH) throw outOfRange('length', `>= 1 && <= ${MAX_LENGTH}`, length)
    if (typeof label !== 'string') throw invalidArgType('label', 'of type string', label)
    if (context !== undefined && !ArrayBuffer.isView(context)) {
      throw invalidArgType('context', 'an instance of Buffer, TypedArray, or DataView', context)
    }
    const connection = this[kSecure]
    if (!connection.secured || connection.closing) throw notSecured()
    const bytes = context && Buffer.from(context.buffer, context.byteOffset, context.byteLength)
    const exported = native.tlsExport(connection.id, length, label, bytes)
    if (exported === undefined) {
      throw makeError(Error, 'ERR_CRYPTO_OPERATION_FAILED', `Cannot export ${length} bytes of keying material`)
    }
    return exported
  },

  /** Always refused: neither rustls nor TLS 1.3 has renegotiation. */
  renegotiate(options, callback) {
    if (typeof options !== 'object' || options === null) throw invalidArgType('options', 'of type object', options)
    if (callback !== undefined && typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    if (callback !== undefined) process.nextTick(callback, renegotiationDisabled(this[kSecure].version))
    return false
  },

  disableRenegotiation() {},

  enableTrace() {},

  setMaxSendFragment(size) {
    if (typeof size !== 'number') throw invalidArgType('size', 'of type number', size)
    if (!Number.isInteger(size)) throw outOfRange('size', 'an integer', size)
    if (size < -MAX_INT - 1 || size > MAX_INT) throw outOfRange('size', `>= ${-MAX_INT - 1} && <= ${MAX_INT}`, size)
    if (size < MIN_FRAGMENT || size > MAX_FRAGMENT) return false
    return this[kSecure].setFragment(size)
  },

  getCertificate() {
    return this[kSecure].certificate?.toLegacyObject() ?? {}
  },

  getX509Certificate() {
    return this[kSecure].certificate
  },

  setServername() {
    throw makeError(Error, 'ERR_TLS_SNI_FROM_SERVER', 'Cannot issue SNI from a TLS server-side socket')
  },

  /** As in Node, only a client's socket reports the key exchange. */
  getEphemeralKeyInfo() {
    return null
  },

  // Sessions are in the clients' tickets, and the messages of the handshake are not kept.
  getSession() {},
  getTLSTicket() {},
  getFinished() {},
  getPeerFinished() {},
  getSharedSigalgs() {
    return []
  },
}

/** The properties of Node's sockets, and those of the connection that they show. A program may set them. */
const properties = {
  authorized: 'authorized',
  authorizationError: 'authorizationError',
  alpnProtocol: 'alpnProtocol',
  servername: 'servername',
  _secureEstablished: 'secured',
}

/**
 * Makes the sockets of a class count as `instanceof TLSSocket`. They get the methods of `classes` and those of TLS,
 * which ask the connection under `kSecure`.
 */
function secure(Class, ...classes) {
  Class.prototype = Object.create(TLSSocket.prototype)
  const { prototype } = Class
  for (const { prototype: from } of classes) {
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(from))
  }
  for (const [name, value] of Object.entries({
    ...methods,
    encrypted: true,
    secureConnecting: false,
    constructor: TLSSocket,
  })) {
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
  for (const [name, source] of Object.entries(properties)) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get() {
        return this[kSecure][source]
      },
      set(value) {
        Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true })
      },
    })
  }
}

/** A socket of a server of `tls`. */
function SecureSocket(connection) {
  this[kSecure] = connection
  const { server } = connection
  Socket.call(this, {
    handle: connection,
    allowHalfOpen: server.allowHalfOpen,
    manualStart: true,
    readableHighWaterMark: server.highWaterMark,
    writableHighWaterMark: server.highWaterMark,
  })
  this.server = server
  this._server = server
}
Object.setPrototypeOf(SecureSocket, Socket)
secure(SecureSocket, Socket)

module.exports = { SecureSocket, secure }
