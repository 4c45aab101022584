'use strict'

// Length-prefixed framing: what a stream of bytes needs to carry messages.

const { Buffer } = require('node:buffer')
const { Transform } = require('node:stream')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../errors')
const { refuseUnknown } = require('../options')
const { bytesOf } = require('./bytes')

/** Each frame is held whole in memory; what is larger should come in pieces. */
const DEFAULT_MAX_LENGTH = 16 * 2 ** 20

const EMPTY = Buffer.alloc(0)

/** What a kept frame may keep alive beyond itself, as with Node's pool: a smaller one of a larger chunk is copied. */
const POOL = 8 * 1024

/** How each prefix is written: bytes, and the byte order of Node's `readUInt…`. */
const PREFIXES = {
  __proto__: null,
  u8: [1, 'BE'],
  u16le: [2, 'LE'],
  u16be: [2, 'BE'],
  u24le: [3, 'LE'],
  u24be: [3, 'BE'],
  u32le: [4, 'LE'],
  u32be: [4, 'BE'],
}

const ENCODE_OPTIONS = ['prefix']
const DECODE_OPTIONS = ['prefix', 'maxLength']

/** What a Transform takes, but for what would put other work in the place of a FrameStream's own. */
const STREAM_OPTIONS = [
  ...DECODE_OPTIONS,
  'allowHalfOpen',
  'autoDestroy',
  'captureRejections',
  'construct',
  'decodeStrings',
  'defaultEncoding',
  'destroy',
  'emitClose',
  'encoding',
  'highWaterMark',
  'objectMode',
  'readable',
  'readableHighWaterMark',
  'readableObjectMode',
  'signal',
  'writable',
  'writableHighWaterMark',
  'writableObjectMode',
]

function prefixOf({ prefix = 'u32be' }) {
  const found = typeof prefix === 'string' ? PREFIXES[prefix] : undefined
  if (found === undefined) {
    throw invalidArgValue('options.prefix', prefix, `must be one of ${Object.keys(PREFIXES).join(', ')}`)
  }
  const [size, order] = found
  return { size, order, most: 2 ** (8 * size) - 1 }
}

function checkOptions(options, known) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, known)
  return options
}

/** The bytes with their length before them. */
function encode(body, options = {}) {
  const { size, order, most } = prefixOf(checkOptions(options, ENCODE_OPTIONS))
  body = bytesOf(body, 'body')
  if (body.length > most) throw outOfRange('body.length', `<= ${most}`, body.length)
  const out = Buffer.allocUnsafe(size + body.length)
  if (order === 'LE') out.writeUIntLE(body.length, 0, size)
  else out.writeUIntBE(body.length, 0, size)
  out.set(body, size)
  return out
}

/** Cuts a stream into frames. Nothing is allocated for a length that was merely announced. */
class FrameDecoder {
  #size
  #read
  #maxLength
  /** The bytes of a prefix that has not come whole. */
  #head
  #headLength = 0
  /** The length of the frame that is being read; -1 while its prefix is. */
  #need = -1
  /** What has come of it in earlier chunks: copied, so that a trickle of tiny chunks costs no more than its bytes. */
  #partial = EMPTY
  #held = 0
  #failure = null

  constructor(options = {}) {
    const { size, order, most } = prefixOf(checkOptions(options, DECODE_OPTIONS))
    const { maxLength = Math.min(DEFAULT_MAX_LENGTH, most) } = options
    if (typeof maxLength !== 'number') throw invalidArgType('options.maxLength', 'of type number', maxLength)
    if (!Number.isInteger(maxLength) || maxLength < 0 || maxLength > most) {
      throw outOfRange('options.maxLength', `an integer >= 0 and <= ${most}`, maxLength)
    }
    const { readUIntLE, readUIntBE } = Buffer.prototype
    const method = order === 'LE' ? readUIntLE : readUIntBE
    this.#read = (bytes, offset) => method.call(bytes, offset, size)
    this.#size = size
    this.#head = Buffer.alloc(size)
    this.#maxLength = maxLength
  }

  get buffered() {
    return this.#need < 0 ? this.#headLength : this.#size + this.#held
  }

  push(chunk) {
    chunk = bytesOf(chunk, 'chunk')
    if (this.#failure !== null) throw this.#failure
    if (!Buffer.isBuffer(chunk)) chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const frames = []
    let offset = 0
    for (;;) {
      if (this.#need < 0) {
        offset = this.#readPrefix(chunk, offset, frames)
        if (this.#need < 0) return frames
      }
      const end = offset + this.#need - this.#held
      if (end > chunk.length) {
        this.#keep(chunk.subarray(offset))
        return frames
      }
      if (this.#held === 0) {
        const frame = chunk.subarray(offset, end)
        frames.push(frame.length < POOL / 2 && chunk.buffer.byteLength > POOL ? Buffer.from(frame) : frame)
      } else {
        this.#keep(chunk.subarray(offset, end))
        frames.push(this.#partial.subarray(0, this.#need))
        this.#partial = EMPTY
        this.#held = 0
      }
      this.#need = -1
      offset = end
    }
  }

  end() {
    if (this.#failure !== null) throw this.#failure
    if (this.buffered === 0) return
    const wanted = this.#need < 0 ? 'a prefix' : `a frame of ${this.#need} bytes`
    const message = `The stream ended inside ${wanted}, ${this.buffered} bytes after its start`
    throw makeError(Error, 'IRONWIRE_FRAME_INCOMPLETE', message)
  }

  #readPrefix(chunk, offset, frames) {
    let length
    if (this.#headLength === 0 && chunk.length - offset >= this.#size) {
      length = this.#read(chunk, offset)
      offset += this.#size
    } else {
      while (this.#headLength < this.#size && offset < chunk.length) this.#head[this.#headLength++] = chunk[offset++]
      if (this.#headLength < this.#size) return offset
      length = this.#read(this.#head, 0)
      this.#headLength = 0
    }
    if (length > this.#maxLength) {
      const message = `A frame of ${length} bytes is above the limit of ${this.#maxLength}`
      this.#failure = makeError(Error, 'IRONWIRE_FRAME_TOO_LARGE', message)
      this.#failure.frames = frames
      throw this.#failure
    }
    this.#need = length
    return offset
  }

  /** Adds to the partial frame, whose memory grows with what has come, never beyond the frame. */
  #keep(part) {
    const held = this.#held + part.length
    if (held > this.#partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#need, Math.max(held, 2 * this.#partial.length)))
      grown.set(this.#partial.subarray(0, this.#held))
      this.#partial = grown
    }
    this.#partial.set(part, this.#held)
    this.#held = held
  }
}

/** The same as a stream: bytes in, one Buffer per frame out. */
class FrameStream extends Transform {
  #decoder

  constructor(options = {}) {
    const { prefix, maxLength, ...stream } = checkOptions(options, STREAM_OPTIONS)
    super({ ...stream, objectMode: false, writableObjectMode: false, decodeStrings: true, readableObjectMode: true })
    this.#decoder = new FrameDecoder({ prefix, maxLength })
  }

  _transform(chunk, _encoding, callback) {
    try {
      for (const frame of this.#decoder.push(chunk)) this.push(frame)
      callback()
    } catch (error) {
      for (const frame of error.frames ?? []) this.push(frame)
      callback(error)
    }
  }

  _flush(callback) {
    try {
      this.#decoder.end()
      callback()
    } catch (error) {
      callback(error)
    }
  }
}

module.exports = { frame: { encode }, FrameDecoder, FrameStream }
