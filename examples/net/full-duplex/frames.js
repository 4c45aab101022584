'use strict'

// The format of the messages. A message is a length (4 bytes, counting what follows), a sequence number (4 bytes), and the body.
//
// TCP has no messages: several may arrive as one chunk ("sticky"), or one in several pieces ("split"). The length tells where each
// ends, and `socket.frames` finds them. The sequence number says which question an answer belongs to.

const { Buffer, codec } = require('ironwire')

/** How messages are separated. The limit matters: without it, a peer could make us allocate memory with four bytes of its choice. */
const framing = { length: 'u32be', maxLength: 64 * 1024 }

const head = codec.record({ sequence: 'u32be' })

/** Builds a message from its two parts. */
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
