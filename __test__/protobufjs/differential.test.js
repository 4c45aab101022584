'use strict'

// Random schemas and messages: `ironwire/protobufjs` against protobufjs itself. Reflection, bytes, messages, conversions and errors are the
// same. A failure names its seed; IRONWIRE_SEED runs it.

const assert = require('node:assert')
const test = require('node:test')
const theirs = require('protobufjs')
const ours = require('ironwire/protobufjs')
const { generator, randomMessage, randomSchema } = require('../protobuf/random.js')

const { Long } = theirs.util

/** A message without its class, in the order of its properties; of a Long what it says. */
function plain(value) {
  if (value instanceof Uint8Array) return `${value.constructor.name} ${Buffer.from(value).toString('hex')}`
  if (Long.isLong(value)) return `Long ${value.unsigned} ${value}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'bigint') return `BigInt ${value}`
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value
  const unknowns = Object.hasOwn(value, '$unknowns') ? { $unknowns: plain(value.$unknowns) } : {}
  return { entries: Object.entries(value).map(([key, item]) => [key, plain(item)]), ...unknowns }
}

/** What a call gives, or what kind of error it throws. */
function outcome(run) {
  try {
    return { value: plain(run()) }
  } catch (error) {
    // Positions and what V8 says of a property of nothing are not compared.
    return { error: error.name, message: /out of range|undefined|null/.test(error.message) ? '' : error.message }
  }
}

/** The same of bytes that may be broken: of several things that are wrong with them, which is found first is not compared. */
function reading(run) {
  const { value, error } = outcome(run)
  return error === undefined ? value : 'an error'
}

const CONVERSIONS = [
  undefined,
  { defaults: true },
  { arrays: true, objects: true, oneofs: true },
  { longs: String, enums: String, bytes: String, json: true },
  { longs: Number, bytes: Array, defaults: true },
  { longs: BigInt, enums: String, defaults: true, oneofs: true },
]

/** A value of another kind than what was meant. */
function spoiled(r, value) {
  const others = [
    undefined,
    null,
    1,
    -1.5,
    'text',
    '12',
    true,
    [],
    {},
    [1],
    { a: 1 },
    Buffer.from('b'),
    Long.fromNumber(7),
    NaN,
  ]
  if (value === null || typeof value !== 'object' || r.chance(0.3)) return r.pick(others)
  const copy = Array.isArray(value) ? [...value] : { ...value }
  const keys = Object.keys(copy)
  if (keys.length > 0) {
    const key = r.pick(keys)
    copy[key] = spoiled(r, copy[key])
  }
  return copy
}

function each(names, seed, types) {
  const r = generator(seed ^ 0x5eed)
  const same = (what, run) =>
    assert.deepStrictEqual(
      outcome(() => run(types[0])),
      outcome(() => run(types[1])),
      what,
    )
  for (let round = 0; round < 5; round++) {
    const object = randomMessage(r, names.schema, names.name, 0)
    const bytes = Buffer.from(types[1].encode(object).finish())
    same('encode', (type) => type.encode(object).finish())
    same('encodeDelimited', (type) => type.encodeDelimited(object).finish())
    same('decode', (type) => type.decode(bytes))
    same('decode of a Uint8Array', (type) => type.decode(new Uint8Array(bytes)))
    same('decode, encode', (type) => type.encode(type.decode(bytes)).finish())
    same('decode twice the same', (type) => type.decode(Buffer.concat([bytes, bytes])))
    same('toJSON', (type) => JSON.stringify(type.decode(bytes)))
    same('fromObject', (type) => type.fromObject(object))
    same('fromObject of JSON', (type) => type.fromObject(JSON.parse(JSON.stringify(type.decode(bytes)))))
    same('verify', (type) => type.verify(object))
    for (const options of CONVERSIONS) same('toObject', (type) => type.toObject(type.decode(bytes), options))
    for (let i = 0; i < 6; i++) {
      const wrong = spoiled(r, object)
      same('verify of something else', (type) => type.verify(wrong))
      same('fromObject of something else', (type) => type.fromObject(wrong))
    }
    for (let i = 0; i < 8 && bytes.length > 0; i++) {
      const input = Buffer.from(bytes.subarray(0, r.chance(0.5) ? bytes.length : r.below(bytes.length)))
      if (input.length > 0) input[r.below(input.length)] = r.pick([0, 1, 8, 10, 127, 128, 255, r.below(256)])
      const [mine, peer] = types.map((type) => [
        reading(() => type.decode(input)),
        reading(() => {
          const reader = (type instanceof ours.Type ? ours : theirs).Reader.create(input)
          reader.discardUnknown = false
          const message = type.decode(reader)
          // Bytes are not compared: which NaN it is is up to V8.
          return [message, type.decode(type.encode(message).finish())]
        }),
      ])
      assert.deepStrictEqual(mine, peer, `decode ${input.toString('hex')}`)
    }
  }
}

function compare(seed) {
  const schema = randomSchema(generator(seed))
  const roots = [ours, theirs].map((protobuf) => protobuf.parse(schema.source, { keepCase: true }).root.resolveAll())
  const descriptions = roots.map((root) => JSON.stringify(root))
  assert.strictEqual(descriptions[0], descriptions[1])
  for (const { name } of schema.messages) {
    each(
      { schema, name },
      seed,
      roots.map((root) => root.lookupType(name)),
    )
  }
  // The same from JSON.
  const again = ours.Root.fromJSON(JSON.parse(descriptions[0]))
  assert.strictEqual(JSON.stringify(again), descriptions[0])
}

const SEED = process.env.IRONWIRE_SEED
const RUNS = SEED === undefined ? 12 : 1
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
