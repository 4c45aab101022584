'use strict'

// The option `tls`: Node's TLS options, applied to rustls. Options that rustls does not support are refused by name,
// because weaker TLS than requested would go unnoticed. No error here shows an option's value, which may be a key.

const tls = require('node:tls')
const { isDeepStrictEqual } = require('node:util')
const { makeError } = require('../errors')
const { refuseUnknown } = require('../options')
const { Acceptance, Towards, rejectsByDefault, requiredContext } = require('../tls/required')
const { defaultRoots } = require('../tls/roots')

const COMMON = ['ca', 'cert', 'key', 'passphrase', 'ciphers', 'minVersion', 'maxVersion', 'rejectUnauthorized']
const OF_SERVERS = [...COMMON, 'requestCert', 'honorCipherOrder', 'sessionTimeout', 'ticketKeys']
const OF_CLIENTS = [...COMMON, 'servername', 'checkServerIdentity']

/** Options of Node that have no equivalent here. */
const FOREIGN = [
  'pfx',
  'crl',
  'dhparam',
  'ecdhCurve',
  'sigalgs',
  'secureContext',
  'secureOptions',
  'secureProtocol',
  'session',
  'clientCertEngine',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'ALPNProtocols',
  'ALPNCallback',
  'SNICallback',
  'pskCallback',
  'requestOCSP',
  'allowPartialTrustChain',
]

/** Names only the type of the value: a misplaced value may be a key. */
const wrongType = (name, expected, given) =>
  makeError(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" property must be ${expected}. Received ${given === null ? 'null' : `type ${typeof given}`}`,
    wrongType,
  )

const wrong = (name, reason) => makeError(TypeError, 'ERR_INVALID_ARG_VALUE', `The property '${name}' ${reason}`, wrong)

const isMissing = (value) => value === undefined || value === null || value.length === 0

/** `path` is the name of `given` in errors. */
function check(given, known, path) {
  if (given === null || typeof given !== 'object') throw wrongType(path, 'of type object', given)
  for (const name of FOREIGN) {
    if (known.includes(name) || given[name] === undefined) continue
    const instead = name === 'pfx' ? ": use 'cert' and 'key' instead" : ''
    throw wrong(`${path}.${name}`, `is not supported by rustls, which implements TLS for rpc${instead}`)
  }
  refuseUnknown(given, known, path)
  for (const name of known) {
    if (name in given && given[name] === undefined)
      throw wrong(`${path}.${name}`, 'must not be undefined: leave it out, or give it a value')
  }
  for (const name of ['requestCert', 'rejectUnauthorized']) {
    const value = given[name]
    if (value !== undefined && typeof value !== 'boolean') {
      throw wrongType(`${path}.${name}`, 'of type boolean', value)
    }
  }
  const { ticketKeys } = given
  if (ticketKeys !== undefined && !ArrayBuffer.isView(ticketKeys)) {
    throw wrongType(`${path}.ticketKeys`, 'an instance of Buffer, TypedArray, or DataView', ticketKeys)
  }
  if (isMissing(given.cert) !== isMissing(given.key)) {
    throw wrong(`${path}.${isMissing(given.key) ? 'key' : 'cert'}`, "must be given: 'cert' and 'key' go together")
  }
}

const contextOf = (given, path, more) =>
  requiredContext(given, more, (name, reason) => wrong(`${path}.${name}`, reason))

/** The TLS settings of a server. */
class ServerTls extends Acceptance {
  constructor(given, path = 'options.tls') {
    check(given, OF_SERVERS, path)
    if (isMissing(given.cert))
      throw wrong(`${path}.cert`, 'must be given: a server with TLS needs a certificate and its key')
    const { requestCert: asks = false, rejectUnauthorized: rejects = true } = given
    // A public authority signs certificates for everyone, so it cannot decide who may connect.
    if (asks && rejects && isMissing(given.ca)) {
      throw wrong(
        `${path}.ca`,
        "must be given with 'requestCert': it says which authorities sign the certificates of clients",
      )
    }
    super(contextOf(given, path, { asks, purpose: `rpc ${asks}` }))
    this.asks = asks
    this.rejects = asks && rejects
  }

  /** Why a client is refused; undefined if it is accepted. */
  refusal(peer) {
    if (!this.rejects || peer.authorized) return undefined
    const { chain, authorizationError } = peer
    const what = chain.length === 0 ? 'this client has none' : `this client's is not one: ${authorizationError}`
    return `This server accepts only clients with a certificate of its authorities, and ${what}`
  }
}

/** The TLS settings of a client. */
class ClientTls {
  #given

  constructor(given, path) {
    check(given, OF_CLIENTS, path)
    const { servername, checkServerIdentity = tls.checkServerIdentity, rejectUnauthorized } = given
    if (servername !== undefined && typeof servername !== 'string') {
      throw wrongType(`${path}.servername`, 'of type string', servername)
    }
    if (typeof checkServerIdentity !== 'function') {
      throw wrongType(`${path}.checkServerIdentity`, 'of type function', checkServerIdentity)
    }
    this.#given = { ...given }
    this.servername = servername
    this.checkServerIdentity = checkServerIdentity
    this.rejects = rejectUnauthorized ?? rejectsByDefault()
    const roots = isMissing(given.ca) ? defaultRoots() : undefined
    if (roots === null)
      throw wrong(
        `${path}.ca`,
        'must be given: Node was told to trust other authorities than its own, and does not show which',
      )
    this.context = contextOf(given, path, { purpose: 'rpc', roots: roots?.bytes })
  }

  /** The settings for connections to a server called `name`, unless the option `servername` overrides it. */
  towards(name) {
    return new Towards(this, this.servername ?? name)
  }

  /** The same settings without `servername`, for other servers. */
  get elsewhere() {
    if (this.servername === undefined) return this
    const { servername: _, ...rest } = this.#given
    return new ClientTls(rest, 'options.tls')
  }

  /** A copy of the options that this object was made from. */
  get options() {
    return { ...this.#given }
  }

  /** Whether both were made from equal options. */
  isLike(other) {
    return this === other || isDeepStrictEqual(this.#given, other.#given)
  }
}

/** Accepts options that were parsed before. */
const clientTls = (given, path) => (given instanceof ClientTls ? given : new ClientTls(given, path))

/** The TLS settings for addresses that begin with 'tls://', for clients without the option `tls`. */
let ofAddresses
const defaultTls = () => (ofAddresses ??= new ClientTls({}, 'options.tls'))

module.exports = { ServerTls, clientTls, defaultTls }
