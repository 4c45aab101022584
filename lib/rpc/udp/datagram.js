'use strict'

// The datagrams of rpc over UDP, which docs/rpc-protocol.md describes byte by byte. Each is written and read as a
// whole. The read functions return null for invalid datagrams.

const { Buffer, isUtf8 } = require('node:buffer')
const { Kind: Frame, Flag, BLOCK_SIZE } = require('../protocol')

/** 'IWRU' */
const MAGIC = 0x49575255
const VERSION = 1

/** Kinds that exist as frames have the same numbers. */
const Kind = {
  REQUEST: Frame.REQUEST,
  REPLY: Frame.REPLY,
  ERROR: Frame.ERROR,
  CANCEL: Frame.CANCEL,
  GOAWAY: Frame.GOAWAY,
  HELLO: 16,
  WELCOME: 17,
  UNKNOWN: 18,
  WORKING: 19,
  BYE: 20,
}

/** Flag of a goaway: the call that it names was not run and will not be. */
const REFUSES = 1
/** A reason for a goaway, in addition to those of stream connections. */
const FULL = 16

/**
 * The smallest allowed limit for datagrams, in bytes: every datagram without a body, a readable error and a hello fit
 * into it.
 */
const MIN_DATAGRAM = 512
/** The largest payload of UDP over IPv4. */
const MAX_DATAGRAM = 65_507

// The layout of the head: magic, version, kind, flags, connection id.
const VERSION_AT = 4
const KIND_AT = 5
const FLAGS_AT = 6
const CONNECTION_AT = 7
const CONNECTION_SIZE = 8
const HEAD = CONNECTION_AT + CONNECTION_SIZE

const TOKEN_SIZE = 16
const NUMBER_SIZE = 6

// Datagrams from the client have a token after the head, then the number of a call.
const TOKEN_END = HEAD + TOKEN_SIZE
const NAMED = TOKEN_END + NUMBER_SIZE
/**
 * A request has after its number: the largest answer, the remaining milliseconds, and the length of the method's name.
 */
const LIMIT_AT = NAMED
const REMAINING_AT = LIMIT_AT + 2
const NAME_AT = REMAINING_AT + 4
/** The size of a request without name, metadata and body. */
const REQUEST_HEAD = NAME_AT + 1

/** The size of an answer up to the parts that its flags announce: head and number. */
const ANSWER_HEAD = HEAD + NUMBER_SIZE

const WELCOME_SIZE = TOKEN_END + 2 + 2 + CONNECTION_SIZE

/** The low bits of a call's number are its slot; the other bits count the calls of that slot. */
const SLOT_BITS = 16
const SLOTS = 2 ** SLOT_BITS
const COUNT_LIMIT = 2 ** 32

const slotOf = (number) => number & (SLOTS - 1)
const countOf = (number) => Math.floor(number / SLOTS)
const numberOf = (slot, count) => count * SLOTS + slot

/** The allowed flags of each kind. */
const FLAGS = {
  [Kind.REQUEST]: Flag.METADATA | Flag.ONE_WAY,
  [Kind.REPLY]: Flag.METADATA,
  [Kind.ERROR]: Flag.METADATA | Flag.DETAILS,
  [Kind.GOAWAY]: REFUSES,
}

function begin(kind, flags, connection, size) {
  const bytes = Buffer.allocUnsafe(size)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes[VERSION_AT] = VERSION
  bytes[KIND_AT] = kind
  bytes[FLAGS_AT] = flags
  bytes.set(connection, CONNECTION_AT)
  return bytes
}

/**
 * A hello is as long as the longest datagram that will follow: its arrival shows that the path carries that size. It is
 * also longer than the answer, so that a forged address gains nothing.
 */
function hello(connection, size) {
  const bytes = begin(Kind.HELLO, 0, connection, size)
  bytes.fill(0, HEAD)
  return bytes
}

function welcome(connection, { token, limit, window, incarnation }) {
  const bytes = begin(Kind.WELCOME, 0, connection, WELCOME_SIZE)
  bytes.set(token, HEAD)
  bytes.writeUInt16BE(limit, TOKEN_END)
  bytes.writeUInt16BE(window, TOKEN_END + 2)
  bytes.set(incarnation, TOKEN_END + 4)
  return bytes
}

