'use strict'

// The message format of both sides: a length (4 bytes, of what follows), a sequence number (4 bytes), and the body.
//
// TCP has no messages: several may arrive in one chunk ("sticky"), and one may arrive in pieces ("split"). The length
// tells where each message ends, and `socket.frames` finds them. The sequence number tells which question an answer
// belongs to.

const { Buffer, codec } = require('ironwire')

/**
 * How messages are separated. A peer that announces a larger one is broken or malicious: without a limit, four bytes
 * from the peer could make us allocate any amount of memory.
 */
const framing = { length: 'u32be', maxLength: 64 * 1024 }

const head = codec.record({ sequence: 'u32be' })

/** Makes a message of its two parts. */
function join(sequence, body) {
  const message = Buffer.alloc(head.size + body.length)
  body.copy(message, head.write(message, { sequence }))
  return message
}

/** Splits a message into its two parts. */
function part(message) {
  return { sequence: head.read(message).sequence, body: message.subarray(head.size) }
}

module.exports = { framing, join, part }
