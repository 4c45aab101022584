'use strict'

// The errors of the HTTP server, with Node's codes and wording.

const { makeError } = require('../errors.js')

/** The error of a request whose connection ended before the answer. */
function aborted() {
  const error = new Error('aborted')
  error.code = 'ECONNRESET'
  return error
}

/**
 * An error of the parser; `code` is `HPE_…`. An error at the end of the input has no packet; its reason is in
 * `error.reason` but not in the message.
 */
function parseError(code, reason, bytesParsed, rawPacket) {
  const error = new Error(rawPacket === undefined ? 'Parse Error' : `Parse Error: ${reason}`)
  // Node's parser creates this error while no JavaScript runs, so it has no stack.
  if (rawPacket !== undefined) error.stack = String(error)
  error.bytesParsed = bytesParsed
  error.code = code
  error.reason = reason
  if (rawPacket !== undefined) error.rawPacket = rawPacket
  return error
}

/** The error of a request that took longer than `headersTimeout` or `requestTimeout`. */
function requestTimeout() {
  return makeError(Error, 'ERR_HTTP_REQUEST_TIMEOUT', 'Request timeout', requestTimeout)
}

module.exports = { aborted, parseError, requestTimeout }
