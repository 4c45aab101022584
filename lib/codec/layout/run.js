'use strict'

// What emitted code calls for everything that is not worth inlining; see `src/codec/layout/emit`.
//
// `b` is always a Buffer, `p` a position in it and `e` the end of what may be read; a reader returns the value and, where its length
// is not plain, leaves the position after it in `S.p`. Whatever is wrong throws FAIL: the interpreter then says what it is.

const { Buffer, isUtf8 } = require('node:buffer')
const { types } = require('node:util')
const { isUint8Array } = types
const { markAsUntransferable } = require('node:worker_threads')
const binding = require('../../../binding.js')
const { makeError, invalidArgType, outOfRange } = require('../../errors')
const { bytesOf, byteCount, isAttached } = require('../bytes')

const FastBuffer = Buffer[Symbol.species]
const { fromCharCode } = String
const { isInteger, isSafeInteger } = Number

/** Something is wrong. No stack is taken: nobody sees this. */
const FAIL = { name: 'FAIL' }
/** There is no room for the record: it is written again where there is more. */
const FULL = { name: 'FULL' }

function fail() {
  throw FAIL
}

function full() {
  throw FULL
}

// ---- where records are written: as small Buffers in Node they share memory, of which no more than 8 KiB is kept alive by one

const SLAB = 8192
/** The records of an object are not longer, in any implementation. */
const MOST = 2147483647

/**
 * The slab and what is free of it, from `pos` on; the position after what was read last; the furthest read; what may be read for
 * nothing; and fields that a function leaves for its caller.
 */
const S = { bytes: slab(), pos: 0, p: 0, high: 0, left: 0, u0: 0, u1: 0, u2: 0, u3: 0 }

function slab() {
  const bytes = Buffer.allocUnsafeSlow(SLAB)
  // Handing the memory of one record to another thread must not take that of the others along.
  markAsUntransferable(bytes.buffer)
  return bytes
}

function newSlab() {
  S.bytes = slab()
  S.pos = 0
}

/** A record for which there was no room: in a new slab, or in memory of its own. */
function again(encode, write, o) {
  if (S.pos > SLAB / 2) {
    newSlab()
    return encode(o)
  }
  const { bytes, pos } = S
  S.pos = SLAB
  try {
    for (let size = 4 * SLAB; ; size = Math.min(size * 4, MOST)) {
      const room = Buffer.allocUnsafeSlow(size)
      try {
        const end = write(room, 0, o, 0, 0)
        encode.bytes = end
        if (end > size / 2) return room.subarray(0, end)
        const result = Buffer.allocUnsafeSlow(end)
        room.copy(result, 0, 0, end)
        return result
      } catch (error) {
        if (error !== FULL) throw error
        if (size === MOST) throw makeError(RangeError, 'IRONWIRE_LAYOUT_LIMIT', `a record has at most ${MOST} bytes`)
      }
    }
  } finally {
    if (S.bytes === bytes) S.pos = pos
  }
}

const alloc = Buffer.allocUnsafe

/** Puts a record into a buffer of the caller's, who thus sees all of it or nothing. */
function put(encode, o, buffer, offset) {
  const record = encode(o)
  const target = asBuffer(buffer)
  target.set(record, placeFor(record.length, target, offset))
  return buffer
}

// ---- arguments

