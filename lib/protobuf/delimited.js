'use strict'

// Length-delimited messages: each one is preceded by its length as a varint. Java calls this `writeDelimitedTo`,
// protobufjs `encodeDelimited`.

const { Buffer } = require('node:buffer')
const { messageLimits } = require('../constants.js')
const { invalidArgType, makeError, outOfRange } = require('../errors.js')
const { Cursor } = require('../codec/framing/cursor.js')
const { FrameDecoder, FrameEncoder, STREAM_OPTIONS, checkOptions } = require('../codec/framing/streams.js')
const { asBuffer, placeFor, position } = require('./codec.js').tools
const { origin } = require('./formats.js')
const { invalid } = require('./read.js')
const { unsignedVarint, width } = require('./write.js')

// In bytes. Each stream holds a message in memory as a whole; the same limit as for frames of `rpc` and `codec`.
const DEFAULT_MAX_SIZE = 16 * 2 ** 20
// The limit of the format: 2 GiB - 1.
const MOST = messageLimits.maxSize

const EMPTY = Buffer.alloc(0)

const DECODING = ['maxSize']

function tooLarge(length, maxSize) {
  const message = `A message of ${length} bytes is above the limit of ${maxSize} (options.maxSize)`
  return makeError(RangeError, 'IRONWIRE_PROTOBUF_TOO_LARGE', message, tooLarge)
}

function truncated(where) {
  return makeError(Error, 'IRONWIRE_PROTOBUF_TRUNCATED', `The input ends inside ${where}`, truncated)
}

/** Reads a length byte by byte. It may be padded with zero bits, up to the ten bytes of a varint. */
class Length {
  value = 0
  size = 0

  /** Returns true for the last byte. */
  add(byte) {
    // The product is exact, because the factor is a power of two. A sum that exceeds 53 bits is far above any limit.
    this.value += (byte & 127) * 2 ** (7 * this.size++)
    if (byte < 128) return true
    if (this.size === 10) throw invalid('a varint is longer than 10 bytes')
    return false
  }
}

/** Encodes an object with its length before it, into a new Buffer or into `buffer` at `offset`. */
function encodeDelimited(message, object, buffer, offset) {
  origin(message)
  const body = message.encode(object)
  const n = body.length
  const size = width(n) + n
  const out = buffer ? asBuffer('buffer', buffer) : Buffer.allocUnsafe(size)
  const start = buffer ? placeFor(size, out, offset) : 0
  out.set(body, unsignedVarint(out, start, n))
  encodeDelimited.bytes = size
  return buffer || out
}

/** Decodes the object at `offset`. `decodeDelimited.bytes` is then the distance to the next one. */
function decodeDelimited(message, buffer, offset) {
  origin(message)
  const b = asBuffer('buffer', buffer)
  const start = position('offset', offset)
  if (!(start >= 0 && start <= b.length)) throw outOfRange('offset', `>= 0 and <= ${b.length}`, offset)
  const length = new Length()
  let at = start
  do if (at === b.length) throw truncated('the length of a message')
  while (!length.add(b[at++]))
  if (length.value > MOST) throw tooLarge(length.value, MOST)
  if (length.value > b.length - at) throw truncated(`a message of ${length.value} bytes, after ${b.length - at}`)
  const end = at + length.value
  const object = message.decode(b, at, end)
  decodeDelimited.bytes = end - start
  return object
}

encodeDelimited.bytes = decodeDelimited.bytes = 0

/** The errors for an invalid stream, in protobuf's terms. */
const ERRORS = {
  tooLarge: (message) => makeError(RangeError, 'IRONWIRE_PROTOBUF_TOO_LARGE', message),
  invalid: (message) => invalid(message),
  incomplete: (held, total) =>
    truncated(total > 0 ? `a message of ${total} bytes with its length, after ${held}` : 'the length of a message'),
}

/**
 * Finds messages in chunks. A message is decoded when it is requested, so that a chunk of many messages need not become
 * as many objects at once.
 */
function cursorOf(message, options = {}, known = DECODING) {
  origin(message)
  checkOptions(options, known)
  const { maxSize = DEFAULT_MAX_SIZE } = options
  if (typeof maxSize !== 'number') throw invalidArgType('options.maxSize', 'of type number', maxSize)
  if (!(Number.isInteger(maxSize) && maxSize >= 0 && maxSize <= MOST)) {
    throw outOfRange('options.maxSize', `an integer >= 0 and <= ${MOST}`, maxSize)
  }
  const framing = { width: 0, counts: 'message', before: 0, after: 0, trailer: 0, strip: true, maxLength: maxSize }
  return new Cursor(framing, ERRORS)
}

/** The function that decodes the message at a cursor. */
function decoderOf({ decode }) {
  // `decode` takes an end of 0 as the end of the chunk. Here it is an empty message whose length came with the previous
  // chunk.
  return ({ bytes, start, end }) => (end === 0 ? decode(EMPTY) : decode(bytes, start, end))
}

/**
 * A stream from bytes to objects. It makes only as many objects as the reader has room for; the rest of a chunk stays
 * as bytes.
 */
class DelimitedDecoder extends FrameDecoder {
  constructor(message, options = {}) {
    const cursor = cursorOf(message, options, [...DECODING, ...STREAM_OPTIONS])
    const { maxSize, ...stream } = options
    super(cursor, decoderOf(message), stream)
  }
}

/** A stream from objects to bytes. */
class DelimitedEncoder extends FrameEncoder {
  constructor(message, options) {
    origin(message)
    super((object) => encodeDelimited(message, object), options)
  }
}

/** Yields the messages of a stream, or of any iterable of chunks. */
function decodeStream(message, readable, options) {
  const cursor = cursorOf(message, options)
  const decode = decoderOf(message)
  const iterable = readable?.[Symbol.asyncIterator] ?? readable?.[Symbol.iterator]
  if (typeof iterable !== 'function') throw invalidArgType('readable', 'a stream or an iterable of chunks', readable)
  return (async function* () {
    for await (const chunk of readable) {
      cursor.feed(asBuffer('chunk', chunk))
      while (cursor.next()) yield decode(cursor)
    }
    cursor.finish()
  })()
}

module.exports = { encodeDelimited, decodeDelimited, decodeStream, DelimitedDecoder, DelimitedEncoder }
