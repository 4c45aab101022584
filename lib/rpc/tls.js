'use strict'

// The option `tls`: Node's options, for rustls. What that cannot do is refused by name: nobody would notice TLS that is less than what was asked for.
// No error here shows what was given, which may be a key.

const tls = require('node:tls')
const { isDeepStrictEqual } = require('node:util')
const { makeError } = require('../errors')
const { refuseUnknown } = require('../options')
const { Acceptance, Towards, rejectsByDefault, requiredContext } = require('../tls/required')
const { defaultRoots } = require('../tls/roots')

const COMMON = ['ca', 'cert', 'key', 'passphrase', 'ciphers', 'minVersion', 'maxVersion', 'rejectUnauthorized']
const OF_SERVERS = [...COMMON, 'requestCert', 'honorCipherOrder', 'sessionTimeout', 'ticketKeys']
const OF_CLIENTS = [...COMMON, 'servername', 'checkServerIdentity']

/** Options of Node's that have nothing to stand for them here. */
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

/** By its kind only: what is in the wrong place may be a key. */
const wrongType = (name, expected, given) =>
  makeError(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" property must be ${expected}. Received ${given === null ? 'null' : `type ${typeof given}`}`,
    wrongType,
  )

const wrong = (name, reason) => makeError(TypeError, 'ERR_INVALID_ARG_VALUE', `The property '${name}' ${reason}`, wrong)

const isMissing = (value) => value === undefined || value === null || value.length === 0

/** `path` is what `given` is called. */
function check(given, known, path) {
  if (given === null || typeof given !== 'object') throw wrongType(path, 'of type object', given)
  for (const name of FOREIGN) {
    if (known.includes(name) || given[name] === undefined) continue
    const instead = name === 'pfx' ? ": use 'cert' and 'key' instead" : ''
    throw wrong(`${path}.${name}`, `is not supported by rustls, which does the TLS of rpc${instead}`)
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

/** What a server takes clients with. */
class ServerTls extends Acceptance {
  constructor(given, path = 'options.tls') {
    check(given, OF_SERVERS, path)
    if (isMissing(given.cert))
      throw wrong(`${path}.cert`, 'must be given: a server with TLS needs a certificate and its key')
    const { requestCert: asks = false, rejectUnauthorized: rejects = true } = given
    // All the world's authorities sign for all the world.
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

  /** Why a client may not come in; undefined for one that may. */
  refusal(peer) {
    if (!this.rejects || peer.authorized) return undefined
    const { chain, authorizationError } = peer
    const what = chain.length === 0 ? 'this client has none' : `this client's is not one: ${authorizationError}`
    return `This server accepts only clients with a certificate of its authorities, and ${what}`
  }
}

/** What a client takes servers with. */
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

  /** For connections to who is called so, unless the options say how. */
  towards(name) {
    return new Towards(this, this.servername ?? name)
  }

  /** The same for other servers, which have other names. */
  get elsewhere() {
    if (this.servername === undefined) return this
    const { servername: _, ...rest } = this.#given
    return new ClientTls(rest, 'options.tls')
  }

  /** Those that it was made of. */
  get options() {
    return { ...this.#given }
  }

  /** Whether both are made of the same options. */
  isLike(other) {
    return this === other || isDeepStrictEqual(this.#given, other.#given)
  }
}

/** Options that were read before are good as they are. */
const clientTls = (given, path) => (given instanceof ClientTls ? given : new ClientTls(given, path))

/** TLS with those whose address says it, of a client that says nothing more. */
let ofAddresses
const defaultTls = () => (ofAddresses ??= new ClientTls({}, 'options.tls'))

module.exports = { ServerTls, clientTls, defaultTls }