function asBuffer(buffer) {
  // One that says another length than it has, or has no more than the prototype, is none.
  if (buffer instanceof FastBuffer && isUint8Array(buffer) && buffer.length === byteCount(buffer)) return buffer
  const bytes = bytesOf(buffer, 'buffer')
  return new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Throws for bytes that are gone, which look like none. */
function empty(b) {
  bytesOf(b, 'buffer')
}

function startOf(offset, length) {
  if (typeof offset !== 'number') throw invalidArgType('offset', 'of type number', offset)
  if (!isInteger(offset)) throw outOfRange('offset', 'an integer', offset)
  if (!(offset >= 0 && offset <= length)) throw outOfRange('offset', `>= 0 and <= ${length}`, offset)
  return offset
}

/** Where `size` bytes go in a buffer of the caller's. */
function placeFor(size, b, offset = 0) {
  // What it has, whatever it says that it has.
  const length = byteCount(b)
  if (length === 0) empty(b)
  const start = startOf(offset, length)
  if (size > length - start) {
    const message = `The record takes ${size} bytes and the buffer has ${length - start} left`
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', message, placeFor)
  }
  return start
}

// ---- expressions: integers of at most 53 bits

function safe(n) {
  return isSafeInteger(n) ? n : fail()
}

function num(big) {
  const n = Number(big)
  return isSafeInteger(n) ? n : fail()
}

function div(a, b) {
  return b === 0 ? fail() : Math.trunc(a / b) + 0
}

function rem(a, b) {
  return b === 0 ? fail() : (a % b) + 0
}

const and = (a, b) => Number(BigInt(a) & BigInt(b))
const or = (a, b) => safe(Number(BigInt(a) | BigInt(b)))
const xor = (a, b) => safe(Number(BigInt(a) ^ BigInt(b)))
const shl = (a, by) => (by >= 0 && by <= 52 ? safe(a * 2 ** by + 0) : fail())
const shr = (a, by) => (by >= 0 && by <= 52 ? Math.floor(a / 2 ** by) : fail())

/** Eight bits of an integer. */
function byteOf(n, shift) {
  if (typeof n === 'bigint') return Number((n >> BigInt(shift)) & 255n)
  return Math.floor(n / 2 ** shift) & 255
}

// ---- numbers

const words = new Int32Array(2)
const floats = new Float32Array(words.buffer)
const doubles = new Float64Array(words.buffer)
const bigs = new BigInt64Array(words.buffer)
const ubigs = new BigUint64Array(words.buffer)
bigs[0] = 1n
/** Which word is the low one. */
const LO = words[0] === 1 ? 0 : 1
const HI = 1 - LO

function half(bits) {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The nearest that there is, the even one of two; of a NaN the one that all use. */
function toHalf(value) {
  doubles[0] = value
  const sign = (words[HI] >>> 16) & 0x8000
  const magnitude = Math.abs(value)
  // biome-ignore lint/suspicious/noSelfCompare: only NaN is not itself.
  if (value !== value) return sign | 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  if (magnitude < 2 ** -14) return sign | even(magnitude * 2 ** 24)
  const exponent = Math.floor(Math.log2(magnitude))
  // log2 may be off by one next to a power of two.
  const e = 2 ** exponent > magnitude ? exponent - 1 : 2 ** (exponent + 1) <= magnitude ? exponent + 1 : exponent
  return sign | (((e + 15) << 10) + even((magnitude / 2 ** e - 1) * 1024))
}

function even(n) {
  const floor = Math.floor(n)
  const rest = n - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** A varint's bits, of at most `max` bytes, as a number. */
function uleb(b, p, e, max) {
  let value = 0
  let factor = 1
  for (let i = 0; i < max; i++) {
    if (p >= e) fail()
    const c = b[p++]
    value += (c & 127) * factor
    if (c < 128) {
      if (value > Number.MAX_SAFE_INTEGER) fail()
      S.p = p
      return value
    }
    factor *= 128
  }
  return fail()
}

/** The same as a BigInt. `signed`: of two's complement. */
function wide(b, p, e, max, signed) {
  let value = 0n
  let shift = 0n
  for (let i = 0; i < max; i++) {
    if (p >= e) fail()
    const c = b[p++]
    value |= BigInt(c & 127) << shift
    shift += 7n
    if (c < 128) {
      S.p = p
      return signed && c & 64 ? value - (1n << shift) : value
    }
  }
  return fail()
}

const U64 = 2n ** 64n
const I64 = 2n ** 63n

function uleb64(b, p, e, max) {
  const value = wide(b, p, e, max, false)
  return value < U64 ? value : fail()
}

function sleb64(b, p, e, max) {
  const value = wide(b, p, e, max, true)
  return value >= -I64 && value < I64 ? value : fail()
}

function zigzag64(b, p, e, max) {
  const value = wide(b, p, e, max, false)
  const signed = value & 1n ? -((value + 1n) >> 1n) : value >> 1n
  return signed >= -I64 && signed < I64 ? signed : fail()
}

const sleb = (b, p, e, max) => safe(Number(wide(b, p, e, max, true)))

function zigzag(b, p, e, max) {
  const value = wide(b, p, e, max, false)
  return safe(Number(value & 1n ? -((value + 1n) >> 1n) : value >> 1n))
}

const unzigzag64 = (v) => (v < 0n ? -v * 2n - 1n : v * 2n)
const unzigzag = (v) => unzigzag64(BigInt(v))

function ulebSize(v) {
  let size = 1
  for (; v > 127; v = Math.floor(v / 128)) size++
  return size
}

function ulebSize64(v) {
  let size = 1
  for (; v > 127n; v >>= 7n) size++
  return size
}

function slebSize64(v) {
  let size = 1
  for (; v < -64n || v > 63n; v >>= 7n) size++
  return size
}

const slebSize = (v) => slebSize64(BigInt(v))

function putUleb(b, p, v) {
  while (v > 127) {
    b[p++] = (v & 127) | 128
    v = v < 2147483648 ? v >>> 7 : Math.floor(v / 128)
  }
  b[p] = v
  return p + 1
}

function putUleb64(b, p, v) {
  for (; v > 127n; v >>= 7n) b[p++] = Number(v & 127n) | 128
  b[p] = Number(v)
  return p + 1
}

function putSleb64(b, p, v) {
  for (; v < -64n || v > 63n; v >>= 7n) b[p++] = Number(v & 127n) | 128
  b[p] = Number(v & 127n)
  return p + 1
}

const putSleb = (b, p, v) => putSleb64(b, p, BigInt(v))

// ---- times

/** As far as a Date goes. */
const DAYS = 8.64e15

function time(value, unit) {
  const ms = Number(value) * unit
  return ms >= -DAYS && ms <= DAYS ? new Date(ms) : fail()
}

const { getTime } = Date.prototype

function millis(value) {
  return types.isDate(value) ? getTime.call(value) : fail()
}

// ---- bytes and text, read

/** A view, never of more than the bytes that there are, whatever a length was claimed to be. */
function view(b, p, e) {
  if (e > byteCount(b)) fail()
  return new FastBuffer(b.buffer, b.byteOffset + p, e - p)
}

/** Where a byte is, up to `e`. */
function find(b, p, e, stop) {
  const near = Math.min(e, p + 32)
  for (let i = p; i < near; i++) if (b[i] === stop) return i
  const at = near < e ? b.indexOf(stop, near) : -1
  return at >= 0 && at < e ? at : fail()
}

/** Where a UTF-16 unit below 256 is. */
function findWide(b, p, e, stop) {
  for (let i = p; i + 1 < e; i += 2) if (b[i] === stop && b[i + 1] === 0) return i
  return fail()
}

/** The end of what is not filled up. */
function trim(b, p, e, fill) {
  while (e > p && b[e - 1] === fill) e--
  return e
}

function trimWide(b, p, e, fill, little) {
  const [low, high] = little ? [2, 1] : [1, 2]
  while (e - p >= 2 && b[e - low] === fill && b[e - high] === 0) e -= 2
  return e
}

function magic(b, p, text) {
  for (let i = 0; i < text.length; i++) if (b[p + i] !== text.charCodeAt(i)) fail()
}

/** Up to here a loop beats a call into C++. */
const SHORT = 24

function utf8(b, p, e) {
  if (e - p > SHORT) return longUtf8(b, p, e)
  let s = ''
  for (let i = p; i < e; i++) {
    const c = b[i]
    if (c > 127) return longUtf8(b, p, e)
    s += fromCharCode(c)
  }
  return s
}

/** A replacement character is either in the input or a sign that it is broken. */
function longUtf8(b, p, e) {
  const s = b.utf8Slice(p, e)
  return s.includes('\ufffd') && !isUtf8(b.subarray(p, e)) ? fail() : s
}

function latin1(b, p, e) {
  if (e - p > SHORT) return b.latin1Slice(p, e)
  let s = ''
  for (let i = p; i < e; i++) s += fromCharCode(b[i])
  return s
}

function ascii(b, p, e) {
  const s = latin1(b, p, e)
  for (let i = p; i < e; i++) if (b[i] > 127) fail()
  return s
}

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

function utf16le(b, p, e) {
  if ((e - p) % 2 !== 0) fail()
  const s = b.ucs2Slice(p, e)
  return LONE.test(s) ? fail() : s
}

function utf16be(b, p, e) {
  if ((e - p) % 2 !== 0) fail()
  return utf16le(Buffer.from(b.subarray(p, e)).swap16(), 0, e - p)
}

const hex = (b, p, e) => b.hexSlice(p, e)
const base64 = (b, p, e) => b.base64Slice(p, e)

const ipv4 = (b, p) => `${b[p]}.${b[p + 1]}.${b[p + 2]}.${b[p + 3]}`

/** As RFC 5952 has it: the longest run of zeros is left out, the first of several, and one alone is not. */
function ipv6(b, p) {
  let start = -1
  let longest = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (i + n < 8 && b[p + 2 * (i + n)] === 0 && b[p + 2 * (i + n) + 1] === 0) n++
    if (n > longest) {
      start = i
      longest = n
    }
    i += n
  }
  if (start === 0 && longest === 5 && b[p + 10] === 255 && b[p + 11] === 255) return `::ffff:${ipv4(b, p + 12)}`
  let s = ''
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      s += '::'
      i += longest - 1
    } else {
      if (s !== '' && i !== start + longest) s += ':'
      s += ((b[p + 2 * i] << 8) | b[p + 2 * i + 1]).toString(16)
    }
  }
  return s
}

