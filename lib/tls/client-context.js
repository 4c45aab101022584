'use strict'

// Contexts of clients. Node makes one for each connection; here those of the same options share one, which is also what lets a session of one
// connection go on in the next.

const { createHash } = require('node:crypto')
const process = require('node:process')
const tls = require('node:tls')
const genuine = require('../genuine.js')
const { isForeign, isTraced, nativeContext, optionsOf } = require('./context.js')
const { defaultRoots } = require('./roots.js')

/** Options that have a part of the handshake done by JavaScript, want the stream below, or what rustls has nothing for. */
const FOREIGN = [
  'socket',
  'pskCallback',
  'enableTrace',
  'requestOCSP',
  'onread',
  'ALPNCallback',
  'allowPartialTrustChain',
]

/** What a context is made of, and what is looked at when one is made. */
const NAMES = [
  ...['ca', 'cert', 'key', 'passphrase', 'ciphers', 'minVersion', 'maxVersion', 'ecdhCurve', 'ALPNProtocols'],
  ...['sessionIdContext', 'sessionTimeout', 'ticketKeys'],
]

/** Contexts that are kept, by their options. */
const KEPT = 64
const contexts = new Map()

/** Node's tls, as this package found it. */
const found = genuine.tls

/**
 * The context of a client with `options`, as `tls.connect` takes them, or nothing where Node's TLS is to do it: rustls cannot do what they ask for, or
 * somebody has put a function in the place of Node's. `logs` has secrets logged.
 *
 * Throws what Node throws of wrong options.
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
  // The last one is the one that was used last.
  contexts.set(key, context)
  return context ?? undefined
}

/** Whether programs have changed what decides whom a client trusts, or how it connects. */
function isReplaced() {
  return (
    (tls.connect !== found.connect && !genuine.registered) ||
    (tls.createSecureContext !== found.createSecureContext && !genuine.registered) ||
    tls.rootCertificates !== found.rootCertificates
  )
}

function make(options, roots, logs) {
  // It has the last word about what is wrong with them.
  found.createSecureContext(options)
  const { ALPNProtocols } = options
  const alpn = {}
  if (ALPNProtocols) {
    found.convertALPNProtocols(ALPNProtocols, alpn)
    // It says so when it connects.
    if (alpn.ALPNProtocols === undefined) return null
  }
  return nativeContext(options, { alpn: alpn.ALPNProtocols, logs, roots: roots?.bytes }) ?? null
}

/** A short name of the options, which does not keep their secrets. */
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
