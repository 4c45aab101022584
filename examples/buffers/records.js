'use strict'

// Binary layouts that are described once instead of offset by offset.
//
//   node examples/buffers/records.js

const { Buffer, codec } = require('ironwire')

// Twelve bytes: consecutive fields, each with its own byte order.
const reading = codec.record({ sensor: 'u16be', celsius: 'f32le', count: 'u32be', low: 'i8', high: 'i8' })
console.log(`${reading.size} bytes`)

const bytes = Buffer.alloc(reading.size * 2)
const second = reading.write(bytes, { sensor: 7, celsius: 21.5, count: 1000, low: -3, high: 29 })
reading.write(bytes, { sensor: 8, celsius: 19.25, count: 1001, low: -1, high: 30 }, second)
console.log(bytes)
console.log(reading.read(bytes, second))

// A value that does not fit into its field is refused, with the error text of Buffer's own methods and the name of the
// field.
try {
  reading.write(bytes, { sensor: 70_000, celsius: 0, count: 0, low: 0, high: 0 })
} catch (error) {
  console.log(`${error.code}: ${error.message}`)
}

// Records of different lengths in a stream need a length in front. The framer accepts chunks of any size.
const framer = codec.framer({ length: 'u32be', maxLength: 1024 })
const stream = framer.encodeMany(['one', 'two', 'three'].map((text) => Buffer.from(text)))
for (const chunk of [stream.subarray(0, 9), stream.subarray(9)]) {
  const messages = framer.push(chunk).map(String)
  console.log(`after ${chunk.length} bytes: ${messages.join(', ') || 'nothing'}`)
}
