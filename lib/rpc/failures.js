'use strict'

// How a server describes failed calls: the parts of an error frame.

const { isUint8Array } = require('node:util/types')
const { textOf } = require('./errors')
const { encodeMetadata } = require('./metadata')
const { Flag, Origin } = require('./protocol')
const { status: Status, isFailure } = require('./status')

/** The flags of a request that say in which directions it streams. */
const SHAPE = Flag.STREAMS | Flag.TAKES_STREAM
/** In bytes: the length of an error's details is a 16-bit number. */
const MAX_DETAILS = 0xffff

function failure(origin, status, code, message) {
  return { origin, status, code, message, metadata: null, details: null }
}

/**
 * The failure that describes a handler's error. The error may be anything, including an object that throws when it is
 * read. `trailers` belong to its call.
 */
function failureOf(error, trailers) {
  const code = textOf(() => error.code ?? '', '')
  const message = textOf(() => error.message ?? error)
  const status = read(() => error.status)
  const made = failure(Origin.APPLICATION, isFailure(status) ? status : Status.UNKNOWN, code, message)
  const details = read(() => error.details)
  if (isUint8Array(details) && details.length <= MAX_DETAILS) made.details = details
  // If the metadata cannot be sent, the error itself still must be.
  made.metadata = read(() => encodeMetadata(error.metadata ?? trailers)) ?? null
  return made
}

function read(look) {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** The method and the call disagree about which directions stream. */
function otherStreams(shape, flags) {
  const message = `the method ${inWords(shape)}, and the call ${inWords(flags)}: both must have the same 'clientStreaming' and 'serverStreaming'`
  return failure(Origin.REFUSED, Status.UNIMPLEMENTED, 'IRONWIRE_RPC_UNSUPPORTED', message)
}

function inWords(flags) {
  if ((flags & SHAPE) === SHAPE) return 'has a stream in both directions'
  if ((flags & SHAPE) === 0) return 'has no streams'
  return `streams its ${flags & Flag.STREAMS ? 'request' : 'answer'}`
}

/** The request's metadata exceeds a limit. */
function tooMuchMetadata(above) {
  return failure(Origin.REFUSED, Status.RESOURCE_EXHAUSTED, 'IRONWIRE_RPC_METADATA_TOO_LARGE', `its ${above}`)
}

module.exports = { SHAPE, failure, failureOf, otherStreams, tooMuchMetadata }
