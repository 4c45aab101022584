'use strict'

// The encodings of scalar types as objects `{type, encode, decode, encodingLength}`. npm `protocol-buffers` lists them
// under `dependencies`, and its users build encodings of their own from them. Emitted code does not use them.

const { readHelpers, at, invalid } = require('./read.js')
const W = require('./write.js')
const { tools } = require('./codec.js')

// Wire types: 0 is a varint, 1 is 64 bits, 2 is length-prefixed, 5 is 32 bits.
const WIRE = {
  double: 1,
  float: 5,
  int64: 0,
  uint64: 0,
  int32: 0,
  fixed64: 1,
  fixed32: 5,
  bool: 0,
  string: 2,
  bytes: 2,
  uint32: 0,
  sfixed32: 5,
  sfixed64: 1,
  sint32: 0,
  sint64: 0,
}

// In bytes: room for a number, and for the slack that strings leave free after them.
const ROOM = 1024

function writer(name) {
  if (name === 'string') return W.str
  if (name === 'bool') {
    return (b, p, value) => {
      b[p] = value ? 1 : 0
      return p + 1
    }
  }
  return W[name]
}

function reader(name, R) {
  const fixed = (read, size) => (b, p) => {
    if (b.length - p < size) R.truncated()
    at.p = p + size
    return read(b, p)
  }
  const delimited = (read) => (b, p) => {
    const n = R.len(b, p + 1, b[p])
    const start = at.p
    if (n > b.length - start) R.truncated()
    const value = read(b, start, start + n)
    at.p = start + n
    return value
  }
  const varint = (read) => (b, p) => read(b, p + 1, b[p])
  switch (name) {
    case 'double':
      return fixed(R.double, 8)
    case 'float':
      return fixed(R.float, 4)
    case 'fixed32':
      return fixed((b, p) => R.fixed32(b, p) >>> 0, 4)
    case 'sfixed32':
      return fixed(R.fixed32, 4)
    case 'fixed64':
      return fixed(R.fixed64, 8)
    case 'sfixed64':
      return fixed(R.sfixed64, 8)
    case 'string':
      return delimited(R.str)
    case 'bytes':
      return delimited(R.bytes)
    case 'int32':
      return varint((b, p, v) => Number(BigInt.asIntN(32, BigInt(R.int64(b, p, v)))))
    case 'uint32':
      return varint((b, p, v) => Number(BigInt.asUintN(32, BigInt(R.int64(b, p, v)))))
    case 'sint32':
      return varint((b, p, v) => Number(BigInt.asIntN(32, BigInt(R.sint64(b, p, v)))))
    default:
      return varint(R[name])
  }
}

function encoding(type, write, read) {
  function encode(value, buffer, offset) {
    const message = run(value)
    encode.bytes = message.length
    return buffer ? tools.put(message, buffer, offset) : message
  }

  function decode(buffer, offset) {
    const b = tools.asBuffer('buffer', buffer)
    const start = tools.position('offset', offset)
    if (!(start >= 0 && start <= b.length)) throw invalid()
    const value = read(b, start)
    decode.bytes = at.p - start
    return value
  }

  function encodingLength(value) {
    return run(value).length
  }

  function run(value) {
    return tools.encodeLarge((b, p) => write(b, p, value, 'value'), value, ROOM)
  }

  encode.bytes = decode.bytes = 0
  return { type, encode, decode, encodingLength }
}

/** The encodings by type keyword, for one representation of 64-bit integers. */
function scalars(form) {
  const R = readHelpers(form)
  const all = {}
  for (const name of Object.keys(WIRE)) all[name] = encoding(WIRE[name], writer(name), reader(name, R))
  return all
}

/** The encoding of an enum `{fullName, known, names}`; `known` is null for an open enum. */
function enumEncoding(enumeration) {
  const { known } = enumeration
  return encoding(
    0,
    (b, p, value) => W.enumValue(b, p, value, 'value', enumeration),
    (b, p) => {
      const value = Number(BigInt.asIntN(32, BigInt(scalarReaders.int64(b, p + 1, b[p]))))
      if (known !== null && !known.has(value)) scalarReaders.invalidEnum(value)
      return value
    },
  )
}

const scalarReaders = readHelpers('auto')

module.exports = { scalars, enumEncoding }
