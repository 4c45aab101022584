'use strict'

// Node's options of a secure context, for rustls. They have been through Node's own `tls.createSecureContext` before, which has raised what is wrong
// with them; what rustls cannot do is left to Node's TLS, so there are no errors here, only no context.

const { Buffer } = require('node:buffer')
const crypto = require('node:crypto')
const process = require('node:process')
const tls = require('node:tls')
const { native } = require('../engine.js')
const { all, parseCiphers } = require('./ciphers.js')

const VERSIONS = { 'TLSv1.2': 12, 'TLSv1.3': 13 }
/** Seconds, as OpenSSL has it. */
const SESSION_TIMEOUT = 300

/** Options that rustls has nothing for. */
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

/** Node was told to write down, or to show, what its own TLS does. */
const FLAGS = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`
const isTraced = /--(tls-keylog|trace-tls)\b/.test(FLAGS)

const isForeign = (options) => FOREIGN.some((name) => options[name])

const dropped = new FinalizationRegistry((id) => native.tlsContextDrop(id))

/** A context of the native engine's. */
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
 * A context of `options`, as `tls.createServer` takes them, or nothing where rustls cannot do what they ask for. `purpose` is what sessions must
 * have in common to be resumed, `alpn` the protocols as core keeps them, `ticketsOf` a context with the same tickets, and `roots` are trusted in the place of `ca`.
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
    // Node's own made sense of what is no certificate or key here.
    return undefined
  }
}

/** Each behind its length; none where there is nothing. */
function protocols(wire = []) {
  const found = []
  for (let at = 0; at < wire.length; at += 1 + wire[at]) found.push(bytes(wire.subarray(at + 1, at + 1 + wire[at])))
  return found
}

/** `undefined` for a list that is more than names of suites that rustls has. */
function suitesOf(ciphers) {
  const { defaultCoreCipherList } = crypto.constants
  ciphers ??= tls.DEFAULT_CIPHERS
  return ciphers === defaultCoreCipherList ? all : parseCiphers(ciphers)
}

/** Each certificate with the key that is its own; nothing where one has none. */
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

/** What programs change contexts by that have been made: of those the options say too little. */
const CHANGES = ['addCACert', 'addCRL', 'addRootCerts', 'loadPKCS12', 'setCert', 'setKey', 'setOptions']

/** The options of contexts that our `createSecureContext` has made, by Node's objects for them. */
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

/** What a context was made of; nothing for one that somebody else has made. */
function optionsOf(secureContext) {
  return remembered.get(secureContext)
}

module.exports = { isForeign, isTraced, nativeContext, NativeContext, remember, optionsOf }
