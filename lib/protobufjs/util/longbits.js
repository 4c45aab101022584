'use strict'

// A 64-bit integer as two unsigned words.

const state = require('./state.js')

function LongBits(lo, hi) {
  this.lo = lo >>> 0
  this.hi = hi >>> 0
}

LongBits.fromNumber = function fromNumber(value) {
  if (value === 0) return LongBits.zero
  const size = Math.abs(value)
  const lo = size >>> 0
  const hi = ((size - lo) / 4294967296) >>> 0
  if (value >= 0 || Number.isNaN(value)) return new LongBits(lo, hi)
  // Two's complement: the carry reaches the high word if the low one is 0.
  return new LongBits(-lo, lo === 0 ? -hi : ~hi)
}

/** Makes it of a number, a decimal string, or an object with `low` and `high`. */
LongBits.from = function from(value) {
  if (typeof value === 'number') return LongBits.fromNumber(value)
  if (typeof value === 'string' || value instanceof String) {
    if (!state.Long) return LongBits.fromNumber(Number.parseInt(value, 10))
    const { low, high } = state.Long.fromString(value)
    return new LongBits(low, high)
  }
  return value.low || value.high ? new LongBits(value.low, value.high) : LongBits.zero
}

LongBits.prototype.toNumber = function toNumber(unsigned) {
  return (unsigned ? this.hi : this.hi | 0) * 4294967296 + this.lo
}

LongBits.prototype.toLong = function toLong(unsigned) {
  const low = this.lo | 0
  const high = this.hi | 0
  return state.Long ? new state.Long(low, high, Boolean(unsigned)) : { low, high, unsigned: Boolean(unsigned) }
}

function hash(lo, hi) {
  // One call with all arguments: spreading an array would cost more than making the string.
  // biome-ignore format: as it stands, one line a word
  return String.fromCharCode(
    lo & 255, (lo >>> 8) & 255, (lo >>> 16) & 255, lo >>> 24,
    hi & 255, (hi >>> 8) & 255, (hi >>> 16) & 255, hi >>> 24,
  )
}

/** Eight characters, one per byte: protobufjs uses this for keys of maps by 64-bit integers. */
LongBits.prototype.toHash = function toHash() {
  return hash(this.lo, this.hi)
}

LongBits.fromHash = function fromHash(hash) {
  if (hash === LongBits.zeroHash) return LongBits.zero
  const word = (at) => [0, 1, 2, 3].reduce((bits, i) => bits | (hash.charCodeAt(at + i) << (8 * i)), 0)
  return new LongBits(word(0), word(4))
}

LongBits.prototype.zzEncode = function zzEncode() {
  const sign = this.hi >> 31
  const { lo } = this
  this.lo = ((lo << 1) ^ sign) >>> 0
  this.hi = (((this.hi << 1) | (lo >>> 31)) ^ sign) >>> 0
  return this
}

LongBits.prototype.zzDecode = function zzDecode() {
  const sign = -(this.lo & 1)
  const { hi } = this
  this.lo = (((this.lo >>> 1) | (hi << 31)) ^ sign) >>> 0
  this.hi = ((hi >>> 1) ^ sign) >>> 0
  return this
}

/** The number of bytes as a varint. */
LongBits.prototype.length = function length() {
  const bits = this.hi === 0 ? 32 - Math.clz32(this.lo) : 64 - Math.clz32(this.hi)
  return Math.max(1, Math.ceil(bits / 7))
}

LongBits.zeroHash = '\0'.repeat(8)
LongBits.zero = new LongBits(0, 0)
// This instance is shared, and the original methods would modify it.
LongBits.zero.zzEncode = LongBits.zero.zzDecode = function same() {
  return this
}

/** The hash of a Long. */
LongBits.hashOf = (long) => hash(long.low >>> 0, long.high >>> 0)

module.exports = LongBits
