'use strict'

// Numbers for emitted code: arithmetic of expressions, half-precision floats, varints, times.

const { isDate } = require('node:util/types')
const { S, fail } = require('./memory')

const { isSafeInteger } = Number

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

/** The eight bits of an integer from `shift` on. */
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
/** The index of the low word on this machine. */
const LO = words[0] === 1 ? 0 : 1
const HI = 1 - LO

function half(bits) {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** Converts to half precision, rounding to nearest, ties to even. Every NaN becomes the usual quiet one. */
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

/** Reads a varint of at most `max` bytes as a number. */
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

/** The same as a BigInt. With `signed` it is sign-extended. */
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

/** The range of a Date, in milliseconds. */
const DAYS = 8.64e15

function time(value, unit) {
  const ms = Number(value) * unit
  return ms >= -DAYS && ms <= DAYS ? new Date(ms) : fail()
}

const { getTime } = Date.prototype

function millis(value) {
  return isDate(value) ? getTime.call(value) : fail()
}

module.exports = {
  LO,
  HI,
  words,
  floats,
  doubles,
  bigs,
  ubigs,
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
}
