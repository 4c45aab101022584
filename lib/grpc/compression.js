'use strict'

// Messages that were compressed by whoever sent them. They are small, and unpacked where they come, so that none overtakes another.

const zlib = require('node:zlib')

const UNPACK = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync }

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

module.exports = { unpack }
