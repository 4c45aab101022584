'use strict'

// The errors of the HTTP server, with Node's codes and wording.

const { makeError } = require('../errors.js')

/** What a request gets when its connection ends before the answer. */
function aborted() {
  const error = new Error('aborted')
  error.code = 'ECONNRESET'
  return error
}

/** A refusal of the parser: `code` is `HPE_…`. */
function parseError(code, reason, bytesParsed, rawPacket) {
  const error = new Error(`Parse Error: ${reason}`)
  error.code = code
  error.reason = reason
  error.bytesParsed = bytesParsed
  error.rawPacket = rawPacket
  return error
}

/** A request took longer than `headersTimeout` or `requestTimeout`. */
function requestTimeout() {
  return makeError(Error, 'ERR_HTTP_REQUEST_TIMEOUT', 'Request timeout', requestTimeout)
}

module.exports = { aborted, parseError, requestTimeout }
