'use strict'

// Where no code may be generated the Rust codec answers, with the same results: emitted code and tables side by side.

const assert = require('node:assert')
const test = require('node:test')
const { Schema } = require('../../lib/protobuf/schema.js')
const { bodies } = require('../../lib/protobuf/table.js')

const SOURCE = `
  syntax = "proto2";
  package t;
  enum Closed { NONE = 0; ONE = 1; TWO = 2; MINUS = -5; }
  message All {
    optional int32 i32 = 1; optional int64 i64 = 2; optional uint32 u32 = 3; optional uint64 u64 = 4; optional sint32 s32 = 5;
    optional sint64 s64 = 6; optional fixed32 f32 = 7; optional fixed64 f64 = 8; optional sfixed32 sf32 = 9; optional sfixed64 sf64 = 10;
    optional float float_value = 11; optional double double_value = 12; optional bool flag = 13; optional string text = 14;
    optional bytes data = 15; optional Closed closed = 16; optional All child = 17; optional group Grouped = 18 { optional int32 a = 1; }
    repeated int32 r_i32 = 19; repeated sint64 r_s64 = 20 [packed = true]; repeated string r_text = 21;
    repeated Closed r_closed = 22 [packed = true]; repeated All r_child = 23; repeated double r_double = 24 [packed = true];
    map<string, All> m_child = 26; map<int64, Closed> m_closed = 27; map<bool, bytes> m_bytes = 28; map<fixed32, float> m_float = 29;
    oneof choice { string c_text = 30; All c_child = 31; uint64 c_number = 32; Closed c_closed = 33; }
    optional int64 d_i64 = 35 [default = -9123456789123456789]; optional bytes d_bytes = 36 [default = "a\\377"];
    optional double d_double = 37 [default = -inf]; optional string __proto__ = 38 [default = "data"]; optional bool constructor = 39;
    optional Set set = 34;
    optional Implicit implicit = 40;
    extensions 100 to 200;
  }
  message Set { option message_set_wire_format = true; extensions 4 to max; }
  message Item { extend Set { optional Item item = 4711; } optional string text = 1; }
  message Implicit { optional int32 i = 1; }
  extend All { optional string ext_text = 100; repeated sint32 ext_numbers = 101 [packed = true]; optional All ext_child = 102; }
  message Needs { required int32 must = 1; optional Needs child = 2; }
`
const PROTO3 = `
  syntax = "proto3";
  enum Open { ZERO = 0; ONE = 1; }
  message All {
    int32 i32 = 1; int64 i64 = 2; bool flag = 3; string text = 4; bytes data = 5; Open open = 6; double d = 7; float f = 8;
    optional int32 o_i32 = 9; optional string o_text = 10; repeated Open r_open = 11; map<string, string> m = 12; All child = 13;
    repeated fixed64 r_f64 = 14; oneof choice { All c_child = 15; bool c_flag = 16; string c_text = 17; }
  }
`

const SETTINGS = {
  lenient: false,
  int64: 'auto',
  defaults: true,
  unknownFields: false,
  nan: false,
  depth: 20,
  maxSize: 2147483647,
  maxValues: 1 << 20,
}

function pair(source, settings) {
  const schema = Schema.compile('', source, { ...SETTINGS, ...settings }, () => null)
  const id = schema.outline.messages.findIndex(([name]) => name === 'All')
  return [schema.link(id), bodies(schema, id)]
}

/** Splitmix32. */
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

const SCALARS = [
  ...[0, 1, -1, 5, 127, 128, 16384, -0, 1.5, NaN, Infinity, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 53, 2 ** 64, 1e300],
  ...[
    0n,
    -1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 64n - 1n,
    2n ** 70n,
    '12',
    '-9223372036854775808',
    'x',
    '',
    'ONE',
    'é😀',
    '\ud800',
  ],
  ...[
    true,
    false,
    null,
    undefined,
    Buffer.from('bytes'),
    new Uint8Array(8),
    [],
    {},
    [1, 2],
    { low: 1, high: -1, unsigned: false },
  ],
  ...[new Number(3), Symbol('s'), new Date(0), new Map([['k', 1]]), new Set([1]), () => 1],
]

const NAMES = {
  number: [
    'i32',
    'i64',
    'u32',
    'u64',
    's32',
    's64',
    'f32',
    'f64',
    'sf32',
    'sf64',
    'float_value',
    'double_value',
    'd',
    'f',
    'o_i32',
  ],
  text: ['text', 'c_text', 'ext_text', 'o_text', '__proto__'],
  other: [
    'flag',
    'data',
    'closed',
    'open',
    'c_number',
    'c_closed',
    'c_flag',
    'd_bytes',
    'constructor',
    'grouped',
    'implicit',
    'set',
  ],
  list: ['r_i32', 'r_s64', 'r_text', 'r_closed', 'r_double', 'r_open', 'r_f64', 'ext_numbers'],
  map: ['m_closed', 'm_bytes', 'm_float', 'm'],
  child: ['child', 'c_child', 'ext_child'],
}

