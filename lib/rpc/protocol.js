'use strict'

// The constants of docs/rpc-protocol.md.

const { Buffer } = require('node:buffer')
const constants = require('../constants')
const { invalidArgType, invalidArgValue } = require('../errors')

/**
 * VERSION is the highest protocol version. MAGIC is 'IWRP', the first bytes from either peer, and PREFACE_SIZE the
 * length of the preface. FRAME_HEAD is the size of length prefix, kind, flags and sequence number, LENGTH_SIZE that of
 * the length prefix alone. CODE_SIZE and AMOUNT_SIZE are the sizes of a code and of an amount in a payload, BLOCK_SIZE
 * that of the length of metadata or details, and ERROR_PREFIX that of the fixed part of an error's payload.
 * MAX_METHOD_NAME is the longest name. All sizes are in bytes.
 */
const { VERSION, MAGIC, PREFACE_SIZE, FRAME_HEAD, LENGTH_SIZE, CODE_SIZE, AMOUNT_SIZE, BLOCK_SIZE } = constants.rpc
const { ERROR_PREFIX, MAX_METHOD_NAME } = constants.rpc
/**
 * WINDOW_UNIT is the unit of the preface's window in bytes. MESSAGE_COST is the credit that a message takes besides its
 * body.
 */
const { WINDOW_UNIT, MESSAGE_COST } = constants.rpc

/** The first version with streams, metadata and statuses. */
const FULL_VERSION = 2

/**
 * The kinds of frames, and two more kinds of records in the same table: the preface, and the end of a connection that
 * broke the protocol.
 */
const Kind = constants.frame

/** The flags of frames. */
const Flag = constants.rpcFlag

/** Why a peer ends the connection. */
const Reason = constants.reason

/** Where a call failed, according to the server: the lower byte of an error's code. The upper byte is the status. */
const Origin = {
  APPLICATION: 1,
  UNKNOWN_METHOD: 2,
  DEADLINE: 3,
  TOO_MANY_CALLS: 4,
  CANCELLED: 5,
  REPLY_TOO_LARGE: 6,
  REFUSED: 7,
  ANSWER_GONE: 8,
}

/** Lengths, limits and milliseconds are 32 bits wide. */
const MAX_U32 = 2 ** 32 - 1

/** Method numbers are CODE_SIZE bytes wide. */
const MAX_METHODS = 2 ** (8 * CODE_SIZE)

/** The smallest frame limit that a peer may announce: every control frame and a readable error message fit into it. */
const MIN_FRAME_LIMIT = 1024

/** Checks a method name and returns its bytes. Throws if it is not valid; `what` names the argument in the error. */
function checkName(what, name) {
  if (typeof name !== 'string') throw invalidArgType(what, 'of type string', name)
  // In UTF-8 a lone surrogate becomes a replacement character, so two different names could become the same.
  if (!name.isWellFormed()) throw invalidArgValue(what, name, 'must be well-formed: it has a lone surrogate')
  const bytes = Buffer.from(name)
  if (bytes.length === 0 || bytes.length > MAX_METHOD_NAME) {
    throw invalidArgValue(what, name, `must have 1 to ${MAX_METHOD_NAME} bytes`)
  }
  return bytes
}

module.exports = {
  VERSION,
  MAGIC,
  PREFACE_SIZE,
  FRAME_HEAD,
  LENGTH_SIZE,
  CODE_SIZE,
  AMOUNT_SIZE,
  BLOCK_SIZE,
  ERROR_PREFIX,
  WINDOW_UNIT,
  MESSAGE_COST,
  FULL_VERSION,
  Kind,
  Flag,
  Origin,
  Reason,
  MAX_METHODS,
  MAX_U32,
  MIN_FRAME_LIMIT,
  checkName,
}
