'use strict'

const { makeError } = require('../errors.js')
const { status: names } = require('./constants.js')

/** What is in @grpc/grpc-js and not here. */
function unsupported(what) {
  return makeError(Error, 'IRONWIRE_GRPC_UNSUPPORTED', `ironwire's grpc has no ${what} yet`, unsupported)
}

/** The error that a call ends with, as @grpc/grpc-js makes it: `code` is the number of a status. */
function callError(status) {
  return Object.assign(new Error(`${status.code} ${names[status.code]}: ${status.details}`), status)
}

/** The status that a handler's error stands for. */
function statusOf(error, trailers) {
  const status = {
    code: 2,
    details: 'message' in error ? error.message : 'Unknown Error',
    metadata: trailers ?? error.metadata ?? null,
  }
  if (Number.isInteger(error.code)) {
    status.code = error.code
    if (typeof error.details === 'string') status.details = error.details
  }
  return status
}

module.exports = { unsupported, callError, statusOf }
