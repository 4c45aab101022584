'use strict'

// Framing, for both sides. A frame is a length (4 bytes, of what follows), a sequence number (4 bytes), and the body.
//
// The length solves two problems that TCP leaves to the application: several messages that arrive as one chunk, and one message
// that arrives in pieces. The sequence number says which question an answer belongs to.

const { Buffer } = require('ironwire')

/** A peer that announces more is broken or means harm: without a limit, four bytes of its choice would allot our memory. */
const MAX_BODY_BYTES = 64 * 1024

function encode(sequence, body) {
  const frame = Buffer.alloc(8 + body.length)
  frame.writeUInt32BE(4 + body.length, 0)
  frame.writeUInt32BE(sequence, 4)
  body.copy(frame, 8)
  return frame
}

/** Returns a function that takes chunks and calls `onFrame(sequence, body)` for every frame that is complete. */
function decoder(onFrame) {
  let held = Buffer.alloc(0)
  return function push(chunk) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let start = 0
    while (held.length - start >= 4) {
      const length = held.readUInt32BE(start)
      if (length < 4 || length > 4 + MAX_BODY_BYTES) throw new RangeError(`A frame announces ${length} bytes`)
      if (held.length - start < 4 + length) break
      onFrame(held.readUInt32BE(start + 4), held.subarray(start + 8, start + 4 + length))
      start += 4 + length
    }
    held = held.subarray(start)
  }
}

module.exports = { encode, decoder }
