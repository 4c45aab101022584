'use strict'

// The functions that emitted decoders call for what is not worth inlining. `b` is always a Buffer and `p` a position in
// it. A reader returns the value and stores the position after it in `at.p`. A byte past the end reads as `undefined`,
// for which all comparisons below are false: that is the bounds check.

const { Buffer, isUtf8 } = require('node:buffer')
const { markAsUntransferable } = require('node:worker_threads')
const { makeError } = require('../errors.js')
const { canGenerate } = require('./generate.js')

const FastBuffer = Buffer[Symbol.species]
const fromCharCode = String.fromCharCode

/**
 * `p` is the position after the last value read. `left` is the number of messages, map entries and unknown fields that
 * may still be created, out of `most`: an object takes about a hundred times the memory of its encoding.
 */
const at = { p: 0, left: 2147483647, most: 2147483647 }

/** An error about the input. Texts of npm `protocol-buffers` are kept exactly; the others are more detailed. */
function invalid(detail) {
  const message = detail === undefined ? 'Decoded message is not valid' : `Decoded message is not valid: ${detail}`
  return makeError(Error, 'IRONWIRE_PROTOBUF_INVALID', message, invalid)
}

function truncated() {
  throw invalid('the input ends inside a value')
}

function tooMany() {
  throw invalid(`it has more than ${at.most} messages, map entries and unknown fields`)
}

/** Counts an object. Emitted code does this inline. */
function count() {
  if (--at.left < 0) tooMany()
}

function tooDeep(limit) {
  throw invalid(`messages are nested deeper than ${limit}`)
}

// Finds the end of a varint of at most ten bytes. `read` bytes were read; the rest begins at `p`.
function endVarint(b, p, read) {
  for (; read < 10; read++) {
    const c = b[p++]
    if (c < 128) {
      at.p = p
      return
    }
    if (c === undefined) truncated()
  }
  throw invalid('a varint is longer than 10 bytes')
}

/** The low 32 bits of a varint as a signed number. `v` is its first byte, which was already read. */
function varint(b, p, v) {
  let c = b[p]
  if (c < 128 && v > 127) {
    at.p = p + 1
    return (v & 127) | (c << 7)
  }
  if (v === undefined || c === undefined) truncated()
  v = (v & 127) | ((c & 127) << 7)
  c = b[p + 1]
  v |= (c & 127) << 14
  if (c < 128) {
    at.p = p + 2
    return v
  }
  c = b[p + 2]
  v |= (c & 127) << 21
  if (c < 128) {
    at.p = p + 3
    return v
  }
  c = b[p + 3]
  v |= (c & 127) << 28
  if (c < 128) {
    at.p = p + 4
    return v
  }
  if (c === undefined) truncated()
  endVarint(b, p + 4, 5)
  return v
}

/** The tag of a field. Tags above 32 bits are an error. */
function tag(b, p, v) {
  const c = b[p]
  if (c < 128) {
    at.p = p + 1
    return (v & 127) | (c << 7)
  }
  const low = wide(b, p, v)
  if (low > 0xffffffff) throw invalid('a field number is out of range')
  return low >>> 0
}

/** A length below 2 GiB. A longer one cannot fit the input and fails before anything is allocated for it. */
function len(b, p, v) {
  const c = b[p]
  if (c < 128 && v > 127) {
    at.p = p + 1
    return (v & 127) | (c << 7)
  }
  const n = wide(b, p, v)
  if (n > 0x7fffffff) truncated()
  // Keeps it a small integer for V8: a single length that is not would turn all positions derived from it into
  // floating-point numbers.
  return n | 0
}

// Reads a 64-bit varint: returns the low half and stores the high one in `high`.
let high = 0
function low64(b, p, v) {
  if (v === undefined) truncated()
  let lo = v & 127
  let hi = 0
  if (v > 127) {
    let shift = 7
    for (;;) {
      const c = b[p++]
      if (c === undefined) truncated()
      if (shift < 28) lo |= (c & 127) << shift
      else if (shift === 28) {
        lo |= (c & 127) << 28
        hi = (c & 127) >> 4
      } else if (shift < 70) hi |= (c & 127) << (shift - 32)
      else throw invalid('a varint is longer than 10 bytes')
      if (c < 128) break
      shift += 7
    }
  }
  at.p = p
  high = hi
  return lo
}

/**
 * A varint as an unsigned number, inexact from 2^53 on. Used for tags and lengths, for which that is far out of range.
 */
function wide(b, p, v) {
  const lo = low64(b, p, v)
  return (high >>> 0) * 4294967296 + (lo >>> 0)
}

