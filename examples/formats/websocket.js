'use strict'

// WebSocket frames (RFC 6455). The length has three forms; the shortest possible one is used.
//
//   node examples/formats/websocket.js

const { codec } = require('ironwire')

const frame = codec.layout([
  ['fin', 'flag'],
  ['reserved', 'u3'],
  { name: 'opcode', type: 'u4', enum: { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } },
  { name: 'masked', type: 'flag', value: 'present(key)' },
  { name: 'short', type: 'u7', value: 'count(payload) < 126 ? count(payload) : count(payload) < 65536 ? 126 : 127' },
  { name: 'medium', if: 'short == 126', type: 'u16be', value: 'count(payload)' },
  { name: 'long', if: 'short == 127', type: 'u64be', value: 'count(payload)' },
  { name: 'key', if: 'masked', type: 'bytes(4)' },
  ['payload', 'bytes(short < 126 ? short : short == 126 ? medium : long)'],
])

/** Applies the mask to the payload. Masking and unmasking are the same operation. */
function unmask({ key, payload }) {
  return key === undefined ? payload : Buffer.from(payload.map((byte, i) => byte ^ key[i % 4]))
}

module.exports = { frame, unmask }

if (require.main === module) {
  const bytes = frame.encode({ fin: true, reserved: 0, opcode: 'text', payload: Buffer.from('Hello') })
  console.log(bytes)
  console.log(String(unmask(frame.decode(Buffer.from('818537fa213d7f9f4d5158', 'hex')))))
}
