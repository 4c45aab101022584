'use strict'

// The methods of `TLSSocket` that differ on a client's sockets from those of a server (socket.js).

const { Buffer } = require('node:buffer')
const { TLSSocket } = require('node:tls')
const { invalidArgType } = require('../errors.js')
const { kSecure } = require('../http/symbols.js')
const { kWishes, sessionOf } = require('./client.js')

/** OpenSSL's names of the key exchange groups, and their sizes in bits. */
const GROUPS = {
  __proto__: null,
  X25519: ['X25519', 253],
  secp256r1: ['prime256v1', 256],
  secp384r1: ['secp384r1', 384],
}

/** What getSession() returns until the server has given a session: a name that cannot be resumed. */
const UNKNOWN = Buffer.from('ironwire'.padEnd(32, '\0'))

const methods = {
  setServername(name) {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
    this[kWishes].servername = name
  },

  setSession(session) {
    this[kWishes].session = sessionOf(session)
  },

  getSession() {
    const connection = this[kSecure]
    return connection.session ?? (connection.secured ? Buffer.from(UNKNOWN) : undefined)
  },

  /** A session's name also stands for its ticket. */
  getTLSTicket() {
    return this[kSecure].session
  },

  getEphemeralKeyInfo() {
    const { keyExchange } = this[kSecure]
    if (keyExchange === undefined) return {}
    const [name, size] = GROUPS[keyExchange] ?? [keyExchange]
    return { type: 'ECDH', name, size }
  },
}

/** The methods that Node's TLS answers if it carries the connection. */
const CARRIED = [
  'exportKeyingMaterial',
  'getCertificate',
  'getCipher',
  'getEphemeralKeyInfo',
  'getFinished',
  'getPeerCertificate',
  'getPeerFinished',
  'getPeerX509Certificate',
  'getProtocol',
  'getSession',
  'getSharedSigalgs',
  'getTLSTicket',
  'getX509Certificate',
  'isSessionReused',
  'renegotiate',
  'setMaxSendFragment',
]

/** Gives a class of [secure sockets](socket.js) the methods of a client's sockets. */
function clientSide({ prototype }) {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
  for (const name of CARRIED) {
    const { [name]: method } = prototype
    const value = function (...args) {
      const { carrier } = this[kSecure]
      return carrier === undefined ? method.apply(this, args) : TLSSocket.prototype[name].apply(carrier, args)
    }
    Object.defineProperty(value, 'name', { value: name })
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}

module.exports = { clientSide }