/** True if any of the 64 bits is set. */
function bool(b, p, v) {
  return (low64(b, p, v) | high) !== 0
}

function bigSigned(lo, hi) {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0)
}

function bigUnsigned(lo, hi) {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
}

// A number if that is exact, else a BigInt. 0x200000 is 2^53 / 2^32.
function signed(lo, hi) {
  if (hi < 0x200000 && hi >= -0x200000 && (hi !== -0x200000 || lo !== 0)) return hi * 4294967296 + (lo >>> 0)
  return bigSigned(lo, hi)
}

function unsigned(lo, hi) {
  if (hi < 0x200000 && hi >= 0) return hi * 4294967296 + (lo >>> 0)
  return bigUnsigned(lo, hi)
}

function exact(value) {
  if (typeof value === 'number') return value
  const message = `The 64-bit integer ${value} is not exact as a number: decode such with int64 'bigint', 'string' or 'auto'`
  throw makeError(RangeError, 'ERR_OUT_OF_RANGE', message, exact)
}

// The representations of 64-bit integers: number or BigInt, always BigInt, always a decimal string, always a number.
const forms = {
  auto: [signed, unsigned],
  bigint: [bigSigned, bigUnsigned],
  string: [(lo, hi) => String(signed(lo, hi)), (lo, hi) => String(unsigned(lo, hi))],
  number: [(lo, hi) => exact(signed(lo, hi)), (lo, hi) => exact(unsigned(lo, hi))],
}

function readers64([signedForm, unsignedForm]) {
  return {
    int64: (b, p, v) => {
      const lo = low64(b, p, v)
      return signedForm(lo, high)
    },
    uint64: (b, p, v) => {
      const lo = low64(b, p, v)
      return unsignedForm(lo, high)
    },
    sint64: (b, p, v) => {
      const lo = low64(b, p, v)
      const sign = -(lo & 1)
      return signedForm(((lo >>> 1) | (high << 31)) ^ sign, (high >>> 1) ^ sign)
    },
    fixed64: (b, p) => unsignedForm(fixed32(b, p), fixed32(b, p + 4)),
    sfixed64: (b, p) => signedForm(fixed32(b, p), fixed32(b, p + 4)),
  }
}

function fixed32(b, p) {
  return b[p] | (b[p + 1] << 8) | (b[p + 2] << 16) | (b[p + 3] << 24)
}

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

// Up to this many bytes, building a string in JavaScript is faster than a call into C++.
const SHORT = 32

/**
 * Makes a function that reads text of at most SHORT bytes, and calls `otherwise` for longer or unusual text. A single
 * `fromCharCode` call with all characters takes a third of the time of a loop, so the generated code contains one such
 * call for every length.
 */
function unrolled(otherwise) {
  const cases = (list) =>
    Array.from({ length: SHORT }, (_, last) => {
      const names = Array.from({ length: last + 1 }, (_, i) => `c${i}`)
      return `case ${last + 1}: ${list(names)}`
    }).join('\n')
  const source = `
    // A constant right around the functions: V8 then compiles the calls as what they are.
    const charCodes = fromCharCode
    const units = Array.from({ length: ${SHORT} }, () => 0)
    function text(b, p, e) {
      switch (e - p) {
        case 0: return ''
        ${cases(
          (names) => `{
            const ${names.map((c, i) => `${c} = b[p + ${i}]`).join(', ')}
            if ((${names.join(' | ')}) < 128) return charCodes(${names.join(', ')})
            break
          }`,
        )}
      }
      return wide(b, p, e)
    }
    function wide(b, start, e) {
      if (e - start > ${SHORT}) return otherwise(b, start, e)
      let n = 0
      for (let p = start; p < e; n = n + 1 | 0) {
        const c = b[p]
        if (c < 0x80) {
          units[n] = c
          p = p + 1 | 0
          continue
        }
        const d = b[p + 1 | 0]
        if (c >= 0xc2 && c < 0xe0 && d >> 6 === 2) {
          units[n] = (c & 31) << 6 | d & 63
          p = p + 2 | 0
        } else {
          const f = b[p + 2 | 0]
          // E0 and ED have rules of their own.
          if (!(c > 0xe0 && c < 0xf0 && c !== 0xed && d >> 6 === 2 && f >> 6 === 2)) return otherwise(b, start, e)
          units[n] = (c & 15) << 12 | (d & 63) << 6 | f & 63
          p = p + 3 | 0
        }
        // The last character reached beyond the end.
        if (p > e) return otherwise(b, start, e)
      }
      switch (n) {
        ${cases((names) => `return charCodes(${names.map((_, i) => `units[${i}]`).join(', ')})`)}
      }
    }
    return text`
  return new Function('fromCharCode', 'otherwise', source)(fromCharCode, otherwise)
}

