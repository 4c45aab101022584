'use strict'

// What both sides say of their messages. A message is a length (4 bytes, of what follows), a sequence number (4 bytes), and the body.
//
// TCP knows nothing of messages: several may arrive as one chunk ("sticky"), and one in pieces ("split"). The length tells where each
// ends, and `socket.frames` finds them. The sequence number says which question an answer belongs to.

const { Buffer, codec } = require('ironwire')

/** How messages are told apart. A peer that announces more is broken or means harm: without a limit, four bytes of its choice would allot our memory. */
const framing = { length: 'u32be', maxLength: 64 * 1024 }

const head = codec.record({ sequence: 'u32be' })

/** A message of its two parts. */
function join(sequence, body) {
  const message = Buffer.alloc(head.size + body.length)
  body.copy(message, head.write(message, { sequence }))
  return message
}

/** The two parts of a message. */
function part(message) {
  return { sequence: head.read(message).sequence, body: message.subarray(head.size) }
}

module.exports = { framing, join, part }
