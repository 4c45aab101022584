'use strict'

// Messages that are compressed. They are small, and packed and unpacked where they are, so that none overtakes another.

const { Buffer } = require('node:buffer')
const zlib = require('node:zlib')
const { compressionAlgorithms, logVerbosity } = require('./constants.js')
const { log } = require('./logging.js')

const PACK = { gzip: zlib.gzipSync, deflate: zlib.deflateSync }
const UNPACK = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync }

/** Bytes before each message on a stream: whether it is compressed, and how long it is. */
const HEAD = 5
/** A flag of messages that are not to be. */
const NO_COMPRESS = 2

/** How messages are compressed that are sent. */
class Compression {
  constructor(encoding) {
    this.encoding = encoding
    /** What says so. */
    this.field = `grpc-encoding\0${encoding}\0`
    /** A client's: the server has not said that it does not take it. */
    this.isTaken = true
  }

  /** A message as it stands on a stream. */
  frame(bytes, flags = 0) {
    const packs = this.isTaken && (flags & NO_COMPRESS) === 0
    const content = packs ? PACK[this.encoding](bytes) : bytes
    const framed = Buffer.allocUnsafe(HEAD + content.length)
    framed[0] = packs ? 1 : 0
    framed.writeUInt32BE(content.length, 1)
    framed.set(content, HEAD)
    return framed
  }

  /** Whether it is among the encodings that a peer says it takes. */
  isAmong(list = '') {
    return list.split(',').some((name) => name.trim() === this.encoding)
  }

  /** What a server has said, if it has. */
  learn(list) {
    if (list !== undefined) this.isTaken = this.isAmong(list)
  }
}

/** How a channel or a server of `options` compresses; null for not at all. */
function compressionOf({ 'grpc.default_compression_algorithm': algorithm }) {
  if (algorithm === undefined) return null
  const encoding = typeof algorithm === 'number' ? compressionAlgorithms[algorithm] : undefined
  if (encoding === undefined) {
    const name = 'grpc.default_compression_algorithm'
    log(logVerbosity.ERROR, `Invalid value provided for ${name} option: ${algorithm}`)
  }
  return Object.hasOwn(PACK, encoding ?? '') ? new Compression(encoding) : null
}

/** The message, or the status that a call ends with for it. `limit` is that of its size, and `what` it is called when it cannot be unpacked. */
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
