'use strict'

// protobufjs's Writer. `Type.encode(message)` returns one that already contains the message: its bytes are in the slab
// of `lib/protobuf`, and `finish()` returns a view of them.

const { Buffer } = require('node:buffer')
const { FULL, SLACK, ...W } = require('./write.js')
const util = require('./util/index.js')
const state = require('./util/state.js')

const FastBuffer = Buffer[Symbol.species]

function Writer() {
  own(this, this.constructor.alloc(Writer.initialBufferSize))
  /** The written bytes are in `buf` from `start` to `pos`. */
  this.start = 0
  this.pos = 0
  /** The positions of the lengths of open forks. */
  this.states = null
}

/** Gives a writer memory of its own. */
function own(writer, buf) {
  writer.buf = buf
  /** The same memory as a Buffer. */
  writer.b = buf instanceof FastBuffer ? buf : new FastBuffer(buf.buffer, buf.byteOffset, buf.length)
  writer.end = buf.length
}

Writer.initialBufferSize = 128
Writer.create = function create() {
  return util.Buffer ? new BufferWriter() : new Writer()
}
Writer.alloc = util.pool((size) => new Uint8Array(size), Uint8Array.prototype.subarray)

/** Makes a method that writes a value of at most `size` bytes. */
function put(size, write) {
  return function (value) {
    if (this.pos + size > this.end) this._reserve(size)
    this.pos = write(this.b, this.pos, value)
    return this
  }
}

/** Makes a method that writes a value of unknown size. It starts with room for `guess(value)`. */
function puts(guess, write) {
  return function (value) {
    this._reserve(guess(value) + 2 * SLACK)
    this.pos = write(this.b, this.pos, value)
    return this
  }
}

/** Makes a method that writes a packed run: a length, then elements of at most `size` bytes each. */
function run(size, write) {
  return function (list) {
    const n = list.length
    this._reserve(n * size + 10)
    const { b, pos } = this
    const from = pos + 1
    let p = from
    for (let i = 0; i < n; i++) p = write(b, p, list[i])
    this.pos = W.close(b, pos, from, p)
    return this
  }
}

const text = (value) => (value == null ? 0 : value.length * 3)
const octets = (value) => value.length

Object.defineProperty(Writer.prototype, 'len', {
  get() {
    return this.pos - this.start
  },
  enumerable: true,
  configurable: true,
})

Object.assign(Writer.prototype, {
  /** Makes room for `n` more bytes. */
  _reserve(n) {
    if (this.pos + n <= this.end) return
    const { b, start, len } = this
    const buf = this.constructor.alloc(Math.max(this.end * 2, len * 2, len + n))
    buf.set(b.subarray(start, this.pos), 0)
    own(this, buf)
    this.start = 0
    this.pos = len
    if (this.states !== null && start > 0) this.states = this.states.map((position) => position - start)
  },
  uint32: put(5, W.uint32),
  int32: put(10, W.int32),
  sint32: put(5, W.sint32),
  uint64: put(10, W.int64),
  int64: put(10, W.int64),
  sint64: put(10, W.sint64),
  bool: put(1, W.bool),
  fixed32: put(4, W.fixed32),
  sfixed32: put(4, W.fixed32),
  fixed64: put(8, W.fixed64),
  sfixed64: put(8, W.fixed64),
  float: put(4, W.float),
  double: put(8, W.double),
  string: puts(text, W.str),
  bytes: puts(octets, W.bytes),
  raw: puts(octets, (b, p, value) => W.raw(b, p, [value])),
  uint32s: run(5, W.uint32),
  int32s: run(10, W.int32),
  sint32s: run(5, W.sint32),
  uint64s: run(10, W.int64),
  int64s: run(10, W.int64),
  sint64s: run(10, W.sint64),
  bools: run(1, W.bool),
  fixed32s: run(4, W.fixed32),
  sfixed32s: run(4, W.fixed32),
  fixed64s: run(8, W.fixed64),
  sfixed64s: run(8, W.fixed64),
  floats: run(4, W.float),
  doubles: run(8, W.double),
  /** Begins a part that gets a length in front, up to `ldelim()`. */
  fork() {
    this._reserve(1)
    this.states ??= []
    this.states.push(this.pos)
    this.pos++
    return this
  },
  /** Discards what was written since the last fork, or everything. */
  reset() {
    if (this.states !== null && this.states.length > 0) this.pos = this.states.pop()
    else this.pos = this.start
    return this
  },
  ldelim() {
    this._reserve(5)
    if (this.states !== null && this.states.length > 0) {
      const at = this.states.pop()
      this.pos = W.close(this.b, at, at + 1, this.pos)
      return this
    }
    // Without a fork, everything gets a length in front.
    this.b.copyWithin(1, 0, this.pos)
    this.pos = W.close(this.b, 0, 1, this.pos + 1)
    return this
  },
  /** Returns the bytes. With `shared` it is a view of the writer's own memory, valid until the writer is used again. */
  finish(shared) {
    const { b, buf, start, pos } = this
    // The memory of an encoded message is never written again.
    const isEncoded = this.end === 0
    if (isEncoded && state.isUsualBuffer) return new FastBuffer(b.buffer, b.byteOffset + start, pos - start)
    if (shared && !isEncoded) return buf.subarray(start, pos)
    const bytes = (isEncoded && !util.Buffer ? Writer : this.constructor).alloc(pos - start)
    bytes.set(b.subarray(start, pos), 0)
    return bytes
  },
  finishInto(target, offset = 0) {
    target.set(this.b.subarray(this.start, this.pos), offset)
    return target
  },
  /** Writes a message with its emitted function, and retries with more room until it fits. */
  _message(write, message, depth) {
    this._reserve(2 * SLACK)
    for (;;) {
      try {
        this.pos = write(this.b, this.pos, message, depth)
        return this
      } catch (error) {
        if (error !== FULL) throw error
      }
      this._reserve(this.b.length * 2)
    }
  },
})

function BufferWriter() {
  Writer.call(this)
}

BufferWriter.prototype = Object.create(Writer.prototype, {
  constructor: { value: BufferWriter, writable: true, configurable: true },
})
BufferWriter.alloc = (size) => (util.Buffer ?? Buffer).allocUnsafe(size)

/** A writer that contains a message in memory that is not its own. It gets its own when more is written. */
function EncodedWriter(buf, start, pos) {
  this.buf = buf
  this.b = buf
  this.end = 0
  this.start = start
  this.pos = pos
  this.states = null
}

EncodedWriter.prototype = BufferWriter.prototype

module.exports = { Writer, BufferWriter, EncodedWriter }
