'use strict'

// The errors of TLS, with the codes that Node makes of OpenSSL's reasons.

const process = require('node:process')
const { getSystemErrorMap } = require('node:util')
const { makeError } = require('../errors.js')

const [EPROTO] = [...getSystemErrorMap()].find(([, [name]]) => name === 'EPROTO')

/** OpenSSL 3.2 has renamed the older alerts from "sslv3 alert …" to "ssl/tls alert …". */
const [major, minor, patch] = (process.versions.openssl ?? '3.0.0').split('.').map((part) => Number.parseInt(part, 10))
const renamed = major > 3 || (major === 3 && minor >= 2)
/** Some versions of OpenSSL check the length of a record first. Plain text in place of TLS looks too long to them. */
const looksAtLength = renamed && major === 3 && (minor < 5 || (minor === 5 && patch < 6))

/** The error that ended a session: `reason` in OpenSSL's words, and the details in those of rustls. */
function sslError(reason, detail) {
  if (renamed) reason = reason.replace('sslv3 alert', 'ssl/tls alert')
  const code = `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`
  return Object.assign(new Error(`error:SSL routines::${reason} (${detail})`), {
    library: 'SSL routines',
    reason,
    code,
  })
}

/** The error that ended a client's handshake, as Node reports it to a pending write. */
function handshakeError(reason, detail) {
  if (looksAtLength && reason === 'wrong version number') reason = 'packet length too long'
  const { message } = sslError(reason, detail)
  return Object.assign(new Error(`write EPROTO ${message}`), { errno: EPROTO, code: 'EPROTO', syscall: 'write' })
}

/** OpenSSL's texts for what is wrong with a certificate. */
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

/** Codes of OpenSSL for which Node has no code of its own. */
const UNSPECIFIED = ['KEYUSAGE_NO_CERTSIGN', 'PERMITTED_VIOLATION', 'UNHANDLED_CRITICAL_EXTENSION']

/** Node's code for one of OpenSSL's. */
const verifyCode = (code) => (UNSPECIFIED.includes(code) ? 'UNSPECIFIED' : code)

/** What newer versions of Node add to some of the texts. */
const SUGGESTION = '; if the root CA is installed locally, try running Node.js with --use-system-ca'
const SUGGESTED = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']
const suggests = Number.parseInt(process.versions.node, 10) >= 24

/** The error for a server's certificate by its code; undefined if nothing is wrong. */
function verifyError(code) {
  if (code === undefined) return undefined
  const reason = REASONS[code] ?? code
  const message = suggests && SUGGESTED.includes(code) ? reason + SUGGESTION : reason
  return Object.assign(new Error(message), { code: verifyCode(code) })
}

/** The error if the server has ended the connection before TLS was established. */
function disconnected({ path, host, port, localAddress }) {
  const message = 'Client network socket disconnected before secure TLS connection was established'
  return Object.assign(new Error(message), { code: 'ECONNRESET', path, host, port, localAddress })
}

function handshakeTimeout() {
  return makeError(Error, 'ERR_TLS_HANDSHAKE_TIMEOUT', 'TLS handshake timeout', handshakeTimeout)
}

/** The error if the peer has ended the connection before TLS was established. */
function hangUp() {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
}

/** The error of renegotiate(). OpenSSL has no renegotiation in TLS 1.3, and rustls has none in any version. */
function renegotiationDisabled(version) {
  if (version === 'TLSv1.3') {
    const reason = 'wrong ssl version'
    const message = `error:0A00010A:SSL routines::${reason}`
    return Object.assign(new Error(message), {
      library: 'SSL routines',
      reason,
      code: 'ERR_SSL_WRONG_SSL_VERSION',
    })
  }
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
