'use strict'

// Contexts of clients. Node makes one for each connection. Here connections with the same options share one, so that a
// connection can also resume the session of an earlier one.

const { createHash } = require('node:crypto')
const process = require('node:process')
const tls = require('node:tls')
const genuine = require('../genuine.js')
const { isForeign, isTraced, nativeContext, optionsOf } = require('./context.js')
const { defaultRoots } = require('./roots.js')

/** Options that need JavaScript in the handshake or the stream below TLS, or that rustls does not support. */
const FOREIGN = [
  'socket',
  'pskCallback',
  'enableTrace',
  'requestOCSP',
  'onread',
  'ALPNCallback',
  'allowPartialTrustChain',
]

/** The options that a context is made of, and those that are checked when one is made. */
const NAMES = [
  ...['ca', 'cert', 'key', 'passphrase', 'ciphers', 'minVersion', 'maxVersion', 'ecdhCurve', 'ALPNProtocols'],
  ...['sessionIdContext', 'sessionTimeout', 'ticketKeys'],
]

/** The contexts by the hash of their options, the most recently used last. At most this many are kept. */
const KEPT = 64
const contexts = new Map()

/** Node's tls module, as this package found it. */
const found = genuine.tls

/**
 * The context of a client with `options`, as `tls.connect` takes them. Undefined if Node's TLS must be used: because
 * rustls cannot do what the options ask for, or because the program has replaced one of Node's functions. With `logs`,
 * the session secrets are logged ('keylog').
 *
 * Throws what Node throws for wrong options.
 */
function clientContext(options, logs) {
  if (isTraced || isReplaced() || FOREIGN.some((name) => options[name]) || isForeign(options)) return undefined
  if (options.secureContext) {
    const known = optionsOf(options.secureContext)
    return known && clientContext({ ...known, ALPNProtocols: options.ALPNProtocols }, logs)
  }
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0' && options.rejectUnauthorized === undefined) return undefined
  const roots = options.ca ? undefined : defaultRoots()
  if (roots === null) return undefined
  const key = keyOf(options, roots, logs)
  let context = contexts.get(key)
  if (context === undefined) {
    context = make(options, roots, logs)
    if (contexts.size === KEPT) contexts.delete(contexts.keys().next().value)
  } else contexts.delete(key)
  // The most recently used context is the last one.
  contexts.set(key, context)
  return context ?? undefined
}

/** Whether the program has replaced what decides which servers a client trusts, or how it connects. */
function isReplaced() {
  return (
    (tls.connect !== found.connect && !genuine.registered) ||
    (tls.createSecureContext !== found.createSecureContext && !genuine.registered) ||
    tls.rootCertificates !== found.rootCertificates
  )
}

function make(options, roots, logs) {
  // Node's own function throws if the options are wrong.
  found.createSecureContext(options)
  const { ALPNProtocols } = options
  const alpn = {}
  if (ALPNProtocols) {
    found.convertALPNProtocols(ALPNProtocols, alpn)
    // Node reports this when it connects.
    if (alpn.ALPNProtocols === undefined) return null
  }
  return nativeContext(options, { alpn: alpn.ALPNProtocols, logs, roots: roots?.bytes }) ?? null
}

/** A hash of the options, which serves as their key without keeping their secrets. */
function keyOf(options, roots, logs) {
  const hash = createHash('sha256')
  hash.update(`${logs} ${roots?.number} ${tls.DEFAULT_CIPHERS} ${tls.DEFAULT_MIN_VERSION} ${tls.DEFAULT_MAX_VERSION}`)
  for (const name of NAMES) add(hash, options[name])
  return hash.digest('latin1')
}

function add(hash, value) {
  if (Array.isArray(value)) {
    hash.update(`[${value.length}]`)
    for (const each of value) add(hash, each)
  } else if (typeof value === 'string' || ArrayBuffer.isView(value)) {
    hash.update(`<${value.length ?? value.byteLength}>`).update(value)
  } else if (typeof value === 'object' && value !== null) {
    add(hash, value.pem)
    add(hash, value.passphrase)
  } else hash.update(`${value};`)
}

module.exports = { clientContext }
