'use strict'

// Encodes objects to bytes and decodes them, using a schema.
//
//   node examples/protobuf/person.js

const fs = require('node:fs')
const path = require('node:path')
const { protobuf } = require('ironwire')

const messages = protobuf(fs.readFileSync(path.join(__dirname, 'person.proto')))

const person = { age: 12, name: 'Ada', languages: ['java', 'python'] }
const encoded = messages.Person.encode(person)
console.log(encoded)
console.log(messages.Person.decode(encoded))

// JSON takes more than twice as much space, because it repeats the field names in every message.
console.log(`protobuf ${encoded.length} bytes, JSON ${JSON.stringify(person).length} bytes`)

// Both encoding and decoding check the message.
for (const wrong of [
  () => messages.Person.encode({ name: 'Ada' }),
  () => messages.Person.decode(encoded.subarray(0, 2)),
]) {
  try {
    wrong()
  } catch (error) {
    console.log(error.message)
  }
}
