'use strict'

// The memory that records are read from and written to: the caller's arguments and the shared slab for small records;
// and the signals for invalid records.

const { Buffer } = require('node:buffer')
const types = require('node:util/types')
const { markAsUntransferable } = require('node:worker_threads')
const { makeError, invalidArgType, outOfRange } = require('../../../errors')
const { bytesOf, byteCount } = require('../../bytes')

const { isUint8Array } = types
const { isInteger } = Number

const FastBuffer = Buffer[Symbol.species]

/** Thrown for anything invalid. It has no stack because it never leaves this package. */
const FAIL = { name: 'FAIL' }
/** Thrown when there is no room for the record: it is written again into larger memory. */
const FULL = { name: 'FULL' }

function fail() {
  throw FAIL
}

function full() {
  throw FULL
}

// ---- memory for encoded records: like Node's small Buffers they share a slab, so that one record keeps at most 8 KiB
// alive

const SLAB = 8192
/** The largest encoded record, in bytes. No implementation can produce more. */
const MOST = 2147483647

/**
 * State shared with emitted code: the slab and its first free position (`pos`), the position after the last read (`p`),
 * the furthest position read (`high`), how many more elements without bytes and recursive structs may be read (`left`),
 * and temporaries that a function leaves for its caller.
 */
const S = { bytes: slab(), pos: 0, p: 0, high: 0, left: 0, u0: 0, u1: 0, u2: 0, u3: 0 }

function slab() {
  const bytes = Buffer.allocUnsafeSlow(SLAB)
  // Transferring one record to another thread must not take the memory of the others along.
  markAsUntransferable(bytes.buffer)
  return bytes
}

function newSlab() {
  S.bytes = slab()
  S.pos = 0
}

/** Writes a record that did not fit: into a new slab, or into memory of its own. */
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

/** Encodes a record into the caller's buffer, which thus gets all of it or nothing. */
function put(encode, o, buffer, offset) {
  const record = encode(o)
  const target = asBuffer(buffer)
  target.set(record, placeFor(record.length, target, offset))
  return buffer
}

// ---- arguments

function asBuffer(buffer) {
  // Subclasses that claim another length, and objects that only inherit from Buffer, are converted.
  if (buffer instanceof FastBuffer && isUint8Array(buffer) && buffer.length === byteCount(buffer)) return buffer
  const bytes = bytesOf(buffer, 'buffer')
  return new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Throws if the empty `b` is a detached buffer. */
function empty(b) {
  bytesOf(b, 'buffer')
}

function startOf(offset, length) {
  if (typeof offset !== 'number') throw invalidArgType('offset', 'of type number', offset)
  if (!isInteger(offset)) throw outOfRange('offset', 'an integer', offset)
  if (!(offset >= 0 && offset <= length)) throw outOfRange('offset', `>= 0 and <= ${length}`, offset)
  return offset
}

/** Returns the offset for `size` bytes in the caller's buffer. Throws if they do not fit. */
function placeFor(size, b, offset = 0) {
  // The real length, whatever a subclass claims.
  const length = byteCount(b)
  if (length === 0) empty(b)
  const start = startOf(offset, length)
  if (size > length - start) {
    const message = `The record takes ${size} bytes and the buffer has ${length - start} left`
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', message, placeFor)
  }
  return start
}

/** Shared memory is copied before Rust reads it, because another thread may change it. */
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
