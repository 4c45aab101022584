'use strict'

// Where records are read from and written to: the caller's arguments, the memory that small records share, and how a reader or writer says that
// something is wrong.

const { Buffer } = require('node:buffer')
const types = require('node:util/types')
const { markAsUntransferable } = require('node:worker_threads')
const { makeError, invalidArgType, outOfRange } = require('../../../errors')
const { bytesOf, byteCount } = require('../../bytes')

const { isUint8Array } = types
const { isInteger } = Number

const FastBuffer = Buffer[Symbol.species]

/** Something is wrong. No stack is taken: nobody sees this. */
const FAIL = { name: 'FAIL' }
/** There is no room for the record: it is written again where there is more. */
const FULL = { name: 'FULL' }

function fail() {
  throw FAIL
}

function full() {
  throw FULL
}

// ---- where records are written: as small Buffers in Node they share memory, of which no more than 8 KiB is kept alive by one

const SLAB = 8192
/** The records of an object are not longer, in any implementation. */
const MOST = 2147483647

/**
 * The slab and what is free of it, from `pos` on; the position after what was read last; the furthest read; what may be read for
 * nothing; and fields that a function leaves for its caller.
 */
const S = { bytes: slab(), pos: 0, p: 0, high: 0, left: 0, u0: 0, u1: 0, u2: 0, u3: 0 }

function slab() {
  const bytes = Buffer.allocUnsafeSlow(SLAB)
  // Handing the memory of one record to another thread must not take that of the others along.
  markAsUntransferable(bytes.buffer)
  return bytes
}

function newSlab() {
  S.bytes = slab()
  S.pos = 0
}

/** A record for which there was no room: in a new slab, or in memory of its own. */
function again(encode, write, o) {
  if (S.pos > SLAB / 2) {
    newSlab()
    return encode(o)
  }
  const { bytes, pos } = S
  S.pos = SLAB
  try {
    for (let size = 4 * SLAB; ; size = Math.min(size * 4, MOST)) {
      const room = Buffer.allocUnsafeSlow(size)
      try {
        const end = write(room, 0, o, 0, 0)
        encode.bytes = end
        if (end > size / 2) return room.subarray(0, end)
        const result = Buffer.allocUnsafeSlow(end)
        room.copy(result, 0, 0, end)
        return result
      } catch (error) {
        if (error !== FULL) throw error
        if (size === MOST) throw makeError(RangeError, 'IRONWIRE_LAYOUT_LIMIT', `a record has at most ${MOST} bytes`)
      }
    }
  } finally {
    if (S.bytes === bytes) S.pos = pos
  }
}

const alloc = Buffer.allocUnsafe

/** Puts a record into a buffer of the caller's, who thus sees all of it or nothing. */
function put(encode, o, buffer, offset) {
  const record = encode(o)
  const target = asBuffer(buffer)
  target.set(record, placeFor(record.length, target, offset))
  return buffer
}

// ---- arguments

function asBuffer(buffer) {
  // One that says another length than it has, or has no more than the prototype, is none.
  if (buffer instanceof FastBuffer && isUint8Array(buffer) && buffer.length === byteCount(buffer)) return buffer
  const bytes = bytesOf(buffer, 'buffer')
  return new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Throws for bytes that are gone, which look like none. */
function empty(b) {
  bytesOf(b, 'buffer')
}

function startOf(offset, length) {
  if (typeof offset !== 'number') throw invalidArgType('offset', 'of type number', offset)
  if (!isInteger(offset)) throw outOfRange('offset', 'an integer', offset)
  if (!(offset >= 0 && offset <= length)) throw outOfRange('offset', `>= 0 and <= ${length}`, offset)
  return offset
}

/** Where `size` bytes go in a buffer of the caller's. */
function placeFor(size, b, offset = 0) {
  // What it has, whatever it says that it has.
  const length = byteCount(b)
  if (length === 0) empty(b)
  const start = startOf(offset, length)
  if (size > length - start) {
    const message = `The record takes ${size} bytes and the buffer has ${length - start} left`
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', message, placeFor)
  }
  return start
}

/** Memory that another thread may change is copied before Rust looks at it. */
function ownBytes(b) {
  return types.isSharedArrayBuffer(b.buffer) ? Buffer.from(b) : b
}

module.exports = {
  S,
  FAIL,
  FULL,
  fail,
  full,
  SLAB,
  asBuffer,
  startOf,
  placeFor,
  empty,
  alloc,
  put,
  newSlab,
  again,
  FastBuffer,
  ownBytes,
}
