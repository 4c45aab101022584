'use strict'

// TLS's errors, with the codes that Node makes of OpenSSL's reasons.

const process = require('node:process')
const { getSystemErrorMap } = require('node:util')
const { makeError } = require('../errors.js')

const [EPROTO] = [...getSystemErrorMap()].find(([, [name]]) => name === 'EPROTO')

/** Since 3.2, the older alerts are no longer SSL 3's in OpenSSL's words. */
const [major, minor, patch] = (process.versions.openssl ?? '3.0.0').split('.').map((part) => Number.parseInt(part, 10))
const renamed = major > 3 || (major === 3 && minor >= 2)
/** For some time it looked at the length of a record first, which text takes for too long. */
const looksAtLength = renamed && major === 3 && (minor < 5 || (minor === 5 && patch < 6))

/** What ended a session: OpenSSL's reason, and rustls's words for the details. */
function sslError(reason, detail) {
  if (renamed) reason = reason.replace('sslv3 alert', 'ssl/tls alert')
  const code = `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`
  return Object.assign(new Error(`error:SSL routines::${reason} (${detail})`), {
    library: 'SSL routines',
    reason,
    code,
  })
}

/** What has ended a client's handshake, as Node tells it to who has written. */
function handshakeError(reason, detail) {
  if (looksAtLength && reason === 'wrong version number') reason = 'packet length too long'
  const { message } = sslError(reason, detail)
  return Object.assign(new Error(`write EPROTO ${message}`), { errno: EPROTO, code: 'EPROTO', syscall: 'write' })
}

/** OpenSSL's words for what is wrong with a certificate. */
const REASONS = {
  __proto__: null,
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  CERT_SIGNATURE_FAILURE: 'certificate signature failure',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  INVALID_CA: 'invalid CA certificate',
  INVALID_PURPOSE: 'unsuitable certificate purpose',
  KEYUSAGE_NO_CERTSIGN: 'key usage does not include certificate signing',
  PATH_LENGTH_EXCEEDED: 'path length constraint exceeded',
  PERMITTED_VIOLATION: 'permitted subtree violation',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
  UNHANDLED_CRITICAL_EXTENSION: 'unhandled critical extension',
}

/** Those that Node has no code of its own for. */
const UNSPECIFIED = ['KEYUSAGE_NO_CERTSIGN', 'PERMITTED_VIOLATION', 'UNHANDLED_CRITICAL_EXTENSION']

/** Node's code for one of OpenSSL's. */
const verifyCode = (code) => (UNSPECIFIED.includes(code) ? 'UNSPECIFIED' : code)

/** What newer Nodes add to some of them. */
const SUGGESTION = '; if the root CA is installed locally, try running Node.js with --use-system-ca'
const SUGGESTED = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']
const suggests = Number.parseInt(process.versions.node, 10) >= 24

/** What is wrong with a server's certificate, by its code; nothing for none. */
function verifyError(code) {
  if (code === undefined) return undefined
  const reason = REASONS[code] ?? code
  const message = suggests && SUGGESTED.includes(code) ? reason + SUGGESTION : reason
  return Object.assign(new Error(message), { code: verifyCode(code) })
}

/** The server is gone before there is TLS. */
function disconnected({ path, host, port, localAddress }) {
  const message = 'Client network socket disconnected before secure TLS connection was established'
  return Object.assign(new Error(message), { code: 'ECONNRESET', path, host, port, localAddress })
}

function handshakeTimeout() {
  return makeError(Error, 'ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout', handshakeTimeout)
}

/** The peer is gone before there is TLS. */
function hangUp() {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
}

function renegotiationDisabled() {
  return makeError(
    Error,
    'ERR_TLS_RENEGOTIATION_DISABLED',
    'TLS session renegotiation disabled for this socket',
    renegotiationDisabled,
  )
}

function notSecured() {
  return makeError(Error, 'ERR_TLS_INVALID_STATE', 'TLS socket connection must be securely established', notSecured)
}

module.exports = {
  sslError,
  handshakeError,
  verifyCode,
  verifyError,
  disconnected,
  handshakeTimeout,
  hangUp,
  renegotiationDisabled,
  notSecured,
}
