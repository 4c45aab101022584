'use strict'

// The numbers of docs/rpc-protocol.md.

const { Buffer } = require('node:buffer')
const constants = require('../constants')
const { invalidArgType, invalidArgValue } = require('../errors')

/**
 * The highest version spoken here; 'IWRP', the first bytes from either peer, and how many they are; bytes of length prefix, kind, flags and
 * sequence number, and of the first alone; of a payload's code and of the amount behind it, of the length of metadata and details, of what
 * an error's payload begins with, and of a method's name at most.
 */
const { VERSION, MAGIC, PREFACE_SIZE, FRAME_HEAD, LENGTH_SIZE, CODE_SIZE, AMOUNT_SIZE, BLOCK_SIZE } = constants.rpc
const { ERROR_PREFIX, MAX_METHOD_NAME } = constants.rpc
/** Bytes of a unit of the preface's window, and what a message costs of its stream's credit besides its body. */
const { WINDOW_UNIT, MESSAGE_COST } = constants.rpc

/** Streams, metadata and statuses are spoken from here on. */
const FULL_VERSION = 2

/** Kinds of frames, and of two records that stand in the same table: the preface, and the end of a stream that broke the rules. */
const Kind = constants.frame

/** The flags of frames. */
const Flag = constants.rpcFlag

/** Why a peer ends the connection. */
const Reason = constants.reason

/** Where a call failed, as the server tells it: the lower byte of an error's code. The upper one is the status. */
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

/** As many as there are numbers for them. */
const MAX_METHODS = 2 ** (8 * CODE_SIZE)

/** The smallest frame limit that a peer may announce: every control frame and a readable error message fit into it. */
const MIN_FRAME_LIMIT = 1024

/** Throws for what cannot be a method's name, calling it `what`; returns its bytes. */
function checkName(what, name) {
  if (typeof name !== 'string') throw invalidArgType(what, 'of type string', name)
  // As UTF-8 a lone surrogate is a replacement character, and two such names would be one.
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
