'use strict'

// The public `encode`, `decode` and `encodingLength` of one message, around the body that writes and the body that reads it.
//
// Small messages are views into a slab that many share, as small Buffers are in Node; a message that takes more than an eighth of it
// is copied out into memory of its own. A body that runs out of room throws FULL and starts again with more.

const { markAsUntransferable } = require('node:worker_threads')
const { invalidArgType, makeError, outOfRange } = require('../errors.js')
const { at, invalid, isIncomplete } = require('./read.js')
const { FULL, notDetached } = require('./write.js')

const FastBuffer = Buffer[Symbol.species]

// 64 KiB: one allocation in some thousands of small messages, and no more than that is held by keeping one of them.
const SLAB = 65536
const SHARED = SLAB / 8
// The larger buffer for larger messages is kept for the next one up to this size.
const KEPT = 4 << 20
// No message is longer, in any implementation, and positions are kept in 32 bits.
const MOST = 2147483647

/** Where the next message goes. `pos` is at the end while an encoding is under way, so that one started within it moves on. */
const slab = { bytes: Buffer.alloc(0), buffer: new ArrayBuffer(0), pos: 0 }

function newSlab() {
  const bytes = Buffer.allocUnsafeSlow(SLAB)
  // Handing the memory of one message to another thread must not take that of the others along.
  markAsUntransferable(bytes.buffer)
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
      throw makeError(RangeError, 'IRONWIRE_PROTOBUF_TOO_LARGE', `The message takes more than ${MOST} bytes`)
    }
    need = Math.min(bytes.length * 2, MOST)
  }
}

/** A message of its own, off the slab. */
function copy(bytes, start, end) {
  // Stores past the end do nothing. None happen; if one ever did, what lies in new memory must not go out as a message.
  if (end > bytes.length) {
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'The object changed while it was being encoded')
  }
  const result = Buffer.allocUnsafeSlow(end - start)
  bytes.copy(result, 0, start, end)
  return result
}

function asBuffer(name, value) {
  if (!(value instanceof Uint8Array)) throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value)
  if (value.length === 0) notDetached(value)
  return new FastBuffer(value.buffer, value.byteOffset, value.byteLength)
}

/** Puts an encoded message into a buffer of the caller, who thus sees all of it or nothing. */
function put(message, buf, offset) {
  const b = Buffer.isBuffer(buf) ? buf : asBuffer('buffer', buf)
  if (b.length === 0) notDetached(b)
  if (!(offset >= 0 && offset <= b.length)) throw outOfRange('offset', `>= 0 and <= ${b.length}`, offset)
  if (message.length > b.length - offset) {
    throw makeError(
      RangeError,
      'ERR_BUFFER_OUT_OF_BOUNDS',
      `The message takes ${message.length} bytes and the buffer has ${b.length - offset} left`,
      put,
    )
  }
  b.set(message, offset)
  return buf
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
  FastBuffer,
  SLAB,
  SHARED,
  FULL,
}

/**
 * Makes the three functions. `link()` gives `{write, read, merge, maxSize, maxValues}`, on the first call; `merge` gives an input with
 * every message in one part, and throws the error it is given where a required field is missing even so.
 *
 * Its source is evaluated anew for some messages, see {@link ownCodec}: it must not refer to anything but `tools` and globals.
 */
function sharedCodec(link) {
  let write = null
  let read = null
  let merge = null
  let maxSize = 0
  let maxValues = 0
  let isLarge = false

  function linkNow() {
    const bodies = link()
    write = bodies.write
    read = bodies.read
    merge = bodies.merge
    maxSize = bodies.maxSize
    maxValues = bodies.maxValues
  }

  function encode(obj, buf, offset) {
    if (write === null) linkNow()
    if (buf) return put(encode(obj), buf, offset || 0)
    if (isLarge) {
      const result = encodeLarge(write, obj, SLAB * 2)
      isLarge = result.length > SHARED
      encode.bytes = result.length
      return result
    }
    if (slab.pos >= slab.bytes.length) newSlab()
    const { bytes, buffer, pos } = slab
    slab.pos = bytes.length
    let end
    try {
      end = write(bytes, pos, obj, 0)
    } catch (error) {
      if (slab.bytes === bytes) slab.pos = pos
      if (error !== FULL) throw error
      return again(obj, pos)
    }
    const n = end - pos
    encode.bytes = n
    if (n > SHARED) {
      if (slab.bytes === bytes) slab.pos = pos
      return copy(bytes, pos, end)
    }
    if (slab.bytes === bytes) slab.pos = end
    return new FastBuffer(buffer, pos, n)
  }

  // There was no room from `pos` on: a new slab has more, and more than a slab is for buffers of their own.
  function again(obj, pos) {
    if (pos > 0) newSlab()
    else isLarge = true
    return encode(obj)
  }

  function decode(buf, offset, end) {
    if (read === null) linkNow()
    // Node's Buffers are its instances, whatever made them, and V8 answers this one without a call.
    const b = buf instanceof FastBuffer ? buf : asBuffer('buffer', buf)
    const length = b.length
    if (length === 0) notDetached(b)
    if (!offset) offset = 0
    if (!end) end = length
    if (!(end <= length && offset <= length && offset >= 0)) throw invalid()
    // Positions have 32 bits.
    if (end > 0x7fffffff) throw invalid('it is longer than 2 GiB')
    if (end - offset > maxSize) throw invalid(`it has ${end - offset} bytes, the limit is ${maxSize}`)
    at.left = at.most = maxValues
    let obj
    try {
      obj = read(b, offset | 0, end | 0, 0, null)
    } catch (error) {
      if (!isIncomplete(error)) throw error
      const merged = merge(b.subarray(offset, end), error)
      at.left = maxValues
      obj = read(merged, 0, merged.length, 0, null)
    }
    decode.bytes = end - offset
    return obj
  }

  function encodingLength(obj) {
    const { bytes } = encode
    const n = encode(obj).length
    encode.bytes = bytes
    return n
  }

  encode.bytes = decode.bytes = 0
  return { encode, decode, encodingLength }
}

let copies = 0

/**
 * {@link sharedCodec}, in a copy of its own, so that V8 keeps feedback about this message apart, and with it inlines its bodies: a
 * small message takes a sixth less. A copy takes some 30 µs to make. Equal sources would share their feedback again: hence the number.
 */
function ownCodec(link) {
  const source = `const { ${Object.keys(tools).join(', ')} } = tools\nreturn ${sharedCodec} //${copies++}`
  return new Function('tools', source)(tools)(link)
}

module.exports = { ownCodec, sharedCodec, tools }
