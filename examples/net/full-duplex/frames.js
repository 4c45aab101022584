'use strict'

// Framing, for both sides. A frame is a length (4 bytes, of what follows), a sequence number (4 bytes), and the body.
//
// The length solves two problems that TCP leaves to the application: several messages that arrive as one chunk, and one message
// that arrives in pieces. The sequence number says which question an answer belongs to.

const { Buffer, codec } = require('ironwire')

/** A peer that announces more is broken or means harm: without a limit, four bytes of its choice would allot our memory. */
const MAX_FRAME_BYTES = 64 * 1024

const head = codec.record({ sequence: 'u32be' })

function encode(sequence, body) {
  const message = Buffer.alloc(head.size + body.length)
  body.copy(message, head.write(message, { sequence }))
  return codec.frame.encode(message)
}

/** Returns a function that takes chunks and calls `onFrame(sequence, body)` for every frame that is complete. */
function decoder(onFrame) {
  const frames = new codec.FrameDecoder({ maxLength: MAX_FRAME_BYTES })
  return function push(chunk) {
    for (const frame of frames.push(chunk)) onFrame(head.read(frame).sequence, frame.subarray(head.size))
  }
}

module.exports = { encode, decoder }
