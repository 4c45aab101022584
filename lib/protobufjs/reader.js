'use strict'

// protobufjs's Reader: static code and programs with their own formats read with it. Types decode without one. Readers
// are functions and not classes, because programs call them on their own objects.

const { types } = require('node:util')
const R = require('./read.js')
const util = require('./util/index.js')
const state = require('./util/state.js')

const { at, outOfRange } = R

function Reader(buffer) {
  this.buf = buffer
  this.pos = 0
  this.len = buffer.length
  this.discardUnknown = Reader.discardUnknown
}

Reader.recursionLimit = util.recursionLimit
/** If false, decoded messages keep unknown fields as `$unknowns`. */
Reader.discardUnknown = true

Reader.create = function create(buffer) {
  if (util.Buffer?.isBuffer(buffer)) return new BufferReader(buffer)
  if (Array.isArray(buffer)) return new Reader(new Uint8Array(buffer))
  if (types.isUint8Array(buffer)) return new Reader(buffer)
  throw Error('illegal buffer')
}

/** Completes a read by a helper. Helpers know the end of the buffer only; this reader may end before it. */
function end(reader, position) {
  if (position > reader.len) throw outOfRange(reader.pos, 1, reader.len)
  reader.pos = position
}

/** Makes a method for a value of several bytes. The helper gets the first byte. */
function varied(read) {
  return function () {
    const { buf, pos, len } = this
    if (pos >= len) throw outOfRange(pos, 1, len)
    const v = buf[pos]
    if (v < 128) {
      this.pos = pos + 1
      return v
    }
    const value = read(buf, pos + 1, v)
    end(this, at.p)
    return value
  }
}

const signed = varied(R.varint)
const unsigned = varied((b, p, v) => R.varint(b, p, v) >>> 0)

/** Makes a method that reads `size` bytes. */
function fixed(size, read) {
  return function () {
    const { buf, pos, len } = this
    if (pos + size > len) throw outOfRange(pos, size, len)
    this.pos = pos + size
    return read(buf, pos)
  }
}

/** Makes a method that reads a 64-bit varint. */
function wide(read) {
  return function () {
    if (this.pos >= this.len) throw outOfRange(this.pos, 1, this.len)
    const value = read(this.buf, this.pos)
    end(this, at.p)
    return value
  }
}

/** Makes a method that reads a value with a length prefix. `read` gets its start and end. */
function delimited(read) {
  return function () {
    const n = this.size()
    const start = this.pos
    if (n > this.len - start) throw outOfRange(start, n, this.len)
    this.pos = start + n
    return read(this, start, start + n)
  }
}

Object.assign(Reader.prototype, {
  raw(from, to) {
    return this.buf.subarray(from, to)
  },
  tag: varied(R.tag),
  size: varied(R.len),
  uint32: unsigned,
  int32: signed,
  sint32() {
    const value = unsigned.call(this)
    return (value >>> 1) ^ -(value & 1)
  },
  bool: wide((b, p) => {
    at.p = p + 1
    return b[p] < 128 ? b[p] !== 0 : R.bool(b, p + 1, b[p])
  }),
  int64: wide(R.int64),
  uint64: wide(R.uint64),
  sint64: wide(R.sint64),
  fixed32: fixed(4, (b, p) => R.fixed32(b, p) >>> 0),
  sfixed32: fixed(4, R.fixed32),
  fixed64: fixed(8, R.fixed64),
  sfixed64: fixed(8, R.sfixed64),
  float: fixed(4, R.float),
  double: fixed(8, R.double),
  bytes: delimited((reader, from, to) => reader.raw(from, to)),
  string: delimited((reader, from, to) => util.utf8.read(reader.buf, from, to)),
  stringVerify: delimited((reader, from, to) => util.utf8.readStrict(reader.buf, from, to)),
  /** Skips `length` bytes, or a varint without an argument. */
  skip(length) {
    if (typeof length === 'number') {
      if (this.pos + length > this.len) throw outOfRange(this.pos, length, this.len)
      this.pos += length
      return this
    }
    do {
      if (this.pos >= this.len) throw outOfRange(this.pos, 1, this.len)
    } while (this.buf[this.pos++] & 128)
    return this
  },
  /** Skips a value of a wire type. */
  skipType(wireType, depth = 0, fieldNumber = undefined) {
    // The number matters only for groups, which must end with the number that they began with. It must not be 0.
    const number = fieldNumber === undefined ? 1 : fieldNumber
    if (wireType === 3 && fieldNumber === undefined) return this._skipAnyGroup(depth)
    this.pos = R.skip(this.buf, this.pos, this.len, (number << 3) | wireType, depth, Reader.recursionLimit)
    return this
  },
  _skipAnyGroup(depth) {
    if (depth > Reader.recursionLimit) R.tooDeep()
    for (;;) {
      const tag = this.tag()
      if (tag >>> 3 === 0) throw Error('illegal tag: field number 0')
      if ((tag & 7) === 4) return this
      this.skipType(tag & 7, depth + 1, tag >>> 3)
    }
  },
})

// Methods for packed runs: `int32s(array?)` appends to the array.
for (const name of ['uint32', 'int32', 'sint32', 'bool', 'uint64', 'int64', 'sint64']) {
  Reader.prototype[`${name}s`] = function (array = []) {
    const n = this.size()
    const { len } = this
    const stop = this.pos + n
    if (stop > len) throw outOfRange(this.pos, n, len)
    // No element may extend beyond the run.
    this.len = stop
    while (this.pos < stop) array.push(this[name]())
    this.len = len
    return array
  }
}
for (const [name, size] of [
  ['fixed32', 4],
  ['sfixed32', 4],
  ['float', 4],
  ['fixed64', 8],
  ['sfixed64', 8],
  ['double', 8],
]) {
  Reader.prototype[`${name}s`] = function (array = []) {
    const n = this.size()
    if (this.pos + n > this.len) throw outOfRange(this.pos, n, this.len)
    for (let i = 0; i + size <= n; i += size) array.push(this[name]())
    if (n % size !== 0) throw outOfRange(this.pos, size, this.pos + (n % size))
    return array
  }
}

/** The Reader for Node's Buffers. Its bytes are Buffers. */
function BufferReader(buffer) {
  Reader.call(this, buffer)
}

BufferReader.prototype = Object.create(Reader.prototype, {
  constructor: { value: BufferReader, writable: true, configurable: true },
})

BufferReader.prototype.raw = function raw(from, to) {
  return state.isUsualBuffer ? this.buf.subarray(from, to) : util.Buffer.prototype.slice.call(this.buf, from, to)
}
BufferReader.prototype.string = delimited((reader, from, to) => R.str(reader.buf, from, to))

module.exports = { Reader, BufferReader }
