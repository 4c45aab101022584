'use strict'

// Translates Node's options of a secure context for rustls. Node's own `tls.createSecureContext` has checked them
// before and has thrown if they were wrong. What rustls cannot do is left to Node's TLS, so there are no errors here:
// the result is just no context.

const { Buffer } = require('node:buffer')
const crypto = require('node:crypto')
const process = require('node:process')
const tls = require('node:tls')
const { native } = require('../engine.js')
const { all, parseCiphers } = require('./ciphers.js')

const VERSIONS = { 'TLSv1.2': 12, 'TLSv1.3': 13 }
/** OpenSSL's default, in seconds. */
const SESSION_TIMEOUT = 300

/** Options that rustls does not support. */
const FOREIGN = [
  'pfx',
  'crl',
  'dhparam',
  'sigalgs',
  'secureOptions',
  'secureProtocol',
  'clientCertEngine',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'certificateCompression',
]

/** Whether Node was told to log or to trace its own TLS. */
const FLAGS = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`
const isTraced = /--(tls-keylog|trace-tls)\b/.test(FLAGS)

const isForeign = (options) => FOREIGN.some((name) => options[name])

const dropped = new FinalizationRegistry((id) => native.tlsContextDrop(id))

/** A context of the native engine. It is dropped there when this object is garbage-collected. */
class NativeContext {
  constructor(id) {
    this.id = id
    dropped.register(this, id)
  }
}

const list = (value) => (value === undefined || value === null ? [] : Array.isArray(value) ? value.flat() : [value])
const bytes = (value) =>
  typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength)

/**
 * Makes a context of `options`, as `tls.createServer` takes them; undefined if rustls cannot do what they ask for.
 * `asks` and `demands` tell whether clients are asked for a certificate and must have one. Only sessions with the same
 * `purpose` can be resumed. `alpn` has the protocols in core's format, `ticketsOf` is a context whose tickets are
 * shared, and `roots` are trusted in place of `ca`.
 */
function nativeContext(
  options,
  { asks = false, demands = false, alpn, logs = false, purpose = '', ticketsOf, roots } = {},
) {
  if (isForeign(options)) return undefined
  if (options.ecdhCurve !== undefined && options.ecdhCurve !== 'auto') return undefined
  const oldest = VERSIONS[options.minVersion ?? tls.DEFAULT_MIN_VERSION]
  const newest = VERSIONS[options.maxVersion ?? tls.DEFAULT_MAX_VERSION]
  const suites = suitesOf(options.ciphers)
  if (oldest === undefined || newest === undefined || suites === undefined) return undefined
  try {
    const authorities = list(options.ca).map(bytes)
    const identities = pair(list(options.cert).map(bytes), list(options.key), options.passphrase)
    if (identities === undefined) return undefined
    const made = native.tlsContext({
      certificates: identities.map(({ chain }) => chain),
      keys: identities.map(({ key }) => key),
      authorities: roots ?? authorities,
      alpn: protocols(alpn),
      oldest,
      newest,
      suites,
      ownOrder: options.honorCipherOrder !== false,
      asks,
      demands,
      logs,
      ticketKeys: options.ticketKeys && bytes(options.ticketKeys),
      sessionTimeout: options.sessionTimeout || SESSION_TIMEOUT,
      purpose: Buffer.from(purpose),
      ticketsOf: ticketsOf?.id,
    })
    return typeof made === 'number' ? new NativeContext(made) : undefined
  } catch {
    // Node has accepted something that cannot be read here as a certificate or key.
    return undefined
  }
}

/** The protocol names in core's format, in which each follows a byte with its length. Empty if there are none. */
function protocols(wire = []) {
  const found = []
  for (let at = 0; at < wire.length; at += 1 + wire[at]) found.push(bytes(wire.subarray(at + 1, at + 1 + wire[at])))
  return found
}

/** The suites of a cipher list; `undefined` if it has more than names of suites that rustls has. */
function suitesOf(ciphers) {
  const { defaultCoreCipherList } = crypto.constants
  ciphers ??= tls.DEFAULT_CIPHERS
  return ciphers === defaultCoreCipherList ? all : parseCiphers(ciphers)
}

/** Pairs each certificate with its key; undefined if one has no key. */
function pair(chains, keys, passphrase) {
  const opened = keys.map((key) => {
    const { pem = key, passphrase: own = passphrase } = isBytes(key) ? {} : key
    return crypto.createPrivateKey({ key: pem, passphrase: own })
  })
  const paired = []
  for (const chain of chains) {
    const certificate = new crypto.X509Certificate(chain)
    const key = opened.find((key) => certificate.checkPrivateKey(key))
    if (key === undefined) return undefined
    paired.push({ chain, key: Buffer.from(key.export({ type: 'pkcs8', format: 'pem' })) })
  }
  return paired
}

const isBytes = (value) => typeof value === 'string' || ArrayBuffer.isView(value)

/** The methods that change a context after it was made. Its options do not describe it any more then. */
const CHANGES = ['addCACert', 'addCRL', 'addRootCerts', 'loadPKCS12', 'setCert', 'setKey', 'setOptions']

/** The options of contexts made by our `createSecureContext`, by Node's objects for them. */
const remembered = new WeakMap()

function remember(secureContext, options = {}) {
  const { context } = secureContext
  const copy = { ...options }
  remembered.set(secureContext, copy)
  remembered.set(context, copy)
  for (const name of CHANGES) {
    const { [name]: change } = context
    if (change === undefined) continue
    const value = function (...args) {
      remembered.delete(secureContext)
      remembered.delete(context)
      return change.apply(this, args)
    }
    Object.defineProperty(context, name, { value, configurable: true, writable: true })
  }
  return secureContext
}

/** The options that a context was made of; undefined if it was made elsewhere or has been changed. */
function optionsOf(secureContext) {
  return remembered.get(secureContext)
}

module.exports = { isForeign, isTraced, nativeContext, NativeContext, remember, optionsOf }
