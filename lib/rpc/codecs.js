'use strict'

// What bodies are: bytes, or messages of a schema.

const { Buffer } = require('node:buffer')
const { bodyOf } = require('./outgoing')

/** Of calls by name. */
const RAW = {
  encode: (body) => (body === undefined || body === null ? Buffer.alloc(0) : bodyOf(body, 'body')),
  decode: null,
  encodeMessage: (message) => bodyOf(message, 'message'),
  decodeMessage: null,
}

/** One that writes messages of one type and reads those of another. Nothing stands for a message without fields. */
function codec(written, read) {
  return {
    encode: (message) => written.encode(message ?? {}),
    decode: (bytes) => read.decode(bytes),
    encodeMessage: (message) => written.encode(message),
    decodeMessage: (bytes) => read.decode(bytes),
  }
}

module.exports = { RAW, codec }