const PAIRS = Array.from({ length: 256 }, (_, i) => (i < 16 ? `0${i.toString(16)}` : i.toString(16)))

function mac(b, p) {
  return `${PAIRS[b[p]]}:${PAIRS[b[p + 1]]}:${PAIRS[b[p + 2]]}:${PAIRS[b[p + 3]]}:${PAIRS[b[p + 4]]}:${PAIRS[b[p + 5]]}`
}

function uuid(b, p) {
  const s = b.hexSlice(p, p + 16)
  return `${s.slice(0, 8)}-${s.slice(8, 12)}-${s.slice(12, 16)}-${s.slice(16, 20)}-${s.slice(20)}`
}

// ---- bytes and text, written; each looks for room itself, and returns the position behind

function text(s) {
  return typeof s === 'string' ? s : fail()
}

function putUtf8(b, p, s) {
  const n = text(s).length
  if (n <= SHORT && p + n <= b.length) {
    let i = 0
    for (; i < n; i++) {
      const c = s.charCodeAt(i)
      if (c > 127) break
      b[p + i] = c
    }
    if (i === n) return p + n
  }
  if (LONE.test(s)) fail()
  const size = Buffer.byteLength(s)
  if (p + size > b.length) full()
  return p + b.utf8Write(s, p, size)
}

