'use strict'

// Messages one after another, each behind its length as a varint: what Java calls `writeDelimitedTo` and protobufjs `encodeDelimited`.

const { Transform } = require('node:stream')
const { Buffer } = require('node:buffer')
const { messageLimits } = require('../constants.js')
const { invalidArgType, makeError, outOfRange } = require('../errors.js')
const { asBuffer, placeFor, position } = require('./codec.js').tools
const { refuseUnknown } = require('../options.js')
const { origin } = require('./formats.js')
const { invalid } = require('./read.js')
const { unsignedVarint, width } = require('./write.js')

// Each message is held whole in memory, by every stream at once: the same bound as for frames of `rpc` and `codec`.
const DEFAULT_MAX_SIZE = 16 * 2 ** 20
// The format's own bound on a message, 2 GiB - 1.
const MOST = messageLimits.maxSize

const EMPTY = Buffer.alloc(0)

// What these streams are, whatever options they are given: `objectMode` would be both ends.
const BYTES_IN = { objectMode: false, writableObjectMode: false, decodeStrings: true, readableObjectMode: true }
const BYTES_OUT = { objectMode: false, writableObjectMode: true, readableObjectMode: false }

const DECODING = ['maxSize']
// What Node's own transforms take.
const STREAM = (
  'highWaterMark readableHighWaterMark writableHighWaterMark objectMode readableObjectMode writableObjectMode decodeStrings ' +
  'defaultEncoding encoding emitClose autoDestroy allowHalfOpen readable writable captureRejections signal construct read write ' +
  'writev final destroy transform flush'
).split(' ')

function checkOptions(options, known) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, known)
}

function tooLarge(length, maxSize) {
  const message = `A message of ${length} bytes was announced, and the limit is ${maxSize}`
  return makeError(RangeError, 'IRONWIRE_PROTOBUF_TOO_LARGE', message, tooLarge)
}

function truncated(where) {
  return makeError(Error, 'IRONWIRE_PROTOBUF_TRUNCATED', `The input ends inside ${where}`, truncated)
}

/** A length as it comes in, byte by byte. It may be padded with zero bits, up to the ten bytes that a varint has. */
class Length {
  value = 0
  size = 0

  /** True when this was the last byte. */
  add(byte) {
    // The product is exact: 63 bits of factor are a power of two. What is beyond 53 bits is far above any limit.
    this.value += (byte & 127) * 2 ** (7 * this.size++)
    if (byte < 128) return true
    if (this.size === 10) throw invalid('a varint is longer than 10 bytes')
    return false
  }
}

/** The object with its length before it, in a new Buffer or in `buffer` at `offset`. */
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

/** The object at `offset`, and in `decodeDelimited.bytes` how far the next one is from there. */
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

/** Cuts chunks into messages. One is decoded when it is asked for, so that a chunk of many need not become as many objects at once. */
class Splitter {
  #decode
  #maxSize
  #chunk = EMPTY
  #at = 0
  #length = new Length()
  /** The bytes of the message that is being read; -1 while its length is. */
  #need = -1
  /** What has come of it in earlier chunks: copied, so that a trickle of tiny chunks costs no more than its bytes. */
  #partial = EMPTY
  #held = 0

  constructor(message, options = {}, known = DECODING) {
    origin(message)
    checkOptions(options, known)
    const { maxSize = DEFAULT_MAX_SIZE } = options
    if (typeof maxSize !== 'number') throw invalidArgType('options.maxSize', 'of type number', maxSize)
    if (!(Number.isInteger(maxSize) && maxSize >= 0 && maxSize <= MOST)) {
      throw outOfRange('options.maxSize', `an integer >= 0 and <= ${MOST}`, maxSize)
    }
    this.#decode = message.decode
    this.#maxSize = maxSize
  }

  /** Takes the next chunk. All messages of the one before must have been taken. */
  feed(chunk) {
    this.#chunk = asBuffer('chunk', chunk)
    this.#at = 0
  }

