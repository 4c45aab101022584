'use strict'

// What Node's `TLSSocket` says of TLS, said by sockets whose TLS is done by rustls: those of `tls`, and those of `https`.

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
/** Bytes of a record, as OpenSSL takes them. */
const MIN_FRAGMENT = 512
const MAX_FRAGMENT = 16_384

const methods = {
  // As in Node, these are null when all is over.
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
    // What is closed knows only what it was asked before.
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
    // As in Node: what has signed itself ends the chain with itself.
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

  /** There is none: rustls, as TLS 1.3, does not have it. */
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

  /** A server's key exchange is its client's to know, as in Node. */
  getEphemeralKeyInfo() {
    return null
  },

  // Sessions are in the clients' tickets, and what was said in the handshake is not kept.
  getSession() {},
  getTLSTicket() {},
  getFinished() {},
  getPeerFinished() {},
  getSharedSigalgs() {
    return []
  },
}

/** What Node's sockets have as properties. Whoever sets one has it so. */
const properties = {
  authorized: 'authorized',
  authorizationError: 'authorizationError',
  alpnProtocol: 'alpnProtocol',
  servername: 'servername',
  _secureEstablished: 'secured',
}

/**
 * Makes a class of sockets one of `TLSSocket`s to whoever asks, with the methods of `classes`, and what is said of TLS by the connection that is
 * under `kSecure`.
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

/** A socket of `tls`. */
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
