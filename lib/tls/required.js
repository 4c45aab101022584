'use strict'

// TLS that rustls has to do: nobody is there whom it could be left to, as `tls`, `https` and `http2` leave it to Node. What rustls cannot do is an error
// that names the option: nobody would notice TLS that is less than what was asked for. No error shows what was given, which may be a key.

const crypto = require('node:crypto')
const process = require('node:process')
const tls = require('node:tls')
const { isNativeError } = require('node:util/types')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { all: SUITES } = require('./ciphers.js')
const { nativeContext } = require('./context.js')
const { verifyError } = require('./errors.js')

/** What is put in the place of an option to see whether that is why there is no context, and what would be right. */
const SUSPECTS = [
  ['minVersion', 'TLSv1.2', "must be 'TLSv1.2' or 'TLSv1.3': rustls, which does the TLS here, has no others"],
  ['maxVersion', 'TLSv1.3', "must be 'TLSv1.2' or 'TLSv1.3', and not below minVersion"],
  ['ca', undefined, 'must be certificates in PEM'],
  ['ciphers', crypto.constants.defaultCoreCipherList, `must name suites that rustls has: ${SUITES.join(', ')}`],
]

const KINDS = 'RSA of 2048 bits or more, ECDSA over P-256 or P-384, or Ed25519'

/** See `nativeContext`. `wrong(name, reason)` makes the error for an option. */
function requiredContext(options, more, wrong) {
  // Says what is wrong with them, in Node's words.
  tls.createSecureContext(options)
  const context = nativeContext(options, more)
  if (context !== undefined) return context
  const culprit = SUSPECTS.find(([name, value]) => nativeContext({ ...options, [name]: value }, more) !== undefined)
  if (culprit !== undefined) throw wrong(culprit[0], culprit[2])
  throw wrong('key', `and 'cert' must be of a kind that rustls has, each with the other: ${KINDS}`)
}

const dropped = new FinalizationRegistry((id) => native.tlsServerDrop(id))

/** What a server takes connections with. */
class Acceptance {
  constructor(context) {
    this.context = context
    this.id = native.tlsServer(context.id)
    dropped.register(this, this.id)
  }

  /** Begins on a connection. Returns why not, if it cannot. */
  start({ id }) {
    const status = native.tlsAccept(id, this.id, false)
    return status === 0 ? undefined : systemError(status, 'accept')
  }
}

let warned = false

/** Whether a client that does not say takes verified servers only: as in Node, which warns of it in these words. */
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
    return new Error("'checkServerIdentity' must answer at once, and has returned a promise")
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

/** TLS with servers that have one name. */
class Towards {
  /** `tls` has `context`, `rejects` and `checkServerIdentity`, which is asked about `identity`. */
  constructor(tls, name, identity = name) {
    this.tls = tls
    this.name = name
    this.identity = identity
    /** This end wants to see certificates. */
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
  objection(peer) {
    const { authorizationError } = peer
    if (authorizationError !== null) return verifyError(authorizationError)
    const { checkServerIdentity } = this.tls
    try {
      // As in Node, whatever is false for JavaScript is no objection.
      const objection = checkServerIdentity(this.identity, peer.certificate.toLegacyObject())
      return objection ? objectionOf(objection) : undefined
    } catch (thrown) {
      return objectionOf(thrown)
    }
  }

  /** Whether a server that it objects to is refused. */
  get rejects() {
    return this.tls.rejects
  }

  refusal(peer) {
    return this.rejects ? this.objection(peer) : undefined
  }
}

module.exports = { Acceptance, Towards, rejectsByDefault, requiredContext }