/** The same as {@link unrolled} with a loop, for environments without code generation. */
function looped(otherwise) {
  return (b, p, e) => {
    if (e - p > SHORT) return otherwise(b, p, e)
    let s = ''
    for (let i = p; i < e; i++) {
      if (b[i] > 127) return otherwise(b, p, e)
      s += fromCharCode(b[i])
    }
    return s
  }
}

/** Text between two positions. Invalid UTF-8 becomes U+FFFD, as everywhere in Node. */
function anyText(b, p, e) {
  return b.utf8Slice(p, e)
}

/**
 * Text that must be valid UTF-8. A replacement character was either in the input, or shows that the input is invalid.
 */
function validText(b, p, e) {
  const s = b.utf8Slice(p, e)
  if (s.includes('\ufffd') && !isUtf8(b.subarray(p, e))) throw invalid('a string is not UTF-8')
  return s
}

const shortText = canGenerate ? unrolled : looped
const str = shortText(anyText)
const strictStr = shortText(validText)

/** A view of the input. */
function bytes(b, p, e) {
  return new FastBuffer(b.buffer, b.byteOffset + p, e - p)
}

// Packed numbers are collected here and then sliced off, which is cheaper than growing an array. It holds only small
// integers, so that V8 keeps it and its slices in the representation for those.
const gathered = Array.from({ length: 4096 }, () => 0)
/**
 * The elements of a packed run of 32-bit varints between `p` and `e`, in a new array, or appended to `into` if that has
 * elements. It looks at two bytes at a time, and `| 0` saves V8's overflow checks: half the time of a simple loop.
 */
function packed32(b, p, e, into) {
  if (e - p > gathered.length || (into != null && into.length > 0)) return pushPacked32(b, p, e, into ?? [])
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
    if (b[p - 1] > 127) truncated()
  }
  if (p !== e) truncated()
  return gathered.slice(0, n)
}

function pushPacked32(b, p, e, into) {
  while (p < e) {
    let v = b[p++]
    if (v > 127) {
      v = varint(b, p, v)
      p = at.p
    }
    into.push(v)
  }
  if (p !== e) truncated()
  return into
}

/** Like {@link packed32}, unsigned. */
function packedUint32(b, p, e, into) {
  if (e - p > gathered.length || (into != null && into.length > 0)) return pushPackedUint32(b, p, e, into ?? [])
  const start = p
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
      const long = varint(b, p + 1, v)
      if (long < 0) return pushPackedUint32(b, start, e, into ?? [])
      gathered[n] = long
      p = at.p
    }
    n = (n + 1) | 0
  }
  if (p === last) {
    gathered[n++] = b[p++]
    if (b[p - 1] > 127) truncated()
  }
  if (p !== e) truncated()
  return gathered.slice(0, n)
}

function pushPackedUint32(b, p, e, into) {
  while (p < e) {
    let v = b[p++]
    if (v > 127) {
      v = varint(b, p, v) >>> 0
      p = at.p
    }
    into.push(v)
  }
  if (p !== e) truncated()
  return into
}

/** The position after the value of an unknown field. Its tag `t` ends at `p`. */
function skip(b, p, end, t, depth) {
  if (t >>> 3 === 0) throw invalid('field number 0')
  return skipValue(b, p, end, t, depth)
}

function skipValue(b, p, end, t, depth) {
  let e
  switch (t & 7) {
    case 0:
      low64(b, p + 1, b[p])
      e = at.p
      break
    case 1:
      e = p + 8
      break
    case 2: {
      const n = len(b, p + 1, b[p])
      if (n > end - at.p) truncated()
      e = (at.p + n) | 0
      break
    }
    case 3:
      return skipGroup(b, p, end, t, depth)
    case 5:
      e = p + 4
      break
    case 4:
      throw invalid('an end-group tag does not match its group')
    default:
      throw invalid(`unknown wire type ${t & 7}`)
  }
  if (e > end) truncated()
  return e
}

/** The position after the end tag of the group that `t` started. */
function skipGroup(b, p, end, t, depth) {
  if (depth <= 0) throw invalid('groups are nested too deeply')
  while (p < end) {
    let inner = b[p++]
    if (inner > 127) {
      inner = tag(b, p, inner)
      p = at.p
    }
    if (inner === t + 1) return p
    p = skip(b, p, end, inner, depth - 1)
  }
  return truncated()
}