function putLatin1(b, p, s) {
  const n = text(s).length
  if (p + n > b.length) full()
  for (let i = 0; i < n; i++) {
    const c = s.charCodeAt(i)
    if (c > 255) fail()
    b[p + i] = c
  }
  return p + n
}

function putAscii(b, p, s) {
  const n = text(s).length
  if (p + n > b.length) full()
  for (let i = 0; i < n; i++) {
    const c = s.charCodeAt(i)
    if (c > 127) fail()
    b[p + i] = c
  }
  return p + n
}

function putUtf16le(b, p, s) {
  if (LONE.test(text(s))) fail()
  if (p + s.length * 2 > b.length) full()
  return p + b.ucs2Write(s, p, s.length * 2)
}

function putUtf16be(b, p, s) {
  const end = putUtf16le(b, p, s)
  b.subarray(p, end).swap16()
  return end
}

function putHex(b, p, s) {
  const n = text(s).length
  if (n % 2 !== 0 || !/^[\da-f]*$/i.test(s)) fail()
  if (p + n / 2 > b.length) full()
  return p + b.hexWrite(s, p, n / 2)
}

function putBase64(b, p, s) {
  const bytes = Buffer.from(text(s), 'base64')
  if (bytes.toString('base64') !== s) fail()
  return putBytes(b, p, bytes)
}

function putBytes(b, p, v) {
  const n = sizeBytes(v)
  if (p + n > b.length) full()
  if (n < 16) for (let i = 0; i < n; i++) b[p + i] = v[i]
  else b.set(v, p)
  return p + n
}

function sizeBytes(v) {
  if (!types.isUint8Array(v)) fail()
  const n = byteCount(v)
  // No bytes: of a buffer that is gone?
  if (n === 0 && !isAttached(v)) fail()
  return n
}

/** The bytes that a text takes. */
function sizeText(encoding, v) {
  if (encoding === 'bytes') return sizeBytes(v)
  text(v)
  if (encoding === 'utf8') return Buffer.byteLength(v)
  if (encoding === 'hex') return v.length / 2
  if (encoding === 'base64') return Buffer.byteLength(v, 'base64')
  return encoding.startsWith('utf16') ? v.length * 2 : v.length
}

