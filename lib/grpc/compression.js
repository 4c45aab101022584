'use strict'

// Compressed messages. Messages are small, so compression is synchronous, which also keeps them in order.

const { Buffer } = require('node:buffer')
const zlib = require('node:zlib')
const { compressionAlgorithms, logVerbosity } = require('./constants.js')
const { log } = require('./logging.js')

const PACK = { gzip: zlib.gzipSync, deflate: zlib.deflateSync }
const UNPACK = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync }

/** Bytes before each message on a stream: a flag for compression and the message's length. */
const HEAD = 5
/** The write flag for messages that must not be compressed. */
const NO_COMPRESS = 2

/** How outgoing messages are compressed. */
class Compression {
  constructor(encoding) {
    this.encoding = encoding
    /** The header field that announces the encoding. */
    this.field = `grpc-encoding\0${encoding}\0`
    /** False once a server has said that it does not accept the encoding. */
    this.isTaken = true
  }

  /** A message with its head, as it is sent on a stream. */
  frame(bytes, flags = 0) {
    const packs = this.isTaken && (flags & NO_COMPRESS) === 0
    const content = packs ? PACK[this.encoding](bytes) : bytes
    const framed = Buffer.allocUnsafe(HEAD + content.length)
    framed[0] = packs ? 1 : 0
    framed.writeUInt32BE(content.length, 1)
    framed.set(content, HEAD)
    return framed
  }

  /** Whether a peer's list of accepted encodings contains this one. */
  isAmong(list = '') {
    return list.split(',').some((name) => name.trim() === this.encoding)
  }

  /** Called with a server's list of accepted encodings; undefined if the server sent none. */
  learn(list) {
    if (list !== undefined) this.isTaken = this.isAmong(list)
  }
}

/** The compression in the options of a channel or a server; null for none. */
function compressionOf({ 'grpc.default_compression_algorithm': algorithm }) {
  if (algorithm === undefined) return null
  const encoding = typeof algorithm === 'number' ? compressionAlgorithms[algorithm] : undefined
  if (encoding === undefined) {
    const name = 'grpc.default_compression_algorithm'
    log(logVerbosity.ERROR, `Invalid value provided for ${name} option: ${algorithm}`)
  }
  return Object.hasOwn(PACK, encoding ?? '') ? new Compression(encoding) : null
}

/**
 * Returns `{ bytes }`, the decompressed message, or `{ failure }`, the status with which the call ends. `limit` is the
 * largest decompressed size in bytes. `what` names the message in an error.
 */
function unpack(bytes, encoding, limit, what = 'message') {
  if (encoding === undefined || encoding === 'identity') {
    return failed(13, `Received compressed message but "grpc-encoding" header was ${encoding ?? 'missing'}`)
  }
  const unpackSync = Object.hasOwn(UNPACK, encoding) ? UNPACK[encoding] : undefined
  if (unpackSync === undefined) {
    return failed(12, `Received message compressed with unsupported encoding "${encoding}"`)
  }
  try {
    return { bytes: unpackSync(bytes, { maxOutputLength: limit }) }
  } catch (error) {
    if (error.code !== 'ERR_BUFFER_TOO_LARGE') return failed(13, `Failed to decompress ${what}`)
    return failed(8, `Received message that decompresses to a size larger than ${limit}`)
  }
}

function failed(code, details) {
  return { failure: { code, details, metadata: null } }
}

module.exports = { compressionOf, unpack }
