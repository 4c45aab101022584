'use strict'

// The option `tls`: Node's options, for rustls. What that cannot do is refused by name: nobody would notice TLS that is less than what was asked for.
// No error here shows what was given, which may be a key.

const crypto = require('node:crypto')
const process = require('node:process')
const tls = require('node:tls')
const { isDeepStrictEqual } = require('node:util')
const { isNativeError } = require('node:util/types')
const { native } = require('../engine')
const { makeError, systemError } = require('../errors')
const { refuseUnknown } = require('../options')
const { all: SUITES } = require('../tls/ciphers')
const { nativeContext } = require('../tls/context')
const { verifyError } = require('../tls/errors')
const { defaultRoots } = require('../tls/roots')
const { textOf } = require('./errors')

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
    const instead = name === 'pfx' ? ": give 'cert' and 'key'" : ''
    throw wrong(`${path}.${name}`, `is one that rustls, which does the TLS of rpc, has nothing for${instead}`)
  }
  refuseUnknown(given, known, path)
  for (const name of known) {
    if (name in given && given[name] === undefined) throw wrong(`${path}.${name}`, 'is given, and undefined')
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

/** What is put in the place of an option to see whether that is why there is no context, and what would be right. */
const SUSPECTS = [
  ['minVersion', 'TLSv1.2', "must be 'TLSv1.2' or 'TLSv1.3': rustls, which does the TLS of rpc, has no others"],
  ['maxVersion', 'TLSv1.3', "must be 'TLSv1.2' or 'TLSv1.3', and not below minVersion"],
  ['ca', undefined, 'must be certificates in PEM'],
  ['ciphers', crypto.constants.defaultCoreCipherList, `must name suites that rustls has: ${SUITES.join(', ')}`],
]

function contextOf(given, path, more) {
  // Says what is wrong with them, in Node's words.
  tls.createSecureContext(given)
  const context = nativeContext(given, more)
  if (context !== undefined) return context
  const culprit = SUSPECTS.find(([name, value]) => nativeContext({ ...given, [name]: value }, more) !== undefined)
  if (culprit !== undefined) throw wrong(`${path}.${culprit[0]}`, culprit[2])
  const kinds = 'RSA of 2048 bits or more, ECDSA over P-256 or P-384, or Ed25519'
  throw wrong(`${path}.key`, `and 'cert' must be of a kind that rustls has, each with the other: ${kinds}`)
}

const dropped = new FinalizationRegistry((id) => native.tlsServerDrop(id))

/** What a server takes clients with. */
class ServerTls {
  constructor(given, path = 'options.tls') {
    check(given, OF_SERVERS, path)
    if (isMissing(given.cert))
      throw wrong(`${path}.cert`, 'must be given: a server shows a certificate, and proves that it has its key')
    const { requestCert: asks = false, rejectUnauthorized: rejects = true } = given
    // All the world's authorities sign for all the world.
    if (asks && rejects && isMissing(given.ca)) {
      throw wrong(`${path}.ca`, "must be given with 'requestCert': whose certificates let clients in")
    }
    this.asks = asks
    this.rejects = asks && rejects
    this.context = contextOf(given, path, { asks, purpose: `rpc ${asks}` })
    this.id = native.tlsServer(this.context.id)
    dropped.register(this, this.id)
  }

  /** Begins on a connection. Returns why not, if it cannot. */
  start({ id }) {
    const status = native.tlsAccept(id, this.id, false)
    return status === 0 ? undefined : systemError(status, 'accept')
  }

  /** Why a client may not come in; undefined for one that may. */
  refusal(peer) {
    if (!this.rejects || peer.authorized) return undefined
    const { chain, authorizationError } = peer
    const what = chain.length === 0 ? 'it has none' : `not this one: ${authorizationError}`
    return `This server takes clients with a certificate of its authorities only, and ${what}`
  }
}

let warned = false

/** As in Node, which warns of it in these words. */
function rejectsByDefault() {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED !== '0') return true
  if (!warned) {
    warned = true
    const what =
      "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests insecure"
    process.emitWarning(`${what} by disabling certificate verification.`)
  }
  return false
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
      throw wrong(`${path}.ca`, 'must be given: Node was told to trust others than its own, and does not show whom')
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

/** What a program's `checkServerIdentity` has returned or thrown, as an error. */
function objectionOf(given) {
  if (typeof given?.then === 'function') {
    return new Error("'checkServerIdentity' must answer at once, and has returned a promise")
  }
  return given instanceof Error || isNativeError(given) ? given : new Error(textOf(() => given))
}

/** TLS with servers that have one name. */
class Towards {
  constructor(tls, name) {
    this.tls = tls
    this.name = name
    this.asks = true
    /** What the next connection goes on with. */
    this.session = undefined
  }

  /** Begins on a connection. Returns why not, if it cannot. */
  start({ id }) {
    const { tls, name, session } = this
    if (native.tlsConnect(id, tls.context.id, name, session) === 0) return undefined
    return new Error(`'${name}' is no name that a certificate can have: give the one of the server as 'servername'`)
  }

  /** What is wrong with a server's certificate; undefined for nothing. */
  refusal(peer) {
    const { rejects, checkServerIdentity } = this.tls
    if (!rejects) return undefined
    const { authorizationError } = peer
    if (authorizationError !== null) return verifyError(authorizationError)
    try {
      // As in Node, whatever is false for JavaScript is no objection.
      const objection = checkServerIdentity(this.name, peer.certificate.toLegacyObject())
      return objection ? objectionOf(objection) : undefined
    } catch (thrown) {
      return objectionOf(thrown)
    }
  }
}

/** Options that were read before are good as they are. */
const clientTls = (given, path) => (given instanceof ClientTls ? given : new ClientTls(given, path))

/** TLS with those whose address says it, of a client that says nothing more. */
let ofAddresses
const defaultTls = () => (ofAddresses ??= new ClientTls({}, 'options.tls'))

module.exports = { ServerTls, clientTls, defaultTls }
