'use strict'

// Connections that begin with something that rustls cannot answer, for protocols that cannot fall back to Node's TLS.

const { Buffer } = require('node:buffer')
const { native } = require('../engine.js')

/** The fatal alert `handshake_failure` (RFC 8446, section 6). */
const NO_HANDSHAKE = Buffer.from([21, 3, 3, 0, 2, 2, 40])

/** The first byte of a record that belongs to a handshake. */
const HANDSHAKE = 22

/**
 * Ends TLS on a connection that was not answered. Returns the bytes received so far (`heard`), and whether the client
 * speaks TLS (`isHandshake`). If so, it gets an alert, because it wants something that rustls does not have.
 */
function leaveUnanswered({ id }) {
  const heard = native.tlsLeave(id)
  const isHandshake = heard[0] === HANDSHAKE
  if (isHandshake) native.write(id, NO_HANDSHAKE, 0, NO_HANDSHAKE.length)
  return { heard, isHandshake }
}

module.exports = { leaveUnanswered }
