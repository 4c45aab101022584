'use strict'

// The functions that emitted decoders and the Reader use: the counterpart of `lib/protobuf/read.js` with protobufjs's
// errors and values. `b` is a Buffer and `p` a position in it. A function that reads several bytes stores the position
// after them in `at.p`. A byte past the end reads as `undefined`, for which all comparisons below are false. The caller
// checks whether a value ends past the end of its message.

const { Buffer, isUtf8 } = require('node:buffer')
const { TextDecoder } = require('node:util')
const { shortText } = require('../protobuf/read.js')
const state = require('./util/state.js')

const at = { p: 0 }

function outOfRange(p, n, end) {
  return RangeError(`index out of range: ${p} + ${n} > ${end}`)
}

function truncated(b, p) {
  throw outOfRange(Math.min(p, b.length), 1, b.length)
}

function tooDeep() {
  throw Error('max depth exceeded')
}

/** The low 32 bits of a varint as a signed number. `v` is its first byte, which was already read. */
function varint(b, p, v) {
  let c = b[p]
  if (c < 128 && v > 127) {
    at.p = p + 1
    return (v & 127) | (c << 7)
  }
  if (v === undefined || c === undefined) truncated(b, p)
  v = (v & 127) | ((c & 127) << 7)
  for (let shift = 14; shift < 32; shift += 7) {
    c = b[++p]
    v |= (c & 127) << shift
    if (c < 128) {
      at.p = p + 1
      return v
    }
    if (c === undefined) truncated(b, p)
  }
  // The high half of the 64 bits is ignored.
  for (let i = 5; i < 10; i++) {
    c = b[++p]
    if (c < 128) {
      at.p = p + 1
      return v
    }
    if (c === undefined) truncated(b, p)
  }
  throw Error('invalid varint encoding')
}

/** A tag: 32 bits in at most five bytes. */
function tag(b, p, v) {
  const c = b[p]
  if (c < 128) {
    at.p = p + 1
    return (v & 127) | (c << 7)
  }
  return limited(b, p, v, 16, 'invalid tag encoding')
}

/** A length below 2 GiB, in at most five bytes. */
function len(b, p, v) {
  const c = b[p]
  if (c < 128 && v > 127) {
    at.p = p + 1
    return (v & 127) | (c << 7)
  }
  return limited(b, p, v, 8, 'invalid length encoding')
}

/** An unsigned varint of at most five bytes. The fifth byte must be below `most`. */
function limited(b, p, v, most, message) {
  let result = v & 127
  for (let shift = 7; v > 127 && shift < 28; shift += 7) {
    v = b[p++]
    result |= (v & 127) << shift
  }
  if (v > 127) {
    v = b[p++]
    if (v >= most) throw Error(message)
    result |= v << 28
  }
  if (v === undefined) truncated(b, p)
  at.p = p
  // Keeps it a small integer for V8 where possible.
  return result < 0 ? result >>> 0 : result
}

// Reads a 64-bit varint: returns the low half and stores the high one in `high`.
let high = 0
function low64(b, p, v) {
  if (v === undefined) truncated(b, p)
  let lo = v & 127
  let hi = 0
  if (v > 127) {
    let shift = 7
    for (;;) {
      const c = b[p++]
      if (c === undefined) truncated(b, p)
      if (shift < 28) lo |= (c & 127) << shift
      else if (shift === 28) {
        lo |= (c & 127) << 28
        hi = (c & 127) >> 4
      } else hi |= (c & 127) << (shift - 32)
      if (c < 128) break
      if (shift === 63) throw Error('invalid varint encoding')
      shift += 7
    }
  }
  at.p = p
  high = hi
  return lo
}

/** True if any of the 64 bits is set. */
function bool(b, p, v) {
  return (low64(b, p, v) | high) !== 0
}

/** A 64-bit integer in the program's form: a Long if npm `long` is available, else a number. */
function long(lo, hi, unsigned) {
  const { Long } = state
  if (Long) return new Long(lo, hi, unsigned)
  return (unsigned ? hi >>> 0 : hi) * 4294967296 + (lo >>> 0)
}

function int64(b, p) {
  const lo = low64(b, p + 1, b[p])
  return long(lo, high, false)
}

function uint64(b, p) {
  const lo = low64(b, p + 1, b[p])
  return long(lo, high, true)
}

function sint64(b, p) {
  const lo = low64(b, p + 1, b[p])
  const sign = -(lo & 1)
  return long(((lo >>> 1) | (high << 31)) ^ sign, (high >>> 1) ^ sign, false)
}

function fixed32(b, p) {
  return b[p] | (b[p + 1] << 8) | (b[p + 2] << 16) | (b[p + 3] << 24)
}

const fixed64 = (b, p) => long(fixed32(b, p), fixed32(b, p + 4), true)
const sfixed64 = (b, p) => long(fixed32(b, p), fixed32(b, p + 4), false)

const words = new Int32Array(2)
const floats = new Float32Array(words.buffer)
const doubles = new Float64Array(words.buffer)

function float(b, p) {
  words[0] = b[p] | (b[p + 1] << 8) | (b[p + 2] << 16) | (b[p + 3] << 24)
  return floats[0]
}

