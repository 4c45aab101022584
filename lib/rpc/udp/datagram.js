'use strict'

// The datagrams of calls over UDP: docs/rpc-protocol.md has them byte by byte. Each is written whole and read whole; what is not as it must be
// is no datagram of ours and reads as null.

const { Buffer, isUtf8 } = require('node:buffer')
const { Kind: Frame, Flag, BLOCK_SIZE } = require('../protocol')

/** 'IWRU' */
const MAGIC = 0x49575255
const VERSION = 1

/** Those of frames have the numbers that they have there. */
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

/** Of a goaway: the call that it names was not and will not be run. */
const REFUSES = 1
/** Why a server sends one, besides the reasons of connections over streams. */
const FULL = 16

/** The smallest limit for datagrams that there may be: each of those without a body and a readable error fit into it, and so does a hello. */
const MIN_DATAGRAM = 512
/** The most bytes that UDP has room for over IPv4. */
const MAX_DATAGRAM = 65_507

// A head: magic, version, kind, flags, connection.
const VERSION_AT = 4
const KIND_AT = 5
const FLAGS_AT = 6
const CONNECTION_AT = 7
const CONNECTION_SIZE = 8
const HEAD = CONNECTION_AT + CONNECTION_SIZE

const TOKEN_SIZE = 16
const NUMBER_SIZE = 6

// From the client: a token stands behind the head, and then a call's number.
const TOKEN_END = HEAD + TOKEN_SIZE
const NAMED = TOKEN_END + NUMBER_SIZE
/** Of a request, behind its number: the largest answer, the milliseconds left, the length of the method's name. */
const LIMIT_AT = NAMED
const REMAINING_AT = LIMIT_AT + 2
const NAME_AT = REMAINING_AT + 4
/** Bytes of a request without name, metadata and body. */
const REQUEST_HEAD = NAME_AT + 1

/** Bytes of an answer before what its flags announce: head and number. */
const ANSWER_HEAD = HEAD + NUMBER_SIZE

const WELCOME_SIZE = TOKEN_END + 2 + 2 + CONNECTION_SIZE

/** Calls under way have slots, numbered from 0 in the low bits of a call's number; the others count the calls of the slot. */
const SLOT_BITS = 16
const SLOTS = 2 ** SLOT_BITS
const COUNT_LIMIT = 2 ** 32

const slotOf = (number) => number & (SLOTS - 1)
const countOf = (number) => Math.floor(number / SLOTS)
const numberOf = (slot, count) => count * SLOTS + slot

/** The flags that each kind may have. */
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
 * As long as the longest datagram that will follow: what arrives shows that the path carries those, and the answer to who has shown no address yet
 * is shorter.
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

/** Token and time are filled in when it is sent. */
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

/** The body of a request that `request` has written. */
function bodyOf(bytes) {
  let at = REQUEST_HEAD + bytes[NAME_AT]
  if ((bytes[FLAGS_AT] & Flag.METADATA) !== 0) at += BLOCK_SIZE + bytes.readUInt16BE(at)
  return bytes.subarray(at)
}

function stamp(bytes, token, remaining) {
  bytes.set(token, HEAD)
  bytes.writeUInt32BE(remaining, REMAINING_AT)
}

/** What the client says of itself, and of a call if it has a number: a cancel or a bye. */
function control(kind, connection, token, number) {
  const bytes = begin(kind, 0, connection, number === undefined ? TOKEN_END : NAMED)
  bytes.set(token, HEAD)
  if (number !== undefined) bytes.writeUIntBE(number, TOKEN_END, NUMBER_SIZE)
  return bytes
}

/** A reply or an error, `parts` as they stand in frames behind the sequence number. */
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

/** `number` is that of a call which is refused, or undefined. */
function goaway(connection, number, reason, text) {
  const code = Buffer.from([reason >> 8, reason & 0xff])
  return answer(Kind.GOAWAY, number === undefined ? 0 : REFUSES, connection, number ?? 0, [code, text])
}

/** The server does not know the token, and says which: that of a datagram which was late may be an old one. */
function unknown(connection, token) {
  const bytes = begin(Kind.UNKNOWN, 0, connection, TOKEN_END)
  bytes.set(token, HEAD)
  return bytes
}

/** `{ kind, flags, bytes }`, or null. Who said hello may speak any version: the answer says which one is spoken here. */
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

/** The connection as what can be looked up. */
const keyOf = ({ bytes }) => bytes.latin1Slice(CONNECTION_AT, HEAD)

const isOf = ({ bytes }, connection) => holds(bytes, CONNECTION_AT, connection)

const hasToken = ({ bytes }, token) => holds(bytes, HEAD, token)

/** Whether `part` stands at `at`, in a time that does not tell where it differs. */
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

/** The token of a datagram that has one. */
function readToken({ bytes }) {
  return bytes.length < TOKEN_END ? null : bytes.subarray(HEAD, TOKEN_END)
}

/** The call that a cancel names. */
function readNamed({ bytes }) {
  return bytes.length === NAMED ? bytes.readUIntBE(TOKEN_END, NUMBER_SIZE) : null
}

/** `{ number, limit, remaining, name, body }`, the body with the metadata before it. */
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

/** `{ number, code, payload }` of what names a call: a reply, an error, a goaway or working. The code is as of frames. */
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

/** Where what begins with its length at `at` ends, or -1. */
function blockEnd(bytes, at) {
  const start = at + BLOCK_SIZE
  if (start > bytes.length) return -1
  const end = start + bytes.readUInt16BE(at)
  return end > bytes.length ? -1 : end
}

const BIN = '-bin'

/** Where the metadata ends that `bytes` begin with, or -1 if they do not: what Rust sees to in frames. */
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
