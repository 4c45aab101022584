'use strict'

// Work on whole buffers: other forms of bytes, search, byte order, and the rest of what Buffer does with more than a number, as functions on
// any Uint8Array. Results and errors are those of Node's methods.
//
// Where Rust is faster than they are, it does the work, from the size on that `npm run bench buffer` shows; where it is not (base64, UTF-8
// and UTF-16, which Node has simdutf for; compare, fill and concat, which are the C library's), Node's method does.

const { Buffer, constants, isUtf8, transcode } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { codecBulk } = require('../../binding.js')
const { invalidArgType } = require('../errors')
const { bufferOf } = require('./bytes')

const native = codecBulk()
const methods = Buffer.prototype

/** From how many bytes on a call of Rust costs less than it saves. */
const WORTH = { search: 2048, swap16: 1024, swap32: 256, swap64: 1024 }

function string(value, name) {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value)
  return value
}

/** Bytes as text: `encode` makes text of bytes. */
function textForm(encoding) {
  return Object.freeze({
    encode: (bytes) => methods.toString.call(bufferOf(bytes, 'bytes'), encoding),
    decode: (text) => Buffer.from(string(text, 'text'), encoding),
  })
}

/** Text as bytes: `encode` makes bytes of text. */
function charset(encoding, more) {
  return Object.freeze({
    encode: (text) => Buffer.from(string(text, 'text'), encoding),
    decode: (bytes) => methods.toString.call(bufferOf(bytes, 'bytes'), encoding),
    ...more,
  })
}

const hex = Object.freeze({
  encode(bytes) {
    const buffer = bufferOf(bytes, 'bytes')
    // Node says what is too long for a string.
    if (buffer.length > constants.MAX_STRING_LENGTH / 2) return methods.toString.call(buffer, 'hex')
    return native.hexEncode(buffer)
  },
  decode(text) {
    const out = Buffer.allocUnsafe(string(text, 'text').length >>> 1)
    const written = native.hexDecode(text, out)
    return written === out.length ? out : out.subarray(0, written)
  },
})

const utf8 = charset('utf8', { validate: isUtf8 })

/**
 * Node looks for the first byte of what is sought with the C library's `memchr`, which nothing outruns where that byte is rare; where it is
 * frequent, every one of them costs. Rust's search does not depend on it. So a few are looked at first: Rust is asked where they are closer to
 * each other than this, and so many more are to be expected that the call is worth it.
 */
const SAMPLES = 3
const CLOSE = 512
const MANY = 64

function isWorth(bytes, sampled) {
  const distance = sampled / SAMPLES
  return distance <= CLOSE && bytes >= distance * MANY
}

/** What is sought as bytes, where Rust may look for it in `buffer`: all else is Node's. */
function needleOf(buffer, value) {
  if (typeof value === 'string') return value.length > 1 ? Buffer.from(value) : undefined
  if (!isUint8Array(value)) return undefined
  const needle = bufferOf(value, 'value')
  return needle.length > 1 && needle.length <= buffer.length ? needle : undefined
}

function isAt(buffer, needle, at) {
  for (let i = 0; i < needle.length; i++) if (buffer[at + i] !== needle[i]) return false
  return true
}

function searchForward(buffer, needle) {
  const [first] = needle
  let at = -1
  for (let i = 0; i < SAMPLES; i++) {
    at = methods.indexOf.call(buffer, first, at + 1)
    if (at === -1 || isAt(buffer, needle, at)) return at
  }
  return isWorth(buffer.length, at + 1) ? native.indexOf(buffer, needle) : methods.indexOf.call(buffer, needle, at)
}

function searchBackward(buffer, needle) {
  const behind = needle.length - 1
  const last = needle[behind]
  let at = buffer.length
  for (let i = 0; i < SAMPLES; i++) {
    at = methods.lastIndexOf.call(buffer, last, at - 1)
    if (at < behind) return -1
    if (isAt(buffer, needle, at - behind)) return at - behind
  }
  const sampled = buffer.length - at
  if (isWorth(buffer.length, sampled)) return native.lastIndexOf(buffer, needle)
  return methods.lastIndexOf.call(buffer, needle, at - behind)
}

function indexOf(bytes, value, byteOffset, encoding) {
  const buffer = bufferOf(bytes, 'bytes')
  if (buffer.length >= WORTH.search && byteOffset === undefined && encoding === undefined) {
    const needle = needleOf(buffer, value)
    if (needle !== undefined) return searchForward(buffer, needle)
  }
  return methods.indexOf.call(buffer, value, byteOffset, encoding)
}

function lastIndexOf(bytes, value, ...where) {
  const buffer = bufferOf(bytes, 'bytes')
  // Node tells a byteOffset that is undefined from one that is left out.
  if (where.length > 0) return methods.lastIndexOf.call(buffer, value, ...where)
  if (buffer.length >= WORTH.search) {
    const needle = needleOf(buffer, value)
    if (needle !== undefined) return searchBackward(buffer, needle)
  }
  return methods.lastIndexOf.call(buffer, value)
}

function includes(bytes, value, byteOffset, encoding) {
  return indexOf(bytes, value, byteOffset, encoding) !== -1
}

/** Turns every `width` bytes around, in place. */
function swap(name, width) {
  const own = methods[name]
  const inRust = native[name]
  const worth = WORTH[name]
  return (bytes) => {
    const buffer = bufferOf(bytes, 'bytes')
    // Node says what is no multiple.
    if (buffer.length < worth || buffer.length % width !== 0) own.call(buffer)
    else inRust(buffer)
    return bytes
  }
}

module.exports = {
  hex,
  base64: textForm('base64'),
  base64url: textForm('base64url'),
  utf8,
  latin1: charset('latin1'),
  utf16: charset('utf16le'),
  transcode,
  indexOf,
  lastIndexOf,
  includes,
  compare: Buffer.compare,
  equals: (a, b) => methods.equals.call(bufferOf(a, 'a'), bufferOf(b, 'b')),
  swap16: swap('swap16', 2),
  swap32: swap('swap32', 4),
  swap64: swap('swap64', 8),
  fill(bytes, value, ...range) {
    methods.fill.call(bufferOf(bytes, 'bytes'), value, ...range)
    return bytes
  },
  concat: Buffer.concat,
}
