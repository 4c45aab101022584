'use strict'

// Work on whole buffers: other forms of bytes, search, byte order, and the rest of what Buffer does with more than a number, as functions on
// any Uint8Array. Results and errors are those of Node's methods.
//
// Where Rust is faster than they are, it does the work, from the size on that `npm run bench buffer` shows; where it is not (base64, UTF-8
// and UTF-16, which Node has simdutf for; compare, fill and concat, which are the C library's), Node's method does.

const { Buffer, constants, isUtf8, transcode } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { invalidArgType } = require('../errors')
const { bytesOf } = require('./bytes')
const native = require('./native')

const methods = Buffer.prototype

/**
 * From how many bytes on (of hex digits: characters) a call of Rust costs no more than Node's method, on Node 20 and on 24. A search for bytes
 * costs Node less than a call where their first byte is rare, and up to twenty times as much where it is frequent; one for a text costs Node
 * about as much as a call before it begins.
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

/** Node's methods take views of all kinds, and read nonsense from most. */
function bytes(value, name) {
  if (isUint8Array(value)) return value
  throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value)
}

/**
 * The same for what takes so little that the question itself would show: what has no more than the prototype is let through. Node's methods refuse
 * it, and Rust is asked only for what `isUint8Array` knows.
 */
function likelyBytes(value, name) {
  return value instanceof Uint8Array ? value : bytes(value, name)
}

/** What makes text of bytes: what `toString` calls, which takes the bytes that there are, whatever their array says. */
function textOf(own) {
  return (value) => {
    if (bytes(value, 'bytes').length === 0) bytesOf(value, 'bytes')
    return own.call(value)
  }
}

/** What makes bytes of text. */
function bytesFrom(encoding) {
  return (text) => Buffer.from(string(text, 'text'), encoding)
}

/** Bytes as text: `encode` makes text of bytes. */
function textForm(encoding, slice) {
  return Object.freeze({ encode: textOf(slice), decode: bytesFrom(encoding) })
}

/** Text as bytes: `encode` makes bytes of text. */
function charset(encoding, slice, more) {
  return Object.freeze({ encode: bytesFrom(encoding), decode: textOf(slice), ...more })
}

const hexOf = textOf(methods.hexSlice)

const hex = Object.freeze({
  encode(value) {
    const { length } = bytes(value, 'bytes')
    // Node says what is too long for a string.
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

// Each function below is written out, and short: of a closure that a factory makes several times V8 does not know what it calls, and what is long
// it does not put into the loop that calls it. Either costs a short search as much as the search.

/** Whether Rust searches for `value`: for bytes, and for the UTF-8 of a text, in all there is. Numbers and what is empty are Node's. */
function isWorth(haystack, value) {
  const isText = typeof value === 'string'
  if (!isText && !(haystack.length >= WORTH.search && isUint8Array(value))) return false
  return value.length > 1 && isUint8Array(haystack)
}

function indexOf(haystack, value, byteOffset, encoding) {
  // Positions and encodings are Node's.
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

// Byte order, in place. Node says what is no multiple.

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
