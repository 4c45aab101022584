'use strict'

// The functions that emitted encoders and the Writer use. Room and slab are those of `lib/protobuf`. Values are treated
// as in protobufjs: they are converted to their type without any check.

const { Buffer } = require('node:buffer')
const W = require('../protobuf/write.js')
const LongBits = require('./util/longbits.js')

const { FULL, SLACK, full, unsignedVarint, width, close } = W

// Splits a value into two words: returns the low one and stores the high one in `high`.
let high = 0
function low64(value) {
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    high = Math.floor(value / 4294967296) | 0
    return value | 0
  }
  if (typeof value === 'object' && value !== null && typeof value.low === 'number') {
    high = value.high | 0
    return value.low | 0
  }
  const { lo, hi } = LongBits.from(value)
  high = hi | 0
  return lo | 0
}

function varint64(b, p, lo, hi) {
  while (hi !== 0) {
    b[p++] = (lo & 127) | 128
    lo = (lo >>> 7) | (hi << 25)
    hi >>>= 7
  }
  return unsignedVarint(b, p, lo >>> 0)
}

function int32(b, p, v) {
  v |= 0
  return v >= 0 ? unsignedVarint(b, p, v) : varint64(b, p, v, -1)
}

const uint32 = (b, p, v) => unsignedVarint(b, p, v >>> 0)
const sint32 = (b, p, v) => unsignedVarint(b, p, ((v << 1) ^ (v >> 31)) >>> 0)

function int64(b, p, v) {
  const lo = low64(v)
  return varint64(b, p, lo, high)
}

function sint64(b, p, v) {
  const lo = low64(v)
  const sign = high >> 31
  return varint64(b, p, (lo << 1) ^ sign, ((high << 1) | (lo >>> 31)) ^ sign)
}

function fixed32(b, p, v) {
  b[p] = v
  b[p + 1] = v >> 8
  b[p + 2] = v >> 16
  b[p + 3] = v >> 24
  return p + 4
}

function fixed64(b, p, v) {
  const lo = low64(v)
  fixed32(b, p, lo)
  return fixed32(b, p + 4, high)
}

const words = new Int32Array(2)
const floats = new Float32Array(words.buffer)
const doubles = new Float64Array(words.buffer)

function float(b, p, v) {
  floats[0] = v
  return fixed32(b, p, words[0])
}

function double(b, p, v) {
  doubles[0] = v
  fixed32(b, p, words[0])
  return fixed32(b, p + 4, words[1])
}

function bool(b, p, v) {
  b[p] = v ? 1 : 0
  return p + 1
}

/**
 * Writes length and text. As in protobufjs, something without a length (a number) is empty, and `null` throws a
 * TypeError.
 */
function str(b, p, s) {
  if (typeof s === 'string') return W.str(b, p, s, '')
  return W.str(b, p, s.length ? String(s) : '', '')
}

/** Writes length and bytes, of any list of bytes or of a base64 text. */
function bytes(b, p, v) {
  if (typeof v === 'string' || v instanceof String) v = Buffer.from(String(v), 'base64')
  const n = v.length >>> 0
  if (p + n + SLACK + 5 > b.length) full()
  p = unsignedVarint(b, p, n)
  if (n < 16) for (let i = 0; i < n; i++) b[p + i] = v[i]
  else b.set(v, p)
  return p + n
}

/** Writes lists of bytes without a length. */
function raw(b, p, lists) {
  for (const list of lists) {
    const n = list.length >>> 0
    if (p + n + SLACK > b.length) full()
    if (n > 0) b.set(list, p)
    p += n
  }
  return p
}

module.exports = {
  FULL,
  SLACK,
  full,
  unsignedVarint,
  width,
  close,
  int32,
  uint32,
  sint32,
  int64,
  uint64: int64,
  sint64,
  fixed32,
  sfixed32: fixed32,
  fixed64,
  sfixed64: fixed64,
  float,
  double,
  bool,
  str,
  bytes,
  raw,
}
