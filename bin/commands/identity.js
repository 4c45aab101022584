'use strict'

// Reads the certificates and keys that are named on the command line.

const fs = require('node:fs')
const { UsageError } = require('./usage.js')

/** The certificate and the key; undefined if none are named. */
function identity(cert, key) {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) throw new UsageError('--tls-cert and --tls-key go together')
  const pair = { cert: contents('tls-cert', cert), key: contents('tls-key', key) }
  const { X509Certificate, createPrivateKey } = require('node:crypto')
  const certificate = asPem('tls-cert', cert, 'certificate', () => new X509Certificate(pair.cert))
  const own = asPem('tls-key', key, 'unencrypted private key', () => createPrivateKey(pair.key))
  if (!certificate.checkPrivateKey(own)) throw new UsageError(`${key} is not the key of the certificate in ${cert}`)
  return pair
}

function asPem(name, file, what, read) {
  try {
    return read()
  } catch (error) {
    throw new UsageError(`--${name}: ${file} contains no ${what} in PEM format: ${error.message}`)
  }
}

function contents(name, file) {
  try {
    return fs.readFileSync(file)
  } catch (error) {
    throw new UsageError(`--${name} cannot be read: ${error.message}`)
  }
}

/** The certificate authorities; undefined if none are named. */
function authorities(file) {
  if (file === undefined) return undefined
  const pem = contents('tls-ca', file)
  asPem('tls-ca', file, 'certificate', () => new (require('node:crypto').X509Certificate)(pem))
  return pem
}

module.exports = { identity, authorities }
