'use strict'

// What a server says of calls that fail: the parts of an error frame.

const { isUint8Array } = require('node:util/types')
const { textOf } = require('./errors')
const { encodeMetadata } = require('./metadata')
const { Flag, Origin } = require('./protocol')
const { status: Status, isFailure } = require('./status')

/** The flags of a request that say what streams it has. */
const SHAPE = Flag.STREAMS | Flag.TAKES_STREAM
/** The length of an error's details has 16 bits. */
const MAX_DETAILS = 0xffff

function failure(origin, status, code, message) {
  return { origin, status, code, message, metadata: null, details: null }
}

/** The failure that a handler's error is: anything at all, also what throws when it is looked at. `trailers` are its call's. */
function failureOf(error, trailers) {
  const code = textOf(() => error.code ?? '', '')
  const message = textOf(() => error.message ?? error)
  const status = read(() => error.status)
  const made = failure(Origin.APPLICATION, isFailure(status) ? status : Status.UNKNOWN, code, message)
  const details = read(() => error.details)
  if (isUint8Array(details) && details.length <= MAX_DETAILS) made.details = details
  // What cannot be sent of it must not hide the error itself.
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

/** The method has other streams than the call. */
function otherStreams(shape, flags) {
  const message = `the method ${inWords(shape)}, and the call ${inWords(flags)}: both must have the same 'clientStreaming' and 'serverStreaming'`
  return failure(Origin.REFUSED, Status.UNIMPLEMENTED, 'IRONWIRE_RPC_UNSUPPORTED', message)
}

function inWords(flags) {
  if ((flags & SHAPE) === SHAPE) return 'has a stream in both directions'
  if ((flags & SHAPE) === 0) return 'has no streams'
  return `streams its ${flags & Flag.STREAMS ? 'request' : 'answer'}`
}

/** The request has metadata above a limit. */
function tooMuchMetadata(above) {
  return failure(Origin.REFUSED, Status.RESOURCE_EXHAUSTED, 'IRONWIRE_RPC_METADATA_TOO_LARGE', `its ${above}`)
}

module.exports = { SHAPE, failure, failureOf, otherStreams, tooMuchMetadata }