/** The token and the remaining time are filled in by `stamp` when it is sent. */
function request(connection, number, limit, { name, metadata, body, flags }) {
  const extra = metadata === null ? 0 : metadata.length
  const start = REQUEST_HEAD + name.length + extra
  const bytes = begin(Kind.REQUEST, flags, connection, start + body.length)
  bytes.writeUIntBE(number, TOKEN_END, NUMBER_SIZE)
  bytes.writeUInt16BE(limit, LIMIT_AT)
  bytes[NAME_AT] = name.length
  bytes.set(name, REQUEST_HEAD)
  if (extra > 0) bytes.set(metadata, REQUEST_HEAD + name.length)
  bytes.set(body, start)
  return bytes
}

/** The body of a request written by `request`. */
function bodyOf(bytes) {
  let at = REQUEST_HEAD + bytes[NAME_AT]
  if ((bytes[FLAGS_AT] & Flag.METADATA) !== 0) at += BLOCK_SIZE + bytes.readUInt16BE(at)
  return bytes.subarray(at)
}

function stamp(bytes, token, remaining) {
  bytes.set(token, HEAD)
  bytes.writeUInt32BE(remaining, REMAINING_AT)
}

/** A datagram about the client (bye), or about a call if `number` is given (cancel). */
function control(kind, connection, token, number) {
  const bytes = begin(kind, 0, connection, number === undefined ? TOKEN_END : NAMED)
  bytes.set(token, HEAD)
  if (number !== undefined) bytes.writeUIntBE(number, TOKEN_END, NUMBER_SIZE)
  return bytes
}

