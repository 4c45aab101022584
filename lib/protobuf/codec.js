'use strict'

// Where encoded messages lie, and what the `encode` and `decode` of `codec-body.js` are made of.
//
// Small messages are views into a slab that many share, as small Buffers are in Node; a message that takes more than half of it
// is copied out. A body that runs out of room throws FULL and starts again with more.

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

// As Node's own pool: no more than 8 KiB is held by keeping a small message, or sent along with it to another thread.
const SLAB = 8192
const SHARED = SLAB / 2
// What takes more, up to 8 KiB, shares 64 KiB: memory of its own would cost a tenth of encoding it.
const MEDIUM = SLAB
const POOL = 65536
// From here on a slab has hardly room for a message: the attempt would cost more than what is left.
const EDGE = SLAB - 2 * SLACK
// Where a message that is too large for the slab begins.
const LARGE = 131072
// The larger buffer for larger messages is kept for the next one up to this size.
const KEPT = 4 << 20
// No message is longer, in any implementation, and positions are kept in 32 bits.
const MOST = messageLimits.maxSize

// The first message makes the first one.
slab.pos = SLAB - 1

/** Handing the memory of one message to another thread must not take that of the others along. */
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

/** For messages that the slab is too small for. It is taken while in use, so that an encoding within one gets another. */
let large = null

/** Encodes with room for `need` bytes or, where that is not enough, twice as many, and so on. */
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

/** Memory for a message of some kilobytes, among others of its kind. */
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

/** A message off the slab. */
function copy(bytes, start, end) {
  // Stores past the end do nothing. None happen; if one ever did, what lies in new memory must not go out as a message.
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

/** A position as it is given: none is 0. */
function position(name, value) {
  if (value === null || value === undefined || value === false) return 0
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  return value
}

/** Puts an encoded message into a buffer of the caller, who thus sees all of it or nothing. */
function put(message, buf, offset) {
  const b = asBuffer('buffer', buf)
  b.set(message, placeFor(message.length, b, offset))
  return buf
}

/** Where `size` bytes go in a buffer, `offset` being as the caller gave it. */
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
 * The same in a copy of its own, so that V8 keeps feedback about this message apart, and with it inlines its bodies: a small message
 * takes a sixth less. A copy takes some 30 µs to make. Equal sources would share their feedback again: hence the number.
 */
function ownCodec(link) {
  const module = {}
  new Function('module', `${binding.protoCodecBody()}//${copies++}`)(module)
  return module.exports(tools)(link)
}

module.exports = { ownCodec, sharedCodec, tools }
