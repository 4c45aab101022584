'use strict'

// What sockets of clients say of TLS, and servers' do not.

const { Buffer } = require('node:buffer')
const { TLSSocket } = require('node:tls')
const { invalidArgType } = require('../errors.js')
const { kSecure } = require('../http/symbols.js')
const { kWishes, sessionOf } = require('./client.js')

/** OpenSSL's names of the groups that keys are exchanged in, and their sizes in bits. */
const GROUPS = {
  __proto__: null,
  X25519: ['X25519', 253],
  secp256r1: ['prime256v1', 256],
  secp384r1: ['secp384r1', 384],
}

/** The name of a session that nobody can go on with: as long as the server has given none, that is what there is. */
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

  /** A session's name stands for its ticket, too. */
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

/** Those that Node's TLS answers where it carries the connection. */
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

/** Makes a class of [secure sockets](socket.js) one of clients'. */
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