function double(b, p) {
  words[0] = b[p] | (b[p + 1] << 8) | (b[p + 2] << 16) | (b[p + 3] << 24)
  words[1] = b[p + 4] | (b[p + 5] << 8) | (b[p + 6] << 16) | (b[p + 7] << 24)
  return doubles[0]
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const str = shortText((b, p, e) => b.utf8Slice(p, e))
/** Text that must be valid UTF-8. If it is not, the TextDecoder throws the same error as protobufjs. */
const strictStr = shortText((b, p, e) => {
  const text = b.utf8Slice(p, e)
  return text.includes('\ufffd') && !isUtf8(b.subarray(p, e)) ? decoder.decode(b.subarray(p, e)) : text
})

const FastBuffer = Buffer[Symbol.species]

/** A view of the input. It is a view of `x.source` if the input was not a Buffer. */
function bytes(b, p, e, x) {
  return x.source === null ? new FastBuffer(b.buffer, b.byteOffset + p, e - p) : x.source.subarray(p, e)
}

/** The position after the value of an unknown field. Its tag `t` ends at `p`. */
function skip(b, p, end, t, depth, limit) {
  const number = t >>> 3
  if (depth > limit) tooDeep()
  if (number === 0) throw Error('illegal tag: field number 0')
  let e
  switch (t & 7) {
    case 0:
      e = p
      while (b[e++] > 127);
      break
    case 1:
      e = p + 8
      break
    case 2: {
      const n = b[p] < 128 ? b[p] : len(b, p + 1, b[p])
      e = (b[p] < 128 ? p + 1 : at.p) + n
      break
    }
    case 3:
      return skipGroup(b, p, end, number, depth, limit)
    case 5:
      e = p + 4
      break
    default:
      throw Error(`invalid wire type ${t & 7} at offset ${p}`)
  }
  if (!(e <= end)) throw outOfRange(p, e - p || 1, end)
  return e
}

function skipGroup(b, p, end, number, depth, limit) {
  for (;;) {
    if (p >= end) truncated(b, end)
    let t = b[p++]
    if (t > 127) {
      t = tag(b, p, t)
      p = at.p
    }
    if ((t & 7) === 4 && t >>> 3 > 0) {
      if (t >>> 3 !== number) throw Error('invalid end group tag')
      return p
    }
    p = skip(b, p, end, t, depth + 1, limit)
  }
}

/** The end of a value of `n` bytes. Throws if it exceeds the message. */
function within(p, n, end) {
  if (n > end - p) throw outOfRange(p, n, end)
  return p + n
}

/** Throws for a message, a map entry or a packed run that does not end where its length says. */
function misfit(p, end) {
  throw outOfRange(p, 1, end)
}

// Packed numbers are collected here and then sliced off, as in `lib/protobuf/read.js`.
const gathered = Array.from({ length: 4096 }, () => 0)

/**
 * The elements of a packed run of 32-bit varints between `p` and `e`, in a new array, or appended to `into` if that has
 * elements.
 */
function packed32(b, p, e, into) {
  if (e - p > gathered.length || into?.length > 0) return pushPacked(b, p, e, into ?? [])
  const last = e - 1
  let n = 0
  while (p < last) {
    const v = b[p]
    const c = b[(p + 1) | 0]
    if ((v | c) < 128) {
      gathered[n] = v
      gathered[(n + 1) | 0] = c
      n = (n + 2) | 0
      p = (p + 2) | 0
      continue
    }
    if (v < 128) {
      gathered[n] = v
      p = (p + 1) | 0
    } else if (c < 128) {
      gathered[n] = (v & 127) | (c << 7)
      p = (p + 2) | 0
    } else {
      gathered[n] = varint(b, p + 1, v)
      p = at.p
    }
    n = (n + 1) | 0
  }
  if (p === last) {
    gathered[n++] = b[p++]
    if (b[p - 1] > 127) truncated(b, p)
  }
  if (p !== e) misfit(p, e)
  return gathered.slice(0, n)
}

function packedUint32(b, p, e, into) {
  const from = into?.length > 0 ? into.length : 0
  const list = packed32(b, p, e, into)
  // Only negative numbers, which are rare, need to be converted.
  for (let i = from; i < list.length; i++) if (list[i] < 0) list[i] >>>= 0
  return list
}

function pushPacked(b, p, e, into) {
  while (p < e) {
    let v = b[p++]
    if (v > 127) {
      v = varint(b, p, v)
      p = at.p
    }
    into.push(v)
  }
  if (p !== e) misfit(p, e)
  return into
}

function packedBool(b, p, e, into) {
  const list = into?.length > 0 ? into : []
  while (p < e) {
    const v = b[p++]
    if (v < 2) list.push(v === 1)
    else {
      list.push(bool(b, p, v))
      p = at.p
    }
  }
  if (p !== e) misfit(p, e)
  return list
}

module.exports = {
  at,
  outOfRange,
  truncated,
  tooDeep,
  varint,
  tag,
  len,
  bool,
  int64,
  uint64,
  sint64,
  fixed32,
  fixed64,
  sfixed64,
  float,
  double,
  str,
  strictStr,
  bytes,
  skip,
  within,
  misfit,
  packed32,
  packedUint32,
  packedBool,
}
