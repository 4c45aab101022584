'use strict'

// Functions on whole buffers (any Uint8Array): encodings, search, byte order, and Buffer's other bulk operations.
// Results and errors are those of Node's methods.
//
// Rust does the work where it is faster, from the size on that `npm run bench buffer` shows. Elsewhere Node's method
// does it: base64, UTF-8 and UTF-16 use simdutf in Node; compare, fill and concat use the C library.

const { Buffer, constants, isUtf8, transcode } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { invalidArgType } = require('../errors')
const { bytesOf } = require('./bytes')
const native = require('./native')

const methods = Buffer.prototype

/**
 * The sizes in bytes (hex decoding: characters) from which on a call of Rust is not slower than Node's method, on Node
 * 20 and 24. A search for bytes is cheap in Node if their first byte is rare, and up to twenty times as expensive as in
 * Rust if it is frequent. A search for text costs Node about as much as a call of Rust before it even begins.
 */
const WORTH = {
  hexEncode: 256,
  hexDecode: 256,
  search: 16_384,
  searchText: 1024,
  swap16: 2048,
  swap32: 512,
  swap64: 2048,
}

function string(value, name) {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value)
  return value
}

/** Node's methods accept views of any kind, and would misread most of them. */
function bytes(value, name) {
  if (isUint8Array(value)) return value
  throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value)
}

/**
 * A quicker check for short operations, where `isUint8Array` itself would be noticeable. It lets objects through that
 * only inherit from Uint8Array: Node's methods refuse them, and Rust gets only what `isUint8Array` accepts.
 */
function likelyBytes(value, name) {
  return value instanceof Uint8Array ? value : bytes(value, name)
}

/**
 * Makes a function from bytes to text of Node's internal slice method, which uses the actual bytes, whatever length the
 * array claims.
 */
function textOf(own) {
  return (value) => {
    if (bytes(value, 'bytes').length === 0) bytesOf(value, 'bytes')
    return own.call(value)
  }
}

/** Makes a function from text to bytes. */
function bytesFrom(encoding) {
  return (text) => Buffer.from(string(text, 'text'), encoding)
}

/** An encoding of bytes as text: `encode` turns bytes into text. */
function textForm(encoding, slice) {
  return Object.freeze({ encode: textOf(slice), decode: bytesFrom(encoding) })
}

/** An encoding of text as bytes: `encode` turns text into bytes. */
function charset(encoding, slice, more) {
  return Object.freeze({ encode: bytesFrom(encoding), decode: textOf(slice), ...more })
}

const hexOf = textOf(methods.hexSlice)

const hex = Object.freeze({
  encode(value) {
    const { length } = bytes(value, 'bytes')
    // Node's method throws the right error for what is too long for a string.
    if (length < WORTH.hexEncode || length > constants.MAX_STRING_LENGTH / 2) return hexOf(value)
    return native().hexEncode(value)
  },
  decode(text) {
    if (string(text, 'text').length < WORTH.hexDecode) return Buffer.from(text, 'hex')
    const out = Buffer.allocUnsafe(text.length >>> 1)
    const written = native().hexDecode(text, out)
    return written === out.length ? out : out.subarray(0, written)
  },
})

// The functions below are written out one by one and kept short. V8 cannot tell which function a closure made several
// times by a factory calls, and does not inline long functions; either would cost as much as a short search itself.

/**
 * Whether Rust does the search: for bytes, or for the UTF-8 of a text, in the whole buffer. Numbers and empty values
 * are left to Node.
 */
function isWorth(haystack, value) {
  const isText = typeof value === 'string'
  if (!isText && !(haystack.length >= WORTH.search && isUint8Array(value))) return false
  return value.length > 1 && isUint8Array(haystack)
}

function indexOf(haystack, value, byteOffset, encoding) {
  // Searches with a position or an encoding are left to Node.
  if (likelyBytes(haystack, 'bytes').length < WORTH.searchText || byteOffset !== undefined || encoding !== undefined) {
    return methods.indexOf.call(haystack, value, byteOffset, encoding)
  }
  return longIndexOf(haystack, value)
}

function longIndexOf(haystack, value) {
  if (!isWorth(haystack, value)) return methods.indexOf.call(haystack, value)
  return typeof value === 'string' ? native().indexOfText(haystack, value) : native().indexOf(haystack, value)
}

function lastIndexOf(haystack, value, byteOffset, encoding) {
  if (likelyBytes(haystack, 'bytes').length < WORTH.searchText || byteOffset !== undefined || encoding !== undefined) {
    return methods.lastIndexOf.call(haystack, value, byteOffset, encoding)
  }
  return longLastIndexOf(haystack, value)
}

function longLastIndexOf(haystack, value) {
  if (!isWorth(haystack, value)) return methods.lastIndexOf.call(haystack, value)
  return typeof value === 'string' ? native().lastIndexOfText(haystack, value) : native().lastIndexOf(haystack, value)
}

function includes(haystack, value, byteOffset, encoding) {
  return indexOf(haystack, value, byteOffset, encoding) !== -1
}

// Swaps byte order in place. Node's method throws the error for a wrong length.

function swap16(value) {
  const { length } = likelyBytes(value, 'bytes')
  if (length >= WORTH.swap16 && length % 2 === 0 && isUint8Array(value)) native().swap16(value)
  else methods.swap16.call(value)
  return value
}

function swap32(value) {
  const { length } = likelyBytes(value, 'bytes')
  if (length >= WORTH.swap32 && length % 4 === 0 && isUint8Array(value)) native().swap32(value)
  else methods.swap32.call(value)
  return value
}

function swap64(value) {
  const { length } = likelyBytes(value, 'bytes')
  if (length >= WORTH.swap64 && length % 8 === 0 && isUint8Array(value)) native().swap64(value)
  else methods.swap64.call(value)
  return value
}

module.exports = {
  hex,
  base64: textForm('base64', methods.base64Slice),
  base64url: textForm('base64url', methods.base64urlSlice),
  utf8: charset('utf8', methods.utf8Slice, { validate: isUtf8 }),
  latin1: charset('latin1', methods.latin1Slice),
  utf16: charset('utf16le', methods.ucs2Slice),
  transcode,
  indexOf,
  lastIndexOf,
  includes,
  compare: Buffer.compare,
  equals: (a, b) => methods.equals.call(bytes(a, 'a'), bytes(b, 'b')),
  swap16,
  swap32,
  swap64,
  fill: (value, pattern, offset, end, encoding) =>
    methods.fill.call(bytes(value, 'bytes'), pattern, offset, end, encoding),
  concat: Buffer.concat,
}
