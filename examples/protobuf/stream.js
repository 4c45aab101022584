'use strict'

// Many messages in one file, read one at a time.
//
//   node examples/protobuf/stream.js

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const { protobuf } = require('ironwire')

const { Reading } = protobuf('message Reading { required uint32 second = 1; required float degrees = 2; }')

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-'))
  const file = path.join(folder, 'readings.bin')

  // Each message is preceded by its length, so that a reader knows where the next one begins.
  const readings = [18.5, 18.75, 19.25].map((degrees, second) => ({ second, degrees }))
  await pipeline(Readable.from(readings), new protobuf.DelimitedEncoder(Reading), fs.createWriteStream(file))
  console.log(fs.readFileSync(file))

  // The file may be larger than memory: only one message is held at a time, and messages above 1,000 bytes are refused.
  for await (const reading of protobuf.decodeStream(Reading, fs.createReadStream(file), { maxSize: 1000 })) {
    console.log(`${reading.second} s: ${reading.degrees} degrees`)
  }
  fs.rmSync(folder, { recursive: true })
}

main()
