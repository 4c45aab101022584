'use strict'

// The public `encode`, `decode` and `encodingLength` of one message, around the body that writes and the body that reads it.
//
// Small messages are views into a slab that many share, as small Buffers are in Node; a message that takes more than an eighth of it
// is copied out into memory of its own. Bodies write without asking for room: stores past the end do nothing, and the position they
// return says how large the buffer should have been.

const { markAsUntransferable } = require('node:worker_threads')
const { constants } = require('node:buffer')
const { invalidArgType, makeError, outOfRange } = require('../errors.js')
const { invalid } = require('./read.js')

const FastBuffer = Buffer[Symbol.species]

// 64 KiB: one allocation in some thousands of small messages, and no more than that is held by keeping one of them.
const SLAB = 65536
const SHARED = SLAB / 8
// A larger buffer for large messages is kept for the next one up to this size.
const KEPT = 4 << 20

/** Where the next message goes. `pos` is past the end while an encoding is under way, so that one started within it moves on. */
const slab = { bytes: Buffer.alloc(0), buffer: new ArrayBuffer(0), pos: 0 }
let large = null

function newSlab() {
  const bytes = Buffer.allocUnsafeSlow(SLAB)
  // Handing the memory of one message to another thread must not take that of the others along.
  markAsUntransferable(bytes.buffer)
  slab.bytes = bytes
  slab.buffer = bytes.buffer
  slab.pos = 0
}

/** Encodes what did not fit the slab, or was not let into it. */
function encodeLarge(write, o, need) {
  for (;;) {
    if (need > constants.MAX_LENGTH) {
      throw makeError(
        RangeError,
        'IRONWIRE_PROTOBUF_TOO_LARGE',
        `The message takes more than ${constants.MAX_LENGTH} bytes`,
      )
    }
    const scratch = large !== null && large.length >= need ? large : Buffer.allocUnsafeSlow(need)
    // An encoding started within this one must not find it.
    large = null
    const end = write(scratch, 0, o, 0)
    if (end <= scratch.length) {
      const result = Buffer.allocUnsafeSlow(end)
      scratch.copy(result, 0, 0, end)
      if (scratch.length <= KEPT) large = scratch
      return result
    }
    need = Math.min(Math.max(end, need * 2), Math.max(end, constants.MAX_LENGTH))
  }
}

function asBuffer(name, value) {
  if (!(value instanceof Uint8Array)) throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value)
  return new FastBuffer(value.buffer, value.byteOffset, value.byteLength)
}

/** A view of a detached buffer looks empty; another view of that buffer cannot be made. */
function notDetached(view) {
  new Uint8Array(view.buffer)
}

/** Writes into a buffer of the caller. */
function encodeInto(write, o, buf, offset) {
  const b = Buffer.isBuffer(buf) ? buf : asBuffer('buffer', buf)
  if (b.length === 0) notDetached(b)
  if (!offset) offset = 0
  if (!(offset >= 0 && offset <= b.length)) throw outOfRange('offset', `>= 0 and <= ${b.length}`, offset)
  const end = write(b, offset, o, 0)
  if (end > b.length) {
    throw makeError(
      RangeError,
      'ERR_BUFFER_OUT_OF_BOUNDS',
      `The message takes ${end - offset} bytes and the buffer has ${b.length - offset} left`,
      encodeInto,
    )
  }
  return end
}

const tools = { slab, newSlab, encodeLarge, encodeInto, asBuffer, notDetached, invalid, FastBuffer, SHARED }

/**
 * Makes the three functions. `link()` gives `{write, read}`, on the first call.
 *
 * Its source is evaluated anew for every message where that is allowed, so that each gets type feedback, and with it inlining, of its
 * own: it must not refer to anything but its arguments and globals.
 */
function makeCodec(tools, link) {
  const { slab, newSlab, encodeLarge, encodeInto, asBuffer, notDetached, invalid, FastBuffer, SHARED } = tools
  let write = null
  let read = null
  let hint = 0

  function linkNow() {
    const bodies = link()
    write = bodies.write
    read = bodies.read
  }

  function encode(obj, buf, offset) {
    if (write === null) linkNow()
    if (buf) {
      if (!offset) offset = 0
      encode.bytes = encodeInto(write, obj, buf, offset) - offset
      return buf
    }
    if (hint > SHARED) {
      const result = encodeLarge(write, obj, hint)
      hint = result.length + (result.length >> 2)
      encode.bytes = result.length
      return result
    }
    if (slab.pos >= slab.bytes.length) newSlab()
    const bytes = slab.bytes
    const buffer = slab.buffer
    const start = slab.pos
    slab.pos = bytes.length
    let end
    try {
      end = write(bytes, start, obj, 0)
    } finally {
      if (slab.bytes === bytes) slab.pos = start
    }
    const n = end - start
    if (n > SHARED || end > bytes.length) {
      if (n <= SHARED) {
        newSlab()
        return encode(obj)
      }
      hint = n
      return encode(obj)
    }
    if (slab.bytes === bytes) slab.pos = end
    encode.bytes = n
    return new FastBuffer(buffer, start, n)
  }

  function decode(buf, offset, end) {
    if (read === null) linkNow()
    const b = Buffer.isBuffer(buf) ? buf : asBuffer('buffer', buf)
    const length = b.length
    if (length === 0) notDetached(b)
    if (!offset) offset = 0
    if (!end) end = length
    if (!(end <= length && offset <= length && offset >= 0)) throw invalid()
    const obj = read(b, offset, end, 0, null)
    decode.bytes = end - offset
    return obj
  }

  function encodingLength(obj) {
    if (write === null) linkNow()
    const bytes = encode.bytes
    const n = encode(obj).length
    encode.bytes = bytes
    return n
  }

  encode.bytes = decode.bytes = 0
  return { encode, decode, encodingLength }
}

const source = `return ${makeCodec}`

/** {@link makeCodec}, a fresh copy of it where code may be generated. */
function codec(link, generate) {
  const make = generate ? new Function(source)() : makeCodec
  return make(tools, link)
}

module.exports = { codec, tools }
