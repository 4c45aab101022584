'use strict'

const { makeError } = require('../errors.js')
const { status: names } = require('./constants.js')

/** What is in @grpc/grpc-js and not here. */
function unsupported(what) {
  return makeError(Error, 'IRONWIRE_GRPC_UNSUPPORTED', `ironwire's grpc has no ${what} yet`, unsupported)
}

/** Credentials that rustls has nothing for. */
function unusable(name, reason) {
  const message = `grpc has no TLS with these credentials: '${name}' ${reason}`
  return makeError(Error, 'IRONWIRE_GRPC_UNSUPPORTED', message, unusable)
}

/** Options of @grpc/grpc-js's that whoever gives them counts on, and that nothing here heeds. */
const MISSING = ['grpc-node.max_session_memory']

function refuseMissing(options) {
  for (const name of MISSING) if (options[name]) throw unsupported(`'${name}'`)
}

/** The error that a call ends with, as @grpc/grpc-js makes it: `code` is the number of a status. */
function callError(status) {
  return Object.assign(new Error(`${status.code} ${names[status.code]}: ${status.details}`), status)
}

/** Statuses that only servers give. */
const OF_SERVERS = ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'ABORTED']
  .concat('OUT_OF_RANGE', 'DATA_LOSS')
  .map((name) => names[name])

/** `[code, details]` of a status that comes from what is around calls: those that only servers give are passed on as INTERNAL. */
function ofControlPlane(code, details) {
  if (!OF_SERVERS.includes(code)) return [code, details]
  return [names.INTERNAL, `Invalid status from control plane: ${code} ${names[code]} ${details}`]
}

/** Why a message of that length is not taken; 0 is for one that is no longer than it may be. */
function tooLarge(length, most) {
  return length === 0
    ? 'Messages that have begun take more memory than a connection may'
    : `Received message larger than max (${length} vs ${most})`
}

/** The status that a handler's error stands for. */
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
