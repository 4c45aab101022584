'use strict'

// Creating bytes and writing numbers into them.
//
//   node examples/buffers/numbers.js

const { Buffer } = require('ironwire')

const text = Buffer.from('ironwire')
const bytes = Buffer.from([1, 2, 3, 4])
const empty = Buffer.alloc(8)
console.log(text, bytes, empty)

// One byte at offset 1: 12 is 0x0c.
bytes.writeInt8(12, 1)
console.log(bytes)

// Two bytes at offset 2. 512 is 0x0200. Big-endian, the order of network protocols, puts the 02 first ...
bytes.writeInt16BE(512, 2)
console.log(bytes)

// ... and little-endian puts it last.
bytes.writeInt16LE(512, 2)
console.log(bytes)

// Reading with the other byte order gives another number and no error, so both ends must agree.
console.log(bytes.readInt16LE(2), bytes.readInt16BE(2))

// A value that does not fit is refused, as in Node.
try {
  bytes.writeInt8(128, 0)
} catch (error) {
  console.log(`${error.code}: ${error.message}`)
}
