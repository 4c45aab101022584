'use strict'

const { Buffer, isUtf8 } = require('node:buffer')
const { TextDecoder } = require('node:util')
const { str } = require('../read.js')

const FastBuffer = Buffer[Symbol.species]
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes as a Buffer, from any list of bytes. */
function bufferOf(source) {
  if (source instanceof FastBuffer) return source
  return ArrayBuffer.isView(source)
    ? new FastBuffer(source.buffer, source.byteOffset, source.byteLength)
    : Buffer.from(source)
}

/** The length of a text in bytes. */
function length(text) {
  return Buffer.byteLength(text)
}

/** The text between two positions. Invalid UTF-8 becomes U+FFFD. */
function read(source, start, end) {
  return end - start < 1 ? '' : str(bufferOf(source), start, end)
}

/** The text between two positions. Invalid UTF-8 throws a TypeError. */
function readStrict(source, start, end) {
  if (end - start < 1) return ''
  const b = bufferOf(source)
  return isUtf8(b.subarray(start, end)) ? str(b, start, end) : strict.decode(b.subarray(start, end))
}

/** Writes a text and returns the number of bytes. A lone surrogate becomes U+FFFD, as everywhere in Node. */
function write(text, target, offset) {
  if (target instanceof FastBuffer) return target.utf8Write(text, offset)
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i++) target[offset + i] = bytes[i]
  return bytes.length
}

module.exports = { length, read, readStrict, write }
