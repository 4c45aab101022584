'use strict'

// The numbers of docs/rpc-protocol.md. `src/rpc/frame.rs` has the same ones for the reading side.

const { Buffer } = require('node:buffer')
const { invalidArgType, invalidArgValue } = require('../errors')

/** The highest version spoken here. */
const VERSION = 1

/** 'IWRP', the first bytes from either peer. */
const MAGIC = 0x49575250
const PREFACE_SIZE = 16

/** Length prefix, kind, flags and sequence number. */
const FRAME_HEAD = 10
const LENGTH_SIZE = 4

/** Kinds of frames, and of two records that stand in the same table: the preface, and the end of a stream that broke the rules. */
const Kind = {
  PREFACE: 0,
  METHOD: 1,
  REQUEST: 2,
  REPLY: 3,
  ERROR: 4,
  CANCEL: 5,
  PING: 6,
  PONG: 7,
  GOAWAY: 8,
  BROKEN: 255,
}

const FLAG_DEADLINE = 1

/** Why a call failed, as the server tells it. */
const Status = {
  APPLICATION: 1,
  UNKNOWN_METHOD: 2,
  DEADLINE: 3,
  TOO_MANY_CALLS: 4,
  CANCELLED: 5,
  REPLY_TOO_LARGE: 6,
}

/** Why a peer ends the connection. */
const Reason = {
  SHUTDOWN: 0,
  PROTOCOL: 1,
  FRAME_TOO_LARGE: 2,
  NOT_RPC: 3,
  SLOW_READER: 4,
  SILENT: 5,
}

/** Bytes of a method's name at most. */
const MAX_METHOD_NAME = 255

/** Method numbers are 16 bits wide. */
const MAX_METHODS = 65536

/** The smallest frame limit that a peer may announce: every control frame and a readable error message fit into it. */
const MIN_FRAME_LIMIT = 1024

/** Words of one record in the table of a read: kind | flags << 8, sequence, code, milliseconds left, offset, length. */
const RECORD_WORDS = 6

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
  Kind,
  FLAG_DEADLINE,
  Status,
  Reason,
  MAX_METHODS,
  MIN_FRAME_LIMIT,
  RECORD_WORDS,
  checkName,
}