  /** The next message; undefined where more bytes are needed first. */
  next() {
    if (this.#need < 0 && !this.#readLength()) return undefined
    const left = this.#chunk.length - this.#at
    const missing = this.#need - this.#held
    if (missing > left) {
      this.#keep(left)
      return undefined
    }
    if (this.#held === 0) {
      this.#need = -1
      const start = this.#at
      this.#at += missing
      // An end of 0 would mean the end of the chunk: the length came with the chunk before.
      return this.#at === 0 ? this.#decode(EMPTY) : this.#decode(this.#chunk, start, this.#at)
    }
    this.#keep(missing)
    const body = this.#partial
    this.#partial = EMPTY
    this.#held = 0
    this.#need = -1
    return this.#decode(body)
  }

  /** There are no more chunks. */
  end() {
    if (this.#need >= 0) throw truncated(`a message of ${this.#need} bytes, after ${this.#held}`)
    if (this.#length.size > 0) throw truncated('the length of a message')
  }

  #readLength() {
    const chunk = this.#chunk
    while (this.#at < chunk.length) {
      if (!this.#length.add(chunk[this.#at++])) continue
      const { value } = this.#length
      if (value > this.#maxSize) throw tooLarge(value, this.#maxSize)
      this.#need = value
      this.#length = new Length()
      return true
    }
    return false
  }

  /** Adds to the partial message, whose memory grows with what has come, never beyond the message. */
  #keep(n) {
    const held = this.#held + n
    if (held > this.#partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#need, Math.max(held, 2 * this.#partial.length)))
      this.#partial.copy(grown, 0, 0, this.#held)
      this.#partial = grown
    }
    this.#chunk.copy(this.#partial, this.#held, this.#at, this.#at + n)
    this.#at += n
    this.#held = held
  }
}

/** Bytes in, objects out. Only as many objects are made as the reader has room for; the rest of a chunk waits as bytes. */
class DelimitedDecoder extends Transform {
  #splitter
  /** Called when all of a chunk has been taken. */
  #done = null
  #pumping = false
  #wanted = false

  constructor(message, options) {
    const splitter = new Splitter(message, options, [...DECODING, ...STREAM])
    super({ ...options, ...BYTES_IN })
    this.#splitter = splitter
  }

  // Not `_transform`: what Transform does after that holds the next chunk back until the reader asks once more, which it does not while
  // it waits for the answer to its last question.
  _write(chunk, _encoding, callback) {
    this.#splitter.feed(chunk)
    this.#done = callback
    this.#pump()
  }

  _read() {
    this.#wanted = true
    // A listener of 'data' reads while the loop below is at work: it goes on by itself.
    if (!this.#pumping && this.#done !== null) this.#pump()
  }

  _flush(callback) {
    try {
      this.#splitter.end()
    } catch (error) {
      callback(error)
      return
    }
    callback()
  }

  #pump() {
    let error = null
    this.#pumping = true
    for (;;) {
      let object
      try {
        object = this.#splitter.next()
      } catch (thrown) {
        error = thrown
      }
      if (object === undefined) break
      this.#wanted = false
      if (!this.push(object) && !this.#wanted) {
        this.#pumping = false
        return
      }
    }
    this.#pumping = false
    const done = this.#done
    this.#done = null
    done(error)
  }
}

/** Objects in, bytes out. */
class DelimitedEncoder extends Transform {
  #message

  constructor(message, options = {}) {
    origin(message)
    checkOptions(options, STREAM)
    super({ ...options, ...BYTES_OUT })
    this.#message = message
  }

  _transform(object, _encoding, callback) {
    let bytes
    try {
      bytes = encodeDelimited(this.#message, object)
    } catch (error) {
      callback(error)
      return
    }
    callback(null, bytes)
  }
}

/** The messages of a stream, or of any iterable of chunks. */
function decodeStream(message, readable, options) {
  const splitter = new Splitter(message, options)
  const iterable = readable?.[Symbol.asyncIterator] ?? readable?.[Symbol.iterator]
  if (typeof iterable !== 'function') throw invalidArgType('readable', 'a stream or an iterable of chunks', readable)
  return (async function* () {
    for await (const chunk of readable) {
      splitter.feed(chunk)
      for (;;) {
        const object = splitter.next()
        if (object === undefined) break
        yield object
      }
    }
    splitter.end()
  })()
}

module.exports = { encodeDelimited, decodeDelimited, decodeStream, DelimitedDecoder, DelimitedEncoder }
