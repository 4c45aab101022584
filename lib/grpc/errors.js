'use strict'

const { makeError } = require('../errors.js')
const { status: names } = require('./constants.js')

/** The error for a feature of @grpc/grpc-js that is missing here. */
function unsupported(what) {
  return makeError(Error, 'IRONWIRE_GRPC_UNSUPPORTED', `ironwire's grpc does not support ${what} yet`, unsupported)
}

/** The error for credentials that rustls cannot use. */
function unusable(name, reason) {
  const message = `grpc cannot use TLS with these credentials: '${name}' ${reason}`
  return makeError(Error, 'IRONWIRE_GRPC_UNSUPPORTED', message, unusable)
}

/** Options of @grpc/grpc-js that are missing here and on which a program would rely. Setting one is an error. */
const MISSING = ['grpc-node.max_session_memory']

function refuseMissing(options) {
  for (const name of MISSING) if (options[name]) throw unsupported(`'${name}'`)
}

/** The error of a failed call, as in @grpc/grpc-js. `code` is the number of the status. */
function callError(status) {
  return Object.assign(new Error(`${status.code} ${names[status.code]}: ${status.details}`), status)
}

/** Statuses that only a server's handlers may give. */
const OF_SERVERS = ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'ABORTED']
  .concat('OUT_OF_RANGE', 'DATA_LOSS')
  .map((name) => names[name])

/**
 * `[code, details]` for a status that does not come from a server's handler but from credentials, resolvers or
 * policies. One that only handlers may give becomes INTERNAL.
 */
function ofControlPlane(code, details) {
  if (!OF_SERVERS.includes(code)) return [code, details]
  return [names.INTERNAL, `Invalid status from control plane: ${code} ${names[code]} ${details}`]
}

/**
 * Why a message of this length is refused. 0 stands for a message that is not too long itself but exceeds the memory of
 * its connection.
 */
function tooLarge(length, most) {
  return length === 0
    ? 'The incomplete messages of this connection take more memory than one connection may use'
    : `Received message larger than max (${length} vs ${most})`
}

/** The status for an error that a handler has given. */
function statusOf(error, trailers) {
  const status = {
    code: 2,
    details: error?.message !== undefined ? error.message : 'Unknown Error',
    metadata: trailers ?? error.metadata ?? null,
  }
  if (Number.isInteger(error.code)) {
    status.code = error.code
    if (typeof error.details === 'string') status.details = error.details
  }
  return status
}

module.exports = { unsupported, unusable, refuseMissing, callError, ofControlPlane, statusOf, tooLarge }
