'use strict'

// TLS that rustls must do: there is no fallback to Node's TLS, as `tls`, `https` and `http2` have it. If rustls cannot
// do what an option asks for, the error names the option, because weaker TLS than was asked for would go unnoticed. No
// error shows an option's value, which may be a key.

const crypto = require('node:crypto')
const process = require('node:process')
const tls = require('node:tls')
const { isNativeError } = require('node:util/types')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { all: SUITES } = require('./ciphers.js')
const { nativeContext } = require('./context.js')
const { verifyError } = require('./errors.js')

/**
 * Options that may be the reason why there is no context: the name, a value to try in its place, and what would be
 * right.
 */
const SUSPECTS = [
  [
    'minVersion',
    'TLSv1.2',
    "must be 'TLSv1.2' or 'TLSv1.3': rustls, which implements TLS here, supports no other versions",
  ],
  ['maxVersion', 'TLSv1.3', "must be 'TLSv1.2' or 'TLSv1.3', and not below minVersion"],
  ['ca', undefined, 'must be certificates in PEM'],
  [
    'ciphers',
    crypto.constants.defaultCoreCipherList,
    `must name cipher suites that rustls supports: ${SUITES.join(', ')}`,
  ],
]

const KINDS = 'RSA of 2048 bits or more, ECDSA over P-256 or P-384, or Ed25519'

/** Like `nativeContext`, but throws if there is no context. `wrong(name, reason)` makes the error for an option. */
function requiredContext(options, more, wrong) {
  // Throws if the options are wrong, in Node's words.
  tls.createSecureContext(options)
  const context = nativeContext(options, more)
  if (context !== undefined) return context
  const culprit = SUSPECTS.find(([name, value]) => nativeContext({ ...options, [name]: value }, more) !== undefined)
  if (culprit !== undefined) throw wrong(culprit[0], culprit[2])
  throw wrong('key', `and 'cert' must belong together and be of a kind that rustls supports: ${KINDS}`)
}

const dropped = new FinalizationRegistry((id) => native.tlsServerDrop(id))

/** The TLS settings with which a server accepts connections. */
class Acceptance {
  constructor(context) {
    this.context = context
    this.id = native.tlsServer(context.id)
    dropped.register(this, this.id)
  }

  /** Starts TLS on a connection. Returns an error if that is not possible. */
  start({ id }) {
    const status = native.tlsAccept(id, this.id, false)
    return status === 0 ? undefined : systemError(status, 'accept')
  }
}

let warned = false

/**
 * Whether clients refuse unverified servers if their options do not say. As in Node, an environment variable decides,
 * with Node's warning.
 */
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

/** What a program's `checkServerIdentity` has returned or thrown, as an error. */
function objectionOf(given) {
  if (typeof given?.then === 'function') {
    return new Error("'checkServerIdentity' must return its result directly, but it returned a promise")
  }
  return given instanceof Error || isNativeError(given) ? given : new Error(textOf(given))
}

function textOf(value) {
  try {
    return String(value)
  } catch {
    return 'an error without text'
  }
}

/** The TLS settings for connections to the servers of one name. */
class Towards {
  /** `tls` has `context`, `rejects` and `checkServerIdentity`, which is called with `identity`. */
  constructor(tls, name, identity = name) {
    this.tls = tls
    this.name = name
    this.identity = identity
    /** This end asks the peer for certificates. */
    this.asks = true
    /** The session that the next connection tries to resume. */
    this.session = undefined
  }

  /** Starts TLS on a connection. Returns an error if that is not possible. */
  start({ id }) {
    const { tls, name, session } = this
    if (native.tlsConnect(id, tls.context.id, name, session) === 0) return undefined
    return new Error(`'${name}' is not a name that a certificate can have: pass the server's name as 'servername'`)
  }

  /** The error for a server's certificate; undefined if nothing is wrong. */
  objection(peer) {
    const { authorizationError } = peer
    if (authorizationError !== null) return verifyError(authorizationError)
    const { checkServerIdentity } = this.tls
    try {
      // As in Node, a falsy value is no objection.
      const objection = checkServerIdentity(this.identity, peer.certificate.toLegacyObject())
      return objection ? objectionOf(objection) : undefined
    } catch (thrown) {
      return objectionOf(thrown)
    }
  }

  /** Whether a server is refused if there is an objection. */
  get rejects() {
    return this.tls.rejects
  }

  refusal(peer) {
    return this.rejects ? this.objection(peer) : undefined
  }
}

module.exports = { Acceptance, Towards, rejectsByDefault, requiredContext }
