'use strict'

// How the bodies of a call are encoded and decoded: as plain bytes, or as messages of a schema.

const { Buffer } = require('node:buffer')
const { bodyOf } = require('./outgoing')

/** The codec of calls by method name: plain bytes. */
const RAW = {
  encode: (body) => (body === undefined || body === null ? Buffer.alloc(0) : bodyOf(body, 'body')),
  decode: null,
  encodeMessage: (message) => bodyOf(message, 'message'),
  decodeMessage: null,
}

/**
 * A codec that encodes messages of one type and decodes those of another. `undefined` and `null` stand for an empty
 * message.
 */
function codec(written, read) {
  return {
    encode: (message) => written.encode(message ?? {}),
    decode: (bytes) => read.decode(bytes),
    encodeMessage: (message) => written.encode(message),
    decodeMessage: (bytes) => read.decode(bytes),
  }
}

module.exports = { RAW, codec }