/** Fills up text that was put between `p` and `end` to `size`; `kind` is 0 for bytes, 1 for UTF-16LE, 2 for UTF-16BE. */
function pad(b, p, end, size, fill, kind) {
  if (end - p > size) fail()
  const used = kind === 0 ? trim(b, p, end, fill) : trimWide(b, p, end, fill, kind === 1)
  if (used !== end) fail()
  if (kind === 0) b.fill(fill, end, p + size)
  else {
    for (let i = end; i < p + size; i += 2) {
      b[i] = kind === 1 ? fill : 0
      b[i + 1] = kind === 1 ? 0 : fill
    }
  }
  return p + size
}

function putAddress(b, p, s, kind) {
  const bytes = binding.codecParseAddress(kind, text(s))
  if (bytes === null) fail()
  putBytes(b, p, bytes)
}

/** Moves what is between `at` and `end` by so many bytes; returns the new end. */
function room(b, at, end, by) {
  if (by === 0) return end
  if (end + by > b.length) full()
  b.copyWithin(at + by, at, end)
  return end + by
}

// ---- the rest

/** Memory that another thread may change is copied before Rust looks at it. */
function own(b) {
  return types.isSharedArrayBuffer(b.buffer) ? Buffer.from(b) : b
}

/** Sums of few bytes cost less than a call into Rust, which has the same. `z` and `y` are where the sum itself is: it counts as zeros. */
const SUMS = {
  __proto__: null,
  sum: (b, p, e, z, y) => {
    let all = 0
    for (let i = p; i < e; i++) if (i < z || i >= y) all += b[i]
    return all
  },
  sum8: (b, p, e, z, y) => SUMS.sum(b, p, e, z, y) & 255,
  xor8: (b, p, e, z, y) => {
    let all = 0
    for (let i = p; i < e; i++) if (i < z || i >= y) all ^= b[i]
    return all
  },
  inet: (b, p, e, z, y) => {
    let all = 0
    for (let i = p; i < e; i++) if (i < z || i >= y) all += (i - p) & 1 ? b[i] : b[i] << 8
    while (all > 0xffff) all = (all & 0xffff) + (all >>> 16)
    return ~all & 0xffff
  },
  fletcher8: (b, p, e, z, y) => {
    let low = 0
    let high = 0
    for (let i = p; i < e; i++) {
      if (i < z || i >= y) low = (low + b[i]) & 255
      high = (high + low) & 255
    }
    return low | (high << 8)
  },
}

/** So many. */
const FEW = 128

function sum(name, b, from, to, ownFrom, ownTo) {
  if (to - from <= FEW && name in SUMS) return SUMS[name](b, from, to, ownFrom, ownTo)
  return binding.codecChecksum(name, own(b), from, to, ownFrom, ownTo)
}

function sum64(name, b, from, to, ownFrom, ownTo) {
  return binding.codecChecksum64(name, own(b), from, to, ownFrom, ownTo)
}

function isList(v) {
  return Array.isArray(v) || types.isTypedArray(v)
}

/** A property of an object itself, for names that every object inherits. */
function ownProperty(o, name) {
  return Object.hasOwn(o, name) ? o[name] : undefined
}

/** A property of any name. */
function define(o, name, value) {
  Object.defineProperty(o, name, { value, configurable: true, enumerable: true, writable: true })
}

module.exports = {
  S,
  FAIL,
  FULL,
  fail,
  full,
  FastBuffer,
  SLAB,
  LO,
  HI,
  words,
  floats,
  doubles,
  bigs,
  asBuffer,
  startOf,
  placeFor,
  empty,
  alloc,
  ubigs,
  put,
  newSlab,
  again,
  safe,
  num,
  div,
  rem,
  and,
  or,
  xor,
  shl,
  shr,
  byteOf,
  half,
  toHalf,
  uleb,
  uleb64,
  ulebSize,
  ulebSize64,
  putUleb,
  putUleb64,
  sleb,
  sleb64,
  slebSize,
  slebSize64,
  putSleb,
  putSleb64,
  zigzag,
  zigzag64,
  unzigzag,
  unzigzag64,
  time,
  millis,
  find,
  findWide,
  trim,
  trimWide,
  pad,
  magic,
  view,
  sum,
  sum64,
  isList,
  ipv4,
  ipv6,
  mac,
  uuid,
  putAddress,
  utf8,
  latin1,
  ascii,
  utf16le,
  utf16be,
  hex,
  base64,
  putUtf8,
  putLatin1,
  putAscii,
  putUtf16le,
  putUtf16be,
  putHex,
  putBase64,
  putBytes,
  sizeText,
  define,
  room,
  own: ownProperty,
  ownBytes: own,
}