/**
 * Deletes the other members of a oneof from an object. `set` is the position of the current member, counted from 1; 0
 * means that it is unknown, and all others are deleted.
 */
function clear(o, names, set, keep) {
  if (set > 0) {
    if (names[set - 1] !== keep) delete o[names[set - 1]]
  } else for (const name of names) if (name !== keep) delete o[name]
}

/** Defines a property whose name is special in JavaScript (`__proto__`) as a plain one. */
function define(o, name, value) {
  Object.defineProperty(o, name, { value, enumerable: true, configurable: true, writable: true })
}

/** Sets an entry of a map. */
function entry(o, key, value) {
  count()
  if (key === '__proto__') define(o, key, value)
  else o[key] = value
}

function invalidEnum(value) {
  throw makeError(Error, 'IRONWIRE_PROTOBUF_INVALID', `Invalid enum value: ${value}`, invalidEnum)
}

const incomplete = new WeakSet()

/** A required field is missing; the text is that of npm `protocol-buffers`. */
function notValid() {
  const error = invalid()
  incomplete.add(error)
  throw error
}

/**
 * Whether {@link notValid} threw the error. It may be premature: if a message arrives in several parts, each part is
 * read separately, but only the merged message must be complete.
 */
function isIncomplete(error) {
  return incomplete.has(error)
}

/** The symbol under which the raw bytes of unknown fields are kept on a decoded object. Not enumerable. */
const unknownFields = Symbol('ironwire.protobuf.unknownFields')

function keep(o, b, start, end) {
  count()
  const record = Buffer.from(b.subarray(start, end))
  const before = o[unknownFields]
  if (before === undefined) {
    Object.defineProperty(o, unknownFields, { value: [record], configurable: true, writable: true })
  } else before.push(record)
}

function keepValue(o, t, value) {
  const bytes = []
  for (const part of [t, value]) {
    let rest = BigInt.asUintN(64, BigInt(part))
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
    bytes.push(Number(rest))
  }
  keep(o, Buffer.from(bytes), 0, bytes.length)
}

/**
 * Reads one item of a message set after its start tag: `{ id, bytes, end }`. Type id and message may come in any order.
 */
function setItem(b, p, end, depth) {
  const item = { id: 0, bytes: EMPTY, end: p }
  for (;;) {
    if (p >= end) truncated()
    const t = b[p++]
    if (t === 12) break
    if (t === 16) {
      item.id = wide(b, p + 1, b[p])
      p = at.p
    } else if (t === 26) {
      const n = len(b, p + 1, b[p])
      p = at.p
      if (n > end - p) truncated()
      item.bytes = Buffer.concat([item.bytes, b.subarray(p, p + n)])
      p += n
    } else {
      const u = t > 127 ? tag(b, p, t) : t
      p = skip(b, t > 127 ? at.p : p, end, u, depth)
    }
  }
  item.end = p
  return item
}

/** The shared empty Buffer. Its memory must not be transferred to another thread. */
const EMPTY = Buffer.alloc(0)
markAsUntransferable(EMPTY.buffer)

/** The `Date` of a Timestamp. Fractions of a millisecond are cut off. */
function toDate({ seconds, nanos }) {
  const date = new Date(Number(seconds) * 1000 + Math.floor(nanos / 1e6))
  if (Number.isNaN(date.getTime())) throw invalid('a Timestamp is out of the range of Date')
  return date
}

/** The milliseconds of a Duration. */
function toMillis({ seconds, nanos }) {
  return Number(seconds) * 1000 + nanos / 1e6
}

/** The helpers that emitted code refers to by name, for one representation of 64-bit integers. */
function readHelpers(form) {
  return {
    // Passed explicitly for bytes defaults, because a global of that name may be something else.
    Buffer,
    at,
    varint,
    tag,
    len,
    bool,
    fixed32,
    float,
    double,
    str,
    strictStr,
    bytes,
    packed32,
    packedUint32,
    skip,
    skipGroup,
    clear,
    define,
    entry,
    invalidEnum,
    notValid,
    truncated,
    tooMany,
    count,
    tooDeep,
    keep,
    keepValue,
    setItem,
    EMPTY,
    toDate,
    toMillis,
    ...readers64(forms[form]),
  }
}

module.exports = {
  shortText,
  isIncomplete,
  define,
  readHelpers,
  invalid,
  unknownFields,
  at,
  forms: Object.keys(forms),
}