/** A reply or an error. `parts` are the same as in a frame after the sequence number. */
function answer(kind, flags, connection, number, parts) {
  let size = ANSWER_HEAD
  for (const part of parts) size += part.length
  const bytes = begin(kind, flags, connection, size)
  bytes.writeUIntBE(number, HEAD, NUMBER_SIZE)
  let at = ANSWER_HEAD
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const working = (connection, number) => answer(Kind.WORKING, 0, connection, number, [])

/** `number` is that of a refused call, or undefined. */
function goaway(connection, number, reason, text) {
  const code = Buffer.from([reason >> 8, reason & 0xff])
  return answer(Kind.GOAWAY, number === undefined ? 0 : REFUSES, connection, number ?? 0, [code, text])
}

/** The server does not know the token. It is repeated here, because a late datagram may carry an old one. */
function unknown(connection, token) {
  const bytes = begin(Kind.UNKNOWN, 0, connection, TOKEN_END)
  bytes.set(token, HEAD)
  return bytes
}

/**
 * Returns `{ kind, flags, bytes }`, or null. A hello may have any version: the answer tells which one is spoken here.
 */
function readHead(bytes) {
  if (bytes.length < HEAD || bytes.readUInt32BE(0) !== MAGIC) return null
  const kind = bytes[KIND_AT]
  const version = bytes[VERSION_AT]
  if (version !== VERSION && (kind !== Kind.HELLO || version === 0)) return null
  const flags = bytes[FLAGS_AT]
  if (kind !== Kind.HELLO && (flags & ~(FLAGS[kind] ?? 0)) !== 0) return null
  return { kind, flags, bytes }
}

const connectionOf = ({ bytes }) => bytes.subarray(CONNECTION_AT, HEAD)

/** The connection id as a string, for lookups. */
const keyOf = ({ bytes }) => bytes.latin1Slice(CONNECTION_AT, HEAD)

const isOf = ({ bytes }, connection) => holds(bytes, CONNECTION_AT, connection)

const hasToken = ({ bytes }, token) => holds(bytes, HEAD, token)

/** Whether `part` stands at `at`. The time taken does not reveal where it differs. */
function holds(bytes, at, part) {
  let difference = 0
  for (let i = 0; i < part.length; i++) difference |= bytes[at + i] ^ part[i]
  return difference === 0
}

function readWelcome({ bytes }) {
  if (bytes.length < WELCOME_SIZE) return null
  const limit = bytes.readUInt16BE(TOKEN_END)
  const window = bytes.readUInt16BE(TOKEN_END + 2)
  if (limit < MIN_DATAGRAM || window === 0) return null
  const incarnation = bytes.subarray(TOKEN_END + 4, WELCOME_SIZE)
  return { token: bytes.subarray(HEAD, TOKEN_END), limit, window, incarnation }
}

/** The token of a client's datagram. */
function readToken({ bytes }) {
  return bytes.length < TOKEN_END ? null : bytes.subarray(HEAD, TOKEN_END)
}

/** The number of the call that a cancel names. */
function readNamed({ bytes }) {
  return bytes.length === NAMED ? bytes.readUIntBE(TOKEN_END, NUMBER_SIZE) : null
}

/** Returns `{ number, limit, remaining, name, body }`. If there is metadata, it is at the beginning of `body`. */
function readRequest({ bytes, flags }) {
  if (bytes.length < REQUEST_HEAD) return null
  const nameEnd = REQUEST_HEAD + bytes[NAME_AT]
  if (nameEnd === REQUEST_HEAD || nameEnd > bytes.length) return null
  const limit = bytes.readUInt16BE(LIMIT_AT)
  const remaining = bytes.readUInt32BE(REMAINING_AT)
  if (limit < MIN_DATAGRAM || remaining === 0) return null
  const body = bytes.subarray(nameEnd)
  if ((flags & Flag.METADATA) !== 0 && metadataEnd(body) === -1) return null
  return { number: readNumber(bytes, TOKEN_END), limit, remaining, name: bytes.subarray(REQUEST_HEAD, nameEnd), body }
}

const readNumber = (bytes, at) => bytes.readUIntBE(at, NUMBER_SIZE)

/**
 * Returns `{ number, code, payload }` for a reply, an error, a goaway or a working datagram. The code is the same as in
 * frames.
 */
function readAnswer({ kind, flags, bytes }) {
  if (bytes.length < ANSWER_HEAD) return null
  const number = readNumber(bytes, HEAD)
  const payload = bytes.subarray(ANSWER_HEAD)
  let at = 0
  if ((flags & Flag.METADATA) !== 0 && kind === Kind.REPLY) {
    if (metadataEnd(payload) === -1) return null
  } else if (kind === Kind.ERROR) {
    if (payload.length < 2) return null
    const rest = payload.subarray(2)
    if ((flags & Flag.METADATA) !== 0) at = metadataEnd(rest)
    if (at !== -1 && (flags & Flag.DETAILS) !== 0) at = blockEnd(rest, at)
    if (at === -1 || blockEnd(rest, at) === -1) return null
    return { number, code: payload.readUInt16BE(0), payload: rest }
  } else if (kind === Kind.GOAWAY) {
    if (payload.length < 2) return null
    return { number, code: payload.readUInt16BE(0), payload: payload.subarray(2) }
  }
  return { number, code: 0, payload }
}

/** The end of a block that has its length at `at`; -1 if it is incomplete. */
function blockEnd(bytes, at) {
  const start = at + BLOCK_SIZE
  if (start > bytes.length) return -1
  const end = start + bytes.readUInt16BE(at)
  return end > bytes.length ? -1 : end
}

const BIN = '-bin'

/** The end of the metadata at the beginning of `bytes`; -1 if it is invalid. Rust checks the same for frames. */
function metadataEnd(bytes) {
  const end = blockEnd(bytes, 0)
  let at = BLOCK_SIZE
  while (at < end) {
    const keyEnd = at + 1 + bytes[at]
    if (keyEnd === at + 1 || keyEnd > end) return -1
    const key = bytes.latin1Slice(at + 1, keyEnd)
    const valueEnd = blockEnd(bytes.subarray(0, end), keyEnd)
    if (valueEnd === -1 || !/^[a-z0-9_.-]+$/.test(key)) return -1
    if (!key.endsWith(BIN) && !isUtf8(bytes.subarray(keyEnd + BLOCK_SIZE, valueEnd))) return -1
    at = valueEnd
  }
  return end
}

module.exports = {
  Kind,
  REFUSES,
  FULL,
  MIN_DATAGRAM,
  MAX_DATAGRAM,
  CONNECTION_SIZE,
  TOKEN_SIZE,
  REQUEST_HEAD,
  ANSWER_HEAD,
  SLOTS,
  COUNT_LIMIT,
  slotOf,
  countOf,
  numberOf,
  hello,
  welcome,
  unknown,
  request,
  bodyOf,
  stamp,
  control,
  answer,
  working,
  goaway,
  readHead,
  connectionOf,
  keyOf,
  isOf,
  hasToken,
  readWelcome,
  readToken,
  readNamed,
  readRequest,
  readAnswer,
}
