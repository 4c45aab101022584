'use strict'

// The functions that emitted encoders call for what is not worth inlining. `b` is the buffer and `p` the position to
// write at. A writer returns the position after what it wrote. The caller has checked the room for numbers. A writer of
// something of unknown length checks by itself, and leaves SLACK bytes free after it for the numbers that follow.

const { Buffer } = require('node:buffer')
const { inspect, types } = require('node:util')
const { invalidArgType, makeError, outOfRange } = require('../errors.js')

// In bytes; the same number as in `src/proto/emit/encode.rs`. About twenty numbers fit between two checks.
const SLACK = 256

/** Thrown if the buffer is too small: the caller starts again with a larger one. */
const FULL = { message: 'the buffer is full' }

function full() {
  throw FULL
}

/** Checks the room for the following numbers. */
function room(b, p) {
  if (p + SLACK > b.length) full()
}

/** A `required` field is missing; the text is that of npm `protocol-buffers`. */
function required(name) {
  throw makeError(Error, 'IRONWIRE_PROTOBUF_REQUIRED', `${name} is required`, required)
}

/**
 * Setting several members of a oneof is an error, unless all have their defaults: that is how an unset oneof is
 * decoded.
 */
function oneofTwice(name, values, defaults) {
  const isDefault = (value, index) => {
    const usual = defaults[index]
    // Every object has its own bytes, and NaN is not equal to itself.
    if (types.isUint8Array(usual)) return types.isUint8Array(value) && Buffer.compare(value, usual) === 0
    return value === usual || Object.is(value, usual)
  }
  if (values.every((value, index) => value == null || isDefault(value, index))) return
  throw makeError(
    Error,
    'IRONWIRE_PROTOBUF_ONEOF',
    `only one of the properties defined in oneof ${name} can be set`,
    oneofTwice,
  )
}

/** The same for `protobuf.load()`, where members that are not set are absent. */
function oneofClash(name) {
  const message = `only one of the properties defined in oneof ${name} can be set: delete the others`
  throw makeError(Error, 'IRONWIRE_PROTOBUF_ONEOF', message, oneofClash)
}

/** The property of a oneof names something that is not a member, or not set. */
function oneofCase(name, value) {
  const message = `oneof ${name} says that ${inspect(value)} is set, which is not a member of it or has no value`
  throw makeError(Error, 'IRONWIRE_PROTOBUF_ONEOF', message, oneofCase)
}

/** Converts a `Date` to a Timestamp. Anything else is returned, and checked as a message later. */
function fromDate(value, name) {
  if (!types.isDate(value)) return value
  const millis = getTime.call(value)
  if (Number.isNaN(millis)) throw outOfRange(name, 'a valid Date', value)
  const seconds = Math.floor(millis / 1000)
  return { seconds, nanos: (millis - seconds * 1000) * 1e6 }
}

const { getTime } = Date.prototype

/** Converts a number of milliseconds to a Duration. Anything else is returned, and checked as a message later. */
function fromMillis(value, name) {
  if (typeof value !== 'number') return value
  if (!Number.isFinite(value)) throw outOfRange(name, 'a finite number of milliseconds', value)
  const seconds = Math.trunc(value / 1000)
  const nanos = Math.round((value - seconds * 1000) * 1e6)
  // Rounding may result in a whole second.
  return Math.abs(nanos) < 1e9 ? { seconds, nanos } : { seconds: seconds + Math.sign(nanos), nanos: 0 }
}

function tooDeep(limit) {
  throw makeError(
    RangeError,
    'IRONWIRE_PROTOBUF_DEPTH',
    `The object is nested deeper than ${limit}: it may contain itself`,
    tooDeep,
  )
}

function notObject(name, value) {
  throw invalidArgType(name, 'an object', value)
}

/**
 * Whether an object keeps its content somewhere else than in properties: encoding it as a message would silently lose
 * that.
 */
