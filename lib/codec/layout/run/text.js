'use strict'

// Reads and writes bytes, text and addresses for emitted code.

const { Buffer, isUtf8 } = require('node:buffer')
const types = require('node:util/types')
const binding = require('../../../../binding.js')
const { byteCount, isAttached } = require('../../bytes')
const { FastBuffer, fail, full } = require('./memory')

const { fromCharCode } = String

// ---- reading bytes and text

/** A view of a range. It never exceeds the actual bytes, whatever length was claimed. */
function view(b, p, e) {
  if (e > byteCount(b)) fail()
  return new FastBuffer(b.buffer, b.byteOffset + p, e - p)
}

/** The position of the byte `stop` before `e`. Fails if there is none. */
function find(b, p, e, stop) {
  const near = Math.min(e, p + 32)
  for (let i = p; i < near; i++) if (b[i] === stop) return i
  const at = near < e ? b.indexOf(stop, near) : -1
  return at >= 0 && at < e ? at : fail()
}

/** The position of a UTF-16LE unit below 256. Fails if there is none. */
function findWide(b, p, e, stop) {
  for (let i = p; i + 1 < e; i += 2) if (b[i] === stop && b[i + 1] === 0) return i
  return fail()
}

/** The end of the text without its padding. */
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

/** Up to this length a loop is faster than a call into C++. */
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

/** A replacement character was either in the input, or shows that the input is not valid UTF-8. */
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

/**
 * The format of RFC 5952: the longest run of zeros (the first one, if there are several) is shortened, unless it is a
 * single zero.
 */
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

// ---- writing bytes and text; each function checks for room and returns the position after what it wrote

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
  // Length 0 may mean that the buffer was detached.
  if (n === 0 && !isAttached(v)) fail()
  return n
}

/** The number of bytes that a text takes. */
function sizeText(encoding, v) {
  if (encoding === 'bytes') return sizeBytes(v)
  text(v)
  if (encoding === 'utf8') return Buffer.byteLength(v)
  if (encoding === 'hex') return v.length / 2
  if (encoding === 'base64') return Buffer.byteLength(v, 'base64')
  return encoding.startsWith('utf16') ? v.length * 2 : v.length
}

/** Pads text between `p` and `end` to `size` bytes. `kind` is 0 for bytes, 1 for UTF-16LE, 2 for UTF-16BE. */
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

/** Moves the bytes between `at` and `end` by `by` bytes. Returns the new end. */
function room(b, at, end, by) {
  if (by === 0) return end
  if (end + by > b.length) full()
  b.copyWithin(at + by, at, end)
  return end + by
}

module.exports = {
  find,
  findWide,
  trim,
  trimWide,
  pad,
  magic,
  view,
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
  room,
}
