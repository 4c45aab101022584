'use strict'

// Connections that begin with something that rustls has no answer to, where there is no Node's TLS to leave them to.

const { Buffer } = require('node:buffer')
const { native } = require('../engine.js')

/** The fatal alert `handshake_failure` (RFC 8446, 6). */
const NO_HANDSHAKE = Buffer.from([21, 3, 3, 0, 2, 2, 40])

/** The first byte of a record that is a part of a handshake. */
const HANDSHAKE = 22

/**
 * A connection that has no answer of TLS speaks none any more. Returns what has come; a client that speaks TLS, and wants what rustls does not have, is
 * told so: `isHandshake`.
 */
function leaveUnanswered({ id }) {
  const heard = native.tlsLeave(id)
  const isHandshake = heard[0] === HANDSHAKE
  if (isHandshake) native.write(id, NO_HANDSHAKE, 0, NO_HANDSHAKE.length)
  return { heard, isHandshake }
}

module.exports = { leaveUnanswered }