function isOpaque(value) {
  return (
    types.isPromise(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isBoxedPrimitive(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isGeneratorObject(value) ||
    isView(value)
  )
}

/**
 * The message was encoded to no bytes. That is fine for an object, and an error for a value that cannot be meant as a
 * message.
 */
function empty(name, value) {
  if (typeof value !== 'object' || value === null || isOpaque(value) || (Array.isArray(value) && value.length > 0)) {
    throw invalidArgType(name, 'an object with the fields of the message', value)
  }
}

const notMessage = (value) => empty('obj', value)

/**
 * The position of the next message; see `codec.js`. During an encoding `pos` is at the end, so that a nested one gets a
 * new slab. `copies` holds the items of iterables that can be read only once, for an encoding that starts again with
 * more room.
 */
const slab = { bytes: Buffer.alloc(0), buffer: new ArrayBuffer(0), pos: 0, copies: null }

/** The items of an iterable. */
function items(value) {
  if (types.isSet(value) || types.isMap(value)) return Array.from(value)
  slab.copies ??= new Map()
  let copy = slab.copies.get(value)
  if (copy === undefined) {
    copy = Array.from(value)
    slab.copies.set(value, copy)
  }
  return copy
}

/**
 * A repeated field accepts any array-like object; sets and other iterables are copied. A length alone is not enough:
 * JSON input could claim a huge one and keep the loop busy.
 */
function list(name, value) {
  if (typeof value === 'object') {
    if (types.isTypedArray(value) && lengthOf.call(value) === 0) notDetached(value)
    const { length } = value
    if (typeof length === 'number' && (isView(value) || length <= Object.keys(value).length)) return value
    if (typeof value[Symbol.iterator] === 'function') return items(value)
  }
  throw invalidArgType(name, 'an array', value)
}

/** The keys and values of a map as a flat list, from a plain object, a Map, or an iterable of pairs. */
function entries(name, value) {
  const expected = 'an object, a Map or an iterable of entries'
  if (typeof value !== 'object') throw invalidArgType(name, expected, value)
  const flat = []
  if (types.isMap(value)) {
    forEach.call(value, (item, key) => flat.push(key, item))
  } else if (!Array.isArray(value) && typeof value[Symbol.iterator] === 'function') {
    for (const pair of items(value)) {
      if (!Array.isArray(pair)) throw invalidArgType(name, expected, value)
      flat.push(pair[0], pair[1])
    }
  } else {
    for (const key of Object.keys(value)) flat.push(key, value[key])
    if (flat.length === 0 && isOpaque(value)) throw invalidArgType(name, expected, value)
  }
  return flat
}

const { forEach } = Map.prototype
const { isView } = ArrayBuffer

function boolKey(name, key) {
  if (key === true || key === 'true') return 1
  if (key === false || key === 'false') return 0
  throw invalidArgType(name, "'true' or 'false'", key)
}

/**
 * Converts a number, a decimal string, a BigInt, a boxed number or a Long to a number. The caller cuts off fractions.
 */
function number(name, value) {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean' || typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' && value.trim() !== '') {
    const n = Number(value)
    if (!Number.isNaN(n) || value === 'NaN') return n
  }
  if (typeof value === 'object') {
    const n = Number(types.isBoxedPrimitive(value) ? value.valueOf() : long(value))
    if (!Number.isNaN(n)) return n
  }
  throw invalidArgType(name, 'a number', value)
}

/** The BigInt of an object `{low, high, unsigned}` as in npm `long`; undefined for anything else. */
function long(value) {
  const { low, high } = value
  if (typeof low !== 'number' || typeof high !== 'number') return undefined
  return (BigInt(value.unsigned ? high >>> 0 : high | 0) << 32n) | BigInt(low >>> 0)
}

function unsignedVarint(b, p, v) {
  while (v > 127) {
    b[p++] = (v & 127) | 128
    v >>>= 7
  }
  b[p++] = v
  return p
}

/**
 * Whether a string is exactly an integer: `'12'`, `'12.0'` and `'12e3'` are, `'1.5'` is not, nor is a number so long
 * that it would be rounded.
 */
function isIntegral(text) {
  if (/^\s*[-+]?\d+\s*$/.test(text)) return true
  if (!Number.isSafeInteger(Number(text))) return false
  const decimal = /^\s*[-+]?(\d+)(?:\.(\d*))?(?:[eE][-+]?\d+)?\s*$/.exec(text)
  // Other notations (`0x1f`) have no fraction. Fifteen digits are always exact.
  return decimal === null || decimal[1].length + (decimal[2] ?? '').replace(/0+$/, '').length <= 15
}

/** A 32-bit number in range, cut to an integer. */
function int(name, value, min, max) {
  const n = Math.trunc(number(name, value))
  if (typeof value === 'string' && Number.isFinite(n) && !isIntegral(value))
    throw invalidArgType(name, 'an integer', value)
  if (n >= min && n <= max) return n
  throw outOfRange(name, `>= ${min} and <= ${max}`, value)
}

// Checks the type first: `v | 0` throws for a BigInt, and objects are left to `number`.
function isInt32(v) {
  return typeof v === 'number' && v === (v | 0)
}

function isUint32(v) {
  return typeof v === 'number' && v === v >>> 0
}

function int32(b, p, v, name) {
  if (!isInt32(v)) v = int(name, v, -2147483648, 2147483647)
  if (v >= 0) return unsignedVarint(b, p, v)
  // Negative numbers are sign-extended to 64 bits: ten bytes.
  b[p] = (v & 127) | 128
  b[p + 1] = ((v >> 7) & 127) | 128
  b[p + 2] = ((v >> 14) & 127) | 128
  b[p + 3] = ((v >> 21) & 127) | 128
  b[p + 4] = ((v >> 28) & 127) | 128
  b[p + 5] = b[p + 6] = b[p + 7] = b[p + 8] = 255
  b[p + 9] = 1
  return p + 10
}

function uint32(b, p, v, name) {
  if (!isUint32(v)) v = int(name, v, 0, 4294967295)
  return unsignedVarint(b, p, v)
}

function sint32(b, p, v, name) {
  if (!isInt32(v)) v = int(name, v, -2147483648, 2147483647)
  return unsignedVarint(b, p, ((v << 1) ^ (v >> 31)) >>> 0)
}

/** Writes an enum value, given as a number or as a name. `known` is null for an open enum. */
function enumValue(b, p, v, name, { fullName, known, names }) {
  if (typeof v === 'string') {
    if (Object.hasOwn(names, v)) v = names[v]
    else if (v.trim() === '' || Number.isNaN(Number(v))) {
      throw invalidEnum(`${inspect(v)} is no value of ${fullName}, for ${name}`)
    }
  }
  const n = isInt32(v) ? v : int(name, v, -2147483648, 2147483647)
  if (known !== null && !known.has(n)) throw invalidEnum(v)
  return int32(b, p, n, name)
}

function invalidEnum(detail) {
  return makeError(Error, 'IRONWIRE_PROTOBUF_ENUM', `Invalid enum value: ${detail}`, invalidEnum)
}

const MIN = { s: -(2n ** 63n), u: 0n }
const MAX = { s: 2n ** 63n - 1n, u: 2n ** 64n - 1n }

/** Converts any 64-bit value to a BigInt in range. */
function big(name, value, kind) {
  let n
  if (typeof value === 'bigint') n = value
  else if (typeof value === 'number') {
    if (Number.isFinite(value)) n = BigInt(Math.trunc(value))
  } else if (typeof value === 'string') {
    if (/^[-+]?\d{1,40}$/.test(value)) n = BigInt(value[0] === '+' ? value.slice(1) : value)
    else if (/^-?\d{1,40}(\.\d+)?([eE][-+]?\d+)?$/.test(value) && isIntegral(value)) n = BigInt(Number(value))
  } else if (typeof value === 'boolean') n = value ? 1n : 0n
  else if (typeof value === 'object') {
    if (types.isUint8Array(value)) {
      // npm `protocol-buffers` accepts this for fixed64: the eight bytes in little-endian order.
      if (lengthOf.call(value) === 8) n = Buffer.from(value).readBigUInt64LE()
      if (n !== undefined && kind === 's') n = BigInt.asIntN(64, n)
    } else n = types.isBoxedPrimitive(value) ? big(name, value.valueOf(), kind) : long(value)
  }
  if (n === undefined) throw invalidArgType(name, 'an integer, a BigInt, a decimal string or a Long', value)
  // A Long has its own sign flag; only its bits count.
  if (typeof value === 'object') n = kind === 's' ? BigInt.asIntN(64, n) : BigInt.asUintN(64, n)
  if (n < MIN[kind] || n > MAX[kind]) {
    throw outOfRange(name, kind === 's' ? '>= -(2n ** 63n) and < 2n ** 63n' : '>= 0n and < 2n ** 64n', value)
  }
  return n
}

// Splits a value into two words: returns the low one and stores the high one in `high`.
let high = 0
function split(name, value, kind) {
  if (typeof value === 'number' && Number.isSafeInteger(value) && (kind === 's' || value >= 0)) {
    high = Math.floor(value / 4294967296) | 0
    return value | 0
  }
  const n = BigInt.asUintN(64, big(name, value, kind))
  high = Number(n >> 32n) | 0
  return Number(n & 0xffffffffn) | 0
}

function varint64(b, p, lo, hi) {
  if (hi === 0) return unsignedVarint(b, p, lo >>> 0)
  b[p] = (lo & 127) | 128
  b[p + 1] = ((lo >>> 7) & 127) | 128
  b[p + 2] = ((lo >>> 14) & 127) | 128
  b[p + 3] = ((lo >>> 21) & 127) | 128
  // The fifth byte holds the highest four bits of the low word and the lowest three of the high one.
  const fifth = (lo >>> 28) | ((hi & 7) << 4)
  const rest = hi >>> 3
  if (rest === 0) {
    b[p + 4] = fifth
    return p + 5
  }
  b[p + 4] = fifth | 128
  return unsignedVarint(b, p + 5, rest)
}

function int64(b, p, v, name) {
  const lo = split(name, v, 's')
  return varint64(b, p, lo, high)
}

function uint64(b, p, v, name) {
  const lo = split(name, v, 'u')
  return varint64(b, p, lo, high)
}

function sint64(b, p, v, name) {
  const lo = split(name, v, 's')
  const sign = high >> 31
  return varint64(b, p, (lo << 1) ^ sign, ((high << 1) | (lo >>> 31)) ^ sign)
}

function word(b, p, v) {
  b[p] = v
  b[p + 1] = v >> 8
  b[p + 2] = v >> 16
  b[p + 3] = v >> 24
  return p + 4
}

function fixed64(b, p, v, name) {
  const lo = split(name, v, 'u')
  word(b, p, lo)
  return word(b, p + 4, high)
}

function sfixed64(b, p, v, name) {
  const lo = split(name, v, 's')
  word(b, p, lo)
  return word(b, p + 4, high)
}

function fixed32(b, p, v, name) {
  return word(b, p, isUint32(v) ? v : int(name, v, 0, 4294967295))
}

function sfixed32(b, p, v, name) {
  return word(b, p, isInt32(v) ? v : int(name, v, -2147483648, 2147483647))
}

const words = new Int32Array(2)
const floats = new Float32Array(words.buffer)
const doubles = new Float64Array(words.buffer)

function float(b, p, v, name) {
  floats[0] = typeof v === 'number' ? v : number(name, v)
  return word(b, p, words[0])
}

function double(b, p, v, name) {
  doubles[0] = typeof v === 'number' ? v : number(name, v)
  const high = words[1]
  word(b, p, words[0])
  return word(b, p + 4, high)
}

// Up to this length a loop is faster than a call into C++, and the encoded length fits into one byte even with three
// bytes per character.
const SHORT = 42

/** Writes length and text. Lone surrogates become U+FFFD, as everywhere in Node. */
function str(b, p, s, name) {
  if (typeof s !== 'string') throw invalidArgType(name, 'of type string', s)
  const n = s.length
  if (n > SHORT) return longStr(b, p, s)
  if (p + SLACK + 128 > b.length) full()
  p++
  for (let i = 0; i < n; i++) {
    const c = s.charCodeAt(i)
    if (c > 127) return wideStr(b, p, s, i)
    b[p + i] = c
  }
  b[p - 1] = n
  return p + n
}

// Writes the rest of a text from its first non-ASCII character on. Separate, so that the loop above is small enough to
// be inlined.
function wideStr(b, p, s, start) {
  const n = s.length
  let q = p + start
  for (let i = start; i < n; i++) {
    let c = s.charCodeAt(i)
    if (c < 128) b[q++] = c
    else if (c < 2048) {
      b[q] = (c >> 6) | 192
      b[q + 1] = (c & 63) | 128
      q += 2
    } else {
      if ((c & 0xf800) === 0xd800) {
        const d = i + 1 < n && c < 0xdc00 ? s.charCodeAt(i + 1) : 0
        if ((d & 0xfc00) === 0xdc00) {
          i++
          c = 0x10000 + ((c & 1023) << 10) + (d & 1023)
          b[q] = (c >> 18) | 240
          b[q + 1] = ((c >> 12) & 63) | 128
          b[q + 2] = ((c >> 6) & 63) | 128
          b[q + 3] = (c & 63) | 128
          q += 4
          continue
        }
        c = 0xfffd
      }
      b[q] = (c >> 12) | 224
      b[q + 1] = ((c >> 6) & 63) | 128
      b[q + 2] = (c & 63) | 128
      q += 3
    }
  }
  b[p - 1] = q - p
  return q
}

function width(n) {
  return n < 128 ? 1 : n < 16384 ? 2 : n < 2097152 ? 3 : n < 268435456 ? 4 : 5
}

function longStr(b, p, s) {
  // Assume that the text is ASCII. If it is not, `close` moves it to make room for a longer length.
  const guess = width(s.length)
  if (p + s.length * 3 + SLACK + 5 > b.length) {
    const n = Buffer.byteLength(s)
    if (p + n + SLACK + 5 > b.length) full()
  }
  const n = b.utf8Write(s, p + guess)
  return close(b, p, p + guess, p + guess + n)
}

// The real length of a Uint8Array, whatever a subclass claims: bytes that were claimed but not written would be those
// of another message.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype)
const lengthOf = Object.getOwnPropertyDescriptor(typedArray, 'length').get
const { at } = typedArray

/** Writes length and bytes of a Uint8Array, or of a string as UTF-8. */
function bytes(b, p, v, name) {
  if (typeof v === 'string') return str(b, p, v, name)
  if (!types.isUint8Array(v)) v = octets(v, name, 'an instance of Buffer or Uint8Array, or of type string')
  const n = lengthOf.call(v)
  if (n === 0) notDetached(v)
  if (p + n + SLACK + 5 > b.length) full()
  p = unsignedVarint(b, p, n)
  if (n < 16) for (let i = 0; i < n; i++) b[p + i] = v[i]
  else b.set(v, p)
  return p + n
}

/** The bytes of any other view, or of a whole buffer. */
function octets(v, name, expected) {
  try {
    if (isView(v)) return new Uint8Array(v.buffer, v.byteOffset, v.byteLength)
    if (types.isAnyArrayBuffer(v)) return new Uint8Array(v)
  } catch {
    throw detached()
  }
  throw invalidArgType(name, expected, v)
}

function detached() {
  const message = 'The buffer of a view was detached, or has shrunk below it'
  return makeError(TypeError, 'ERR_INVALID_ARG_TYPE', message, detached)
}

/** A view has length 0 when its buffer was detached or has shrunk below it; its methods then throw. */
function notDetached(v) {
  try {
    at.call(v, 0)
  } catch {
    throw detached()
  }
}

/**
 * Writes the length of the bytes from `q` to `e` at `p`. Moves the bytes if the length takes more or less room than
 * there is between `p` and `q`.
 */
function close(b, p, q, e) {
  const n = e - q
  const at = p + width(n)
  if (at !== q) {
    b.copyWithin(at, q, e)
    e += at - q
  }
  unsignedVarint(b, p, n)
  return e
}

/** Writes the raw records of unknown fields. */
function raw(b, p, records) {
  for (const record of records) {
    const v = types.isUint8Array(record)
      ? record
      : octets(record, 'unknown fields', 'instances of Buffer or Uint8Array')
    const n = lengthOf.call(v)
    if (n === 0) notDetached(v)
    if (p + n + SLACK > b.length) full()
    b.set(v, p)
    p += n
  }
  return p
}

/** Whether there are any bytes. Throws if the buffer was detached. */
function notEmpty(v) {
  if (types.isUint8Array(v) && lengthOf.call(v) === 0) notDetached(v)
  return v.length !== 0
}

/** Reads an own property, for names that every object inherits. */
function own(o, name) {
  return Object.hasOwn(o, name) ? o[name] : undefined
}

module.exports = {
  FULL,
  SLACK,
  full,
  room,
  required,
  oneofTwice,
  oneofClash,
  oneofCase,
  fromDate,
  fromMillis,
  tooDeep,
  notObject,
  empty,
  notMessage,
  slab,
  list,
  entries,
  boolKey,
  int32,
  uint32,
  sint32,
  enumValue,
  int64,
  uint64,
  sint64,
  fixed32,
  sfixed32,
  fixed64,
  sfixed64,
  float,
  double,
  str,
  bytes,
  close,
  width,
  raw,
  own,
  notEmpty,
  notDetached,
  unsignedVarint,
}
