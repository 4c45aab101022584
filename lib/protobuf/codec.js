'use strict'

// The memory of encoded messages, and the helpers for `codec-body.js`.
//
// Small messages are views of a shared slab, like small Buffers in Node. A message that takes more than half of the
// slab is copied. If the emitted code runs out of room, it throws FULL and is called again with more.

const { Buffer } = require('node:buffer')
const { types } = require('node:util')
const { markAsUntransferable } = require('node:worker_threads')
const binding = require('../../binding.js')
const { messageLimits } = require('../constants.js')
const { invalidArgType, makeError, outOfRange } = require('../errors.js')
const body = require('./codec-body.js')
const { at, invalid, isIncomplete } = require('./read.js')
const { FULL, SLACK, notDetached, notMessage, slab } = require('./write.js')

const FastBuffer = Buffer[Symbol.species]

// In bytes. The same as Node's own pool: a small message keeps at most 8 KiB alive, or takes that much along to another
// thread.
const SLAB = 8192
const SHARED = SLAB / 2
// Messages above SHARED and up to this size share pools of 64 KiB: memory of their own would add a tenth to the cost of
// encoding.
const MEDIUM = SLAB
const POOL = 65536
// From this position on, a slab has hardly room for a message, so a new slab is cheaper than an attempt.
const EDGE = SLAB - 2 * SLACK
// The first buffer size for a message that does not fit into the slab, in bytes.
const LARGE = 131072
// The buffer for large messages is kept for the next one up to this size.
const KEPT = 4 << 20
// The largest message in any implementation; positions are 32-bit integers.
const MOST = messageLimits.maxSize

// Makes the first message create a slab.
slab.pos = SLAB - 1

/** Transferring one message to another thread must not take the memory of the others along. */
function sharedMemory(size) {
  const bytes = Buffer.allocUnsafeSlow(size)
  markAsUntransferable(bytes.buffer)
  return bytes
}

function newSlab() {
  const bytes = sharedMemory(SLAB)
  slab.bytes = bytes
  slab.buffer = bytes.buffer
  slab.pos = 0
}

/**
 * The kept buffer for messages that do not fit into the slab. It is null while in use, so that a nested encoding gets
 * another one.
 */
let large = null

/** Encodes with room for `need` bytes, and doubles that until it is enough. */
function encodeLarge(write, o, need) {
  for (;;) {
    const bytes = large !== null && large.length >= need ? large : Buffer.allocUnsafeSlow(need)
    large = null
    try {
      const result = copy(bytes, 0, write(bytes, 0, o, 0))
      if (bytes.length <= KEPT) large = bytes
      return result
    } catch (error) {
      if (error !== FULL) throw error
    }
    if (bytes.length >= MOST) {
      throw makeError(
        RangeError,
        'IRONWIRE_PROTOBUF_TOO_LARGE',
        `The message takes more than ${MOST} bytes, the limit of the format`,
      )
    }
    need = Math.min(bytes.length * 2, MOST)
  }
}

/** The pool for messages of some kilobytes. */
let pool = new ArrayBuffer(0)
let taken = 0

function medium(n) {
  if (taken + n > pool.byteLength) {
    pool = sharedMemory(POOL).buffer
    taken = 0
  }
  taken += n
  return new FastBuffer(pool, taken - n, n)
}

/** Copies a message out of the buffer in which it was written. */
function copy(bytes, start, end) {
  // A write past the end of a buffer has no effect. None should happen; if one does, uninitialized memory must not be
  // returned as a message.
  if (end > bytes.length) {
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'The object changed while it was being encoded')
  }
  const n = end - start
  const result = n > SHARED && n <= MEDIUM ? medium(n) : Buffer.allocUnsafeSlow(n)
  bytes.copy(result, 0, start, end)
  return result
}

function asBuffer(name, value) {
  if (!types.isUint8Array(value)) throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value)
  if (value.length === 0) notDetached(value)
  return new FastBuffer(value.buffer, value.byteOffset, value.byteLength)
}

/** Checks a position. None means 0. */
function position(name, value) {
  if (value === null || value === undefined || value === false) return 0
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  return value
}

/** Copies an encoded message into the caller's buffer, which thus gets all of it or nothing. */
function put(message, buf, offset) {
  const b = asBuffer('buffer', buf)
  b.set(message, placeFor(message.length, b, offset))
  return buf
}

/** Returns the offset for `size` bytes in a buffer. Throws if they do not fit. `offset` is the caller's argument. */
function placeFor(size, b, offset) {
  const start = position('offset', offset)
  if (!(start >= 0 && start <= b.length)) throw outOfRange('offset', `>= 0 and <= ${b.length}`, offset)
  if (size > b.length - start) {
    const message = `The message takes ${size} bytes and the buffer has ${b.length - start} left`
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', message, placeFor)
  }
  return start
}

const tools = {
  at,
  slab,
  newSlab,
  copy,
  encodeLarge,
  put,
  asBuffer,
  notDetached,
  invalid,
  isIncomplete,
  position,
  placeFor,
  notMessage,
  FastBuffer,
  SLAB,
  SHARED,
  EDGE,
  LARGE,
  FULL,
}

const sharedCodec = body(tools)

let copies = 0

/**
 * Like `sharedCodec`, but in a copy of its own, so that V8 collects type feedback for this message alone and inlines
 * its functions: a small message takes a sixth less time. A copy takes about 30 µs to make. Identical sources would
 * share their feedback, hence the number.
 */
function ownCodec(link) {
  const module = {}
  new Function('module', `${binding.protoCodecBody()}//${copies++}`)(module)
  return module.exports(tools)(link)
}

module.exports = { ownCodec, sharedCodec, tools }
