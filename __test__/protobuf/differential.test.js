'use strict'

// Random schemas and messages: emitted code against the Rust codec against protobufjs. All encode to the same bytes, read each
// other's bytes, and emitted code and the Rust codec agree about broken bytes too. A failure names its seed; IRONWIRE_SEED runs it.

const assert = require('node:assert')
const test = require('node:test')
const protobufjs = require('protobufjs')
const { protobuf } = require('../..')
const { Schema } = require('../../lib/protobuf/schema.js')
const { meant } = require('../../lib/protobuf/settings.js')
const { bodies } = require('../../lib/protobuf/table.js')
const { generator, outcome, randomMessage, randomSchema } = require('./random.js')

const SETTINGS = {
  lenient: true,
  int64: 'auto',
  defaults: false,
  unknownFields: true,
  nan: false,
  depth: 100,
  maxSize: 2147483647,
  maxValues: 16777216,
}

/** Encoding and decoding by the tables of the Rust codec. */
function tables(source, settings = SETTINGS) {
  const schema = Schema.compile('', source, settings, () => null)
  return (name) => {
    const id = schema.outline.messages.findIndex(([own]) => own === name)
    const { write, read } = bodies(schema, id)
    return {
      // Writers want room for text at its longest, three bytes a character.
      encode: (object, size) => {
        const room = Buffer.alloc(size * 3 + 1024)
        return room.subarray(0, write(room, 0, object, 0))
      },
      decode: (bytes) => read(bytes, 0, bytes.length, 0, null),
    }
  }
}

/** The forms that `protobuf.load` has them in, each by emitted code and by the tables. */
function faces(source) {
  const all = [{}, { unknownFields: false }, { camelCase: true, enums: 'string', oneofs: true, int64: 'bigint' }]
  return all.map((forms) => {
    const options = { ...forms, strict: false }
    return { emitted: protobuf.parse(source, options).M0, table: tables(source, meant(options))('M0') }
  })
}

function compareFace({ emitted, table }, bytes) {
  const decoded = emitted.decode(bytes)
  assert.deepStrictEqual(table.decode(bytes), decoded, 'the Rust codec decodes it otherwise')
  assert.deepStrictEqual(emitted.encode(decoded), bytes, 'it does not come back')
  assert.deepStrictEqual(table.encode(decoded, bytes.length), bytes, 'the Rust codec encodes it otherwise')
  assert.ok(emitted.equals(emitted.clone(decoded), decoded))
  assert.ok(emitted.equals(emitted.fromJson(emitted.toJson(decoded)), decoded))
}

function compare(seed) {
  const r = generator(seed)
  const schema = randomSchema(r)
  const emitted = protobuf(schema.source, { defaults: false, unknownFields: true }).M0
  const table = tables(schema.source)('M0')
  const peer = protobufjs.parse(schema.source, { keepCase: true }).root.lookupType('M0')
  const loaded = faces(schema.source)
  for (let round = 0; round < 6; round++) {
    const object = randomMessage(r, schema, 'M0', 0)
    const bytes = emitted.encode(object)
    assert.deepStrictEqual(table.encode(object, bytes.length), bytes, 'the Rust codec encodes it otherwise')
    assert.deepStrictEqual(Buffer.from(peer.encode(object).finish()), bytes, 'protobufjs encodes it otherwise')
    const decoded = emitted.decode(bytes)
    assert.deepStrictEqual(table.decode(bytes), decoded, 'the Rust codec decodes it otherwise')
    assert.deepStrictEqual(emitted.encode(decoded), bytes, 'it does not come back')
    assert.deepStrictEqual(
      Buffer.from(peer.encode(peer.decode(bytes)).finish()),
      bytes,
      'protobufjs reads something else',
    )
    for (const face of loaded) compareFace(face, bytes)
    for (let broken = 0; broken < 8 && bytes.length > 0; broken++) {
      const input = Buffer.from(bytes.subarray(0, r.chance(0.5) ? bytes.length : r.below(bytes.length)))
      if (input.length > 0 && r.chance(0.8))
        input[r.below(input.length)] = r.pick([0, 1, 8, 10, 127, 128, 255, r.below(256)])
      const ours = outcome(() => emitted.decode(input))
      const theirs = outcome(() => table.decode(input))
      assert.deepStrictEqual(theirs, ours, `they disagree about ${input.toString('hex')}`)
      for (const face of loaded) {
        const [own, other] = [face.emitted, face.table].map((one) => outcome(() => one.decode(input)))
        assert.deepStrictEqual(other, own, `they disagree about ${input.toString('hex')} as it is loaded`)
      }
    }
  }
}

const SEED = process.env.IRONWIRE_SEED
const RUNS = SEED === undefined ? 100 : 1
const FIRST = SEED === undefined ? Date.now() & 0xffffff : Number(SEED)

test(`${RUNS} random schemas from seed ${FIRST}`, () => {
  for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
    try {
      compare(seed)
    } catch (error) {
      error.message = `IRONWIRE_SEED=${seed}: ${error.message}`
      throw error
    }
  }
})
