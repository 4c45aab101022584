'use strict'

const { Buffer } = require('node:buffer')

const VALID = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const VALID_URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?$/
const FOREIGN = /[^A-Za-z0-9+/_-]/

function bytesOf(source) {
  return ArrayBuffer.isView(source)
    ? Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    : Buffer.from(source)
}

/** The number of decoded bytes. */
function length(text) {
  let n = text.length
  while (n > 0 && text[n - 1] === '=') n--
  return Math.floor((n * 3) / 4)
}

function encode(source, start, end) {
  return bytesOf(source).toString('base64', start, end)
}

/** Decodes either alphabet into `target`. Returns the number of bytes. */
function decode(text, target, offset) {
  // Padding ends the text; it is only valid where padding can occur.
  const stop = text.indexOf('=')
  const body = stop < 0 ? text : text.slice(0, stop)
  if (FOREIGN.test(body) || body.length % 4 === 1 || (stop >= 0 && body.length % 4 < 2)) throw Error('invalid encoding')
  const bytes = Buffer.from(body, 'base64')
  for (let i = 0; i < bytes.length; i++) target[offset + i] = bytes[i]
  return bytes.length
}

/** Whether a text is valid base64 as a whole. */
function test(text) {
  return VALID.test(text) || (/[-_]/.test(text) && VALID_URL.test(text))
}

module.exports = { length, encode, decode, test }
