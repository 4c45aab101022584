'use strict'

// TLS's errors, with the codes that Node makes of OpenSSL's reasons.

const process = require('node:process')
const { makeError } = require('../errors.js')

/** Since 3.2, the older alerts are no longer SSL 3's in OpenSSL's words. */
const [major, minor] = (process.versions.openssl ?? '3.0').split('.').map(Number)
const renamed = major > 3 || (major === 3 && minor >= 2)

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

module.exports = { sslError, handshakeTimeout, hangUp, renegotiationDisabled, notSecured }
