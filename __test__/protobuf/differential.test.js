'use strict'

// Random schemas and random messages: what we write protobufjs reads as the same values, and the other way round. The file runs
// itself again with code generation off, where protobufjs cannot run: there the Rust codec must do to the letter what emitted
// code does here.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const protobufjs = require('protobufjs')
const { protobuf } = require('../..')

const SWITCH = '--disallow-code-generation-from-strings'
const interpreted = process.execArgv.includes(SWITCH)
const ROUNDS = Number(process.env.IRONWIRE_ROUNDS ?? 40)

/** Splitmix32: a failure names its seed. */
function random(seed) {
  let state = seed
  return (below) => {
    state = (state + 0x9e3779b9) | 0
    let t = state ^ (state >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    t ^= t >>> 15
    return (t >>> 0) % below
  }
}

const INTEGERS = [
  0n,
  1n,
  127n,
  128n,
  300n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
]
const within = (min, max) => (next) => {
  const magnitude = INTEGERS[next(INTEGERS.length)] + BigInt(next(3))
  const value = min < 0n && next(2) ? -magnitude : magnitude
  return value < min ? min : value > max ? max : value
}
const small = (min, max) => (next) => Number(within(min, max)(next))
const TEXTS = [
  '',
  'a',
  'plain text',
  'é',
  'Ж日本語',
  '😀',
  'x'.repeat(40),
  'y'.repeat(200) + 'ü',
  '\u0000\u007f',
  '__proto__',
]
const text = (next) => TEXTS[next(TEXTS.length)]
const bytes = (next) => Buffer.from(Array.from({ length: next(4) === 0 ? 300 : next(20) }, () => next(256)))

/** Every scalar type, with how a value of it is made. */
const SCALARS = {
  int32: small(-(2n ** 31n), 2n ** 31n - 1n),
  sint32: small(-(2n ** 31n), 2n ** 31n - 1n),
  sfixed32: small(-(2n ** 31n), 2n ** 31n - 1n),
  uint32: small(0n, 2n ** 32n - 1n),
  fixed32: small(0n, 2n ** 32n - 1n),
  int64: within(-(2n ** 63n), 2n ** 63n - 1n),
  sint64: within(-(2n ** 63n), 2n ** 63n - 1n),
  sfixed64: within(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: within(0n, 2n ** 64n - 1n),
  fixed64: within(0n, 2n ** 64n - 1n),
  float: (next) => Math.fround([0, 1.5, -2.25, 1e10, 3.4e38, -1e-30, Infinity, -Infinity][next(8)]),
  double: (next) => [0, 1.5, -2.25, 1e300, -5e-324, Math.PI, Infinity, -Infinity][next(8)],
  bool: (next) => next(2) === 1,
  string: text,
  bytes,
}
const TYPES = Object.keys(SCALARS)
const NUMERIC = TYPES.filter((type) => type !== 'string' && type !== 'bytes')
const KEYS = TYPES.filter((type) => type !== 'float' && type !== 'double' && type !== 'bytes')

/** A schema: its text, and what a value of each message is made of. */
function makeSchema(next) {
  const proto3 = next(2) === 1
  const count = 1 + next(4)
  const names = Array.from({ length: count }, (_, i) => `M${i}`)
  const values = ['ZERO', 'ONE', 'MANY', 'NEGATIVE']
  const lines = [
    `syntax = "${proto3 ? 'proto3' : 'proto2'}";`,
    'enum E { ZERO = 0; ONE = 1; MANY = 100000; NEGATIVE = -7; }',
  ]
  const messages = new Map()
  for (const name of names) {
    const fields = []
    const body = []
    const used = new Set()
    const number = () => {
      for (;;) {
        const n = 1 + (next(3) === 0 ? next(100_000) : next(20))
        if (used.has(n) || (n >= 19_000 && n < 20_000)) continue
        used.add(n)
        return n
      }
    }
    for (let i = next(9); i >= 0; i--) {
      const field = `${['value', 'aField', 'snake_case_name', 'f'][next(4)]}${i}`
      const kind = next(8)
      const scalar = TYPES[next(TYPES.length)]
      const type = kind === 0 ? names[next(count)] : kind === 1 ? 'E' : scalar
      if (kind === 2) {
        const key = KEYS[next(KEYS.length)]
        const value = [scalar, 'E', names[next(count)]][next(3)]
        body.push(`map<${key}, ${value}> ${field} = ${number()};`)
        fields.push({ field, shape: 'map', key, type: value })
      } else if (kind === 3) {
        const members = Array.from({ length: 1 + next(3) }, (_, j) => ({
          field: `${field}_${j}`,
          type: [scalar, 'E', names[next(count)]][next(3)],
        }))
        body.push(`oneof ${field} { ${members.map((m) => `${m.type} ${m.field} = ${number()};`).join(' ')} }`)
        fields.push({ shape: 'oneof', members })
      } else if (next(3) === 0) {
        const packable = NUMERIC.includes(type) || type === 'E'
        const packed = packable && next(2) ? ` [packed = ${next(2) ? 'true' : 'false'}]` : ''
        body.push(`repeated ${type} ${field} = ${number()}${packed};`)
        fields.push({ field, shape: 'list', type })
      } else {
        const label = proto3 ? (next(3) === 0 ? 'optional ' : '') : 'optional '
        body.push(`${label}${type} ${field} = ${number()};`)
        fields.push({ field, shape: 'one', type })
      }
    }
    lines.push(`message ${name} { ${body.join(' ')} }`)
    messages.set(name, fields)
  }
  return { source: lines.join('\n'), names, messages, values }
}

/** A random value of a message, as we take it. */
function makeValue(schema, name, next, depth = 0) {
  const one = (type) => {
    if (type === 'E') return [0, 1, 100_000, -7][next(4)]
    if (type in SCALARS) return SCALARS[type](next)
    return makeValue(schema, type, next, depth + 1)
  }
  const object = {}
  for (const f of schema.messages.get(name)) {
    // Messages inside messages end some day.
    if (next(3) === 0 || (depth > 3 && !(f.type in SCALARS))) continue
    if (f.shape === 'one') object[f.field] = one(f.type)
    else if (f.shape === 'list') object[f.field] = Array.from({ length: next(5) }, () => one(f.type))
    else if (f.shape === 'oneof') {
      const member = f.members[next(f.members.length)]
      object[member.field] = one(member.type)
    } else {
      const map = {}
      for (let i = next(4); i > 0; i--) {
        const key = String(one(f.key))
        Object.defineProperty(map, key, { value: one(f.type), enumerable: true, configurable: true, writable: true })
      }
      object[f.field] = map
    }
  }
  return object
}

/** Values as text that does not depend on whose objects they are: BigInts, Longs and numbers alike, keys in order. */
function canonical(value) {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value)
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(canonical)
  if (value !== null && typeof value === 'object') {
    return Object.keys(value)
      .sort()
      .map((key) => [key, canonical(value[key])])
  }
  return value
}

const TO_OBJECT = { longs: String, enums: Number, bytes: Buffer, defaults: false, oneofs: false }

/** How protobufjs wants the same value: 64-bit integers as strings. */
function forPeer(value) {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return value.map(forPeer)
  if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    const copy = {}
    for (const key of Object.keys(value)) {
      Object.defineProperty(copy, key, {
        value: forPeer(value[key]),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    }
    return copy
  }
  return value
}

/** Everything that came out, in order: what both ways of encoding and decoding must agree on. */
const outcomes = crypto.createHash('sha256')

test('random schemas and messages agree with protobufjs', () => {
  let exchanged = 0
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const next = random(seed * 7919)
    const schema = makeSchema(next)
    const ours = protobuf(schema.source, { strict: true, defaults: false })
    for (let round = 0; round < 20; round++) {
      const name = schema.names[next(schema.names.length)]
      const value = makeValue(schema, name, next)
      const what = `seed ${seed}, round ${round}: ${name} of\n${schema.source}\n`
      const mine = ours[name].encode(value)
      assert.strictEqual(mine.length, ours[name].encodingLength(value), what)
      const read = ours[name].decode(mine)
      outcomes.update(mine).update(JSON.stringify(canonical(read)))
      if (!interpreted)
        agree(ours[name], protobufjs.parse(schema.source, { keepCase: true }).root.lookupType(name), value, what)
      assert.deepStrictEqual(canonical(ours[name].decode(ours[name].encode(read))), canonical(read), what)
      // JSON goes through the Rust codec on its own; it says the same.
      const json = protobuf.binaryToJson(ours[name], mine)
      assert.deepStrictEqual(
        canonical(ours[name].decode(protobuf.jsonToBinary(ours[name], json))),
        canonical(read),
        what,
      )
      exchanged++
    }
  }
  assert.strictEqual(exchanged, ROUNDS * 20)
})

function agree(message, type, value, what) {
  const mine = message.encode(value)
  const theirs = Buffer.from(type.encode(type.fromObject(forPeer(value))).finish())
  // What we wrote, they read as what they wrote; what they wrote, we read as what we wrote.
  const [fromMine, fromTheirs] = [mine, theirs].map((bytes) => canonical(type.toObject(type.decode(bytes), TO_OBJECT)))
  assert.deepStrictEqual(fromMine, fromTheirs, what)
  assert.deepStrictEqual(canonical(message.decode(theirs)), canonical(message.decode(mine)), what)
}

test('random damage is an error or a message, and never the end of the process', () => {
  let refused = 0
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const next = random(seed * 104_729)
    const schema = makeSchema(next)
    const ours = protobuf(schema.source, { strict: true })
    for (let round = 0; round < 40; round++) {
      const name = schema.names[next(schema.names.length)]
      const damaged = Buffer.from(ours[name].encode(makeValue(schema, name, next)))
      for (let i = next(4); i >= 0 && damaged.length > 0; i--) damaged[next(damaged.length)] = next(256)
      const cut = damaged.subarray(0, next(damaged.length + 1))
      for (const input of [damaged, cut]) {
        try {
          outcomes.update(ours[name].encode(ours[name].decode(input)))
        } catch (error) {
          refused++
          outcomes.update('refused')
          assert.ok(error instanceof Error && !/call stack|Cannot read prop|undefined/.test(error.message), error.stack)
        }
      }
    }
  }
  assert.ok(refused > ROUNDS, 'damage is noticed')
})

test('the outcomes are the same with code generation off', () => {
  const digest = outcomes.digest('hex')
  if (interpreted) {
    console.log(`outcomes ${digest}`)
    return
  }
  const child = spawnSync(process.execPath, [SWITCH, '--test-reporter=tap', __filename], {
    encoding: 'utf8',
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  assert.strictEqual(child.status, 0, child.stdout.slice(0, 20_000) + child.stderr)
  assert.strictEqual(child.stdout.match(/outcomes (\w+)/)?.[1], digest)
})