/** An object of sensible and, one time in `odd`, of any values. */
function object(next, odd, depth = 0) {
  const o = {}
  const set = (name, value) =>
    Object.defineProperty(o, name, { value, enumerable: true, configurable: true, writable: true })
  const any = () => SCALARS[next(SCALARS.length)]
  const pick = (kind) => NAMES[kind][next(NAMES[kind].length)]
  for (let n = next(6); n > 0; n--) {
    const kind = next(odd) === 0 ? -1 : next(depth < 4 ? 7 : 4)
    if (kind === -1) set(pick(Object.keys(NAMES)[next(6)]), any())
    else if (kind === 0) set(pick('number'), [0, 1, 300, 70000, -1, 1.5][next(6)])
    else if (kind === 1) set(pick('text'), ['', 'a', 'é😀', 'long enough for a call into C++ and more'][next(4)])
    else if (kind === 2)
      set(
        pick('list'),
        Array.from({ length: next(4) }, () => (next(odd) === 0 ? any() : 1 + next(2))),
      )
    else if (kind === 3) set(pick('map'), { 1: 1, [next(9)]: 2, ...(next(odd) === 0 && { true: any() }) })
    else if (kind === 4) set(pick('child'), object(next, odd, depth + 1))
    else if (kind === 5) set('r_child', [object(next, odd, depth + 1), object(next, odd, depth + 1)])
    else set('m_child', { [['', 'k', '__proto__', 'constructor'][next(4)]]: object(next, odd, depth + 1) })
  }
  return o
}

function outcome(call) {
  try {
    return { value: call() }
  } catch (error) {
    return { error }
  }
}

function write({ write }, o) {
  for (let size = 4096; ; size *= 2) {
    const b = Buffer.alloc(size)
    const end = write(b, 0, o, 0)
    if (end <= size) return b.subarray(0, end)
  }
}

const read = ({ read }, bytes) => read(bytes, 0, bytes.length, 0, null)

const VARIANTS = [
  {},
  { defaults: false, unknownFields: true, nan: true },
  { int64: 'bigint', unknownFields: true },
  { int64: 'string', defaults: false },
]

for (const [name, source] of Object.entries({ proto2: SOURCE, proto3: PROTO3 })) {
  for (const settings of VARIANTS) {
    test(`${name} ${JSON.stringify(settings)}: the same bytes, objects and errors`, () => {
      const [emitted, table] = pair(source, settings)
      let encoded = 0
      let decoded = 0
      for (let seed = 0; seed < 1500; seed++) {
        const next = random(seed)
        const o = object(next, seed % 3 === 0 ? 4 : 1000)
        const [a, b] = [emitted, table].map((codec) => outcome(() => write(codec, o)))
        assert.strictEqual(b.error?.message, a.error?.message, `seed ${seed}`)
        assert.strictEqual(b.error?.code, a.error?.code, `seed ${seed}`)
        if (a.error) continue
        encoded++
        assert.deepStrictEqual(b.value, a.value, `seed ${seed}`)
        const bytes = Buffer.from(a.value)
        if (bytes.length > 0 && seed % 2 === 0) bytes[next(bytes.length)] = next(256)
        const [c, d] = [emitted, table].map((codec) => outcome(() => read(codec, bytes)))
        assert.strictEqual(d.error?.code, c.error?.code, `seed ${seed}: ${c.error} ${d.error} ${bytes.toString('hex')}`)
        if (c.error) continue
        decoded++
        assert.deepStrictEqual(d.value, c.value, `seed ${seed} ${bytes.toString('hex')}`)
        assert.deepStrictEqual(write(table, d.value), write(emitted, c.value), `seed ${seed}`)
      }
      // A good part must get through, or nothing much was compared.
      assert.ok(encoded > 500 && decoded > 300, `${encoded} encoded, ${decoded} decoded`)
    })
  }
}

test('message sets, required fields, depth', () => {
  for (const settings of VARIANTS) {
    const schema = Schema.compile('', SOURCE, { ...SETTINGS, ...settings }, () => null)
    const at = (wanted) => schema.outline.messages.findIndex(([name]) => name === wanted)
    for (const [type, value] of [
      ['Set', { '[t.Item.item]': { text: 'x' } }],
      ['Needs', { must: 1, child: { must: 2 } }],
      ['Needs', { must: 1, child: {} }],
      ['Needs', {}],
    ]) {
      const codecs = [schema.link(at(type)), bodies(schema, at(type))]
      const [a, b] = codecs.map((codec) => outcome(() => write(codec, value)))
      assert.strictEqual(b.error?.message, a.error?.message)
      assert.deepStrictEqual(b.value, a.value)
      if (a.error) continue
      const [c, d] = codecs.map((codec) => read(codec, a.value))
      assert.deepStrictEqual(d, c)
    }
    for (const bytes of [Buffer.alloc(0), Buffer.from('12020801', 'hex')]) {
      const [a, b] = [schema.link(at('Needs')), bodies(schema, at('Needs'))].map((codec) =>
        outcome(() => read(codec, bytes)),
      )
      assert.strictEqual(b.error.message, 'Decoded message is not valid')
      assert.strictEqual(a.error.message, b.error.message)
    }
    const cyclic = {}
    cyclic.child = cyclic
    const [a, b] = [schema.link(at('All')), bodies(schema, at('All'))].map((codec) =>
      outcome(() => write(codec, cyclic)),
    )
    assert.strictEqual(a.error.code, 'IRONWIRE_PROTOBUF_DEPTH')
    assert.strictEqual(b.error.message, a.error.message)
  }
})
