'use strict'

// What `protobuf()` returns, beside npm `protocol-buffers`.

const assert = require('node:assert')
const { isUtf8 } = require('node:buffer')
const test = require('node:test')
const util = require('node:util')
const reference = require('protocol-buffers')
const { protobuf } = require('../..')

const PERSON = 'message Person { required int32 age = 16; required string name = 0; }'

test('the tutorial: same print, same bytes', () => {
  const ours = protobuf(Buffer.from(PERSON), 'utf-8')
  const theirs = reference(Buffer.from(PERSON), 'utf-8')
  assert.strictEqual(util.inspect(ours), util.inspect(theirs))
  assert.strictEqual(util.inspect(ours, { depth: 9 }), util.inspect(theirs, { depth: 9 }))
  const bytes = ours.Person.encode({ age: 12, name: 'fltenwall' })
  assert.strictEqual(util.inspect(bytes), '<Buffer 80 01 0c 02 09 66 6c 74 65 6e 77 61 6c 6c>')
  assert.strictEqual(ours.Person.encode.bytes, 14)
  assert.deepStrictEqual(ours.Person.decode(bytes), { age: 12, name: 'fltenwall' })
  assert.strictEqual(ours.Person.decode.bytes, 14)
  assert.deepStrictEqual(theirs.Person.decode(bytes), ours.Person.decode(bytes))
})

test('nested types, enums, maps and packages print as in protocol-buffers', () => {
  const source = `package foo;
    enum E { A = 1; B = 2; }
    message X {
      message Y { optional int32 a = 1; }
      enum Z { Q = 0; }
      repeated Y y = 1; map<string, int32> m = 2; optional E e = 3; optional Z z = 4;
      oneof o { int32 p = 5; string q = 6; }
      optional bytes b = 7; optional int64 i = 9;
    }`
  const ours = protobuf(source)
  const theirs = reference(source)
  const shape = (value) =>
    JSON.parse(JSON.stringify(value, (_, item) => (typeof item === 'function' ? item.name || 'encodingLength' : item)))
  assert.deepStrictEqual(Object.keys(ours), Object.keys(theirs))
  for (const name of Object.keys(theirs)) assert.deepStrictEqual(shape(ours[name]), shape(theirs[name]))
  const empty = Buffer.alloc(0)
  assert.deepStrictEqual(ours.X.decode(empty), theirs.X.decode(empty))
  const object = { y: [{ a: 1 }, { a: 300 }], m: { a: 1, b: 2 }, e: 2, z: 0, q: 'x', b: Buffer.from('b'), i: 5 }
  const bytes = ours.X.encode(object)
  assert.deepStrictEqual(bytes, theirs.X.encode(object))
  assert.deepStrictEqual({ ...ours.X.decode(bytes) }, { ...theirs.X.decode(bytes) })
})

test('encode writes into a buffer at an offset, decode reads a range', () => {
  const { Person } = protobuf(PERSON)
  const room = Buffer.alloc(20, 0xff)
  assert.strictEqual(Person.encode({ age: 1, name: 'a' }, room, 3), room)
  assert.strictEqual(Person.encode.bytes, 6)
  assert.strictEqual(Person.encodingLength({ age: 1, name: 'a' }), 6)
  assert.strictEqual(Person.encode.bytes, 6)
  assert.deepStrictEqual(Person.decode(room, 3, 9), { age: 1, name: 'a' })
  assert.strictEqual(Person.decode.bytes, 6)
  assert.throws(() => Person.encode({ age: 1, name: 'a' }, Buffer.alloc(5)), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' })
  assert.throws(() => Person.decode(room, 3, 21), { message: 'Decoded message is not valid' })
})

test('errors have the texts of protocol-buffers', () => {
  const { Person } = protobuf(PERSON)
  assert.throws(() => Person.encode({ name: 'a' }), { message: 'age is required' })
  assert.throws(() => Person.encode({ age: NaN, name: 'a' }), { message: 'age is required' })
  assert.throws(() => Person.decode(Buffer.alloc(0)), { message: 'Decoded message is not valid' })
  assert.throws(() => protobuf('message A { optional Foo foo = 1; }'), /Could not resolve Foo/)
  assert.throws(() => protobuf(), { message: 'Pass in a .proto string or a protobuf-schema parsed object' })
  assert.throws(() => protobuf(null, { filename: 'a' }), {
    message: 'opts.resolveImport is required if opts.filename is given.',
  })
  const own = new Error('mine')
  assert.throws(
    () =>
      protobuf(null, {
        filename: 'a',
        resolveImport: () => {
          throw own
        },
      }),
    (error) => error === own,
  )
})

test('repeated numbers: absent, packed, unpacked, in pieces, as extensions', () => {
  const source = `syntax = "proto2"; message A { repeated uint32 u = 1; repeated int32 i = 2 [packed = true]; extensions 10 to 20; }
    extend A { repeated uint32 more = 10 [packed = true]; }`
  const { A } = protobuf(source)
  assert.deepStrictEqual(A.decode(Buffer.alloc(0)), { u: [], i: [], more: [] })
  assert.deepStrictEqual(A.decode(Buffer.from('080108020a020304', 'hex')), { u: [1, 2, 3, 4], i: [], more: [] })
  assert.deepStrictEqual(A.decode(Buffer.from('0a0203040801', 'hex')), { u: [3, 4, 1], i: [], more: [] })
  const many = Array.from({ length: 5000 }, (_, i) => (i % 7 === 0 ? 4294967295 - i : i * i))
  const object = { u: many, i: many.map((n) => n | 0), more: [4294967295, 0] }
  assert.deepStrictEqual(A.decode(A.encode(object)), object)
  for (const cut of ['1203808080', '120180', '12028080', '1202ff']) {
    assert.throws(() => A.decode(Buffer.from(cut, 'hex')), { code: 'IRONWIRE_PROTOBUF_INVALID' })
  }
})

test('strings of every length, of every kind', () => {
  const { A } = protobuf('message A { optional string s = 1; optional int32 after = 2; }')
  const strict = protobuf('syntax = "proto3"; message A { string s = 1; int32 after = 2; }').A
  for (let n = 0; n < 140; n++) {
    for (const unit of ['a', 'é', '語', '\u{1f389}', '\ufffd']) {
      const s = 'x'.repeat(n) + unit
      const expected = Buffer.from(s)
      const bytes = A.encode({ s, after: 5 })
      assert.ok(bytes.includes(expected))
      assert.deepStrictEqual(A.decode(bytes), { s, after: 5 })
      assert.deepStrictEqual(strict.decode(bytes), { s, after: 5 })
      const broken = Buffer.from(bytes)
      broken[broken.length - 3] = 0xff
      assert.ok(A.decode(broken).s.endsWith('\ufffd'))
      assert.throws(() => strict.decode(broken), /UTF-8/)
    }
    const lone = `${'x'.repeat(n)}\ud83d`
    assert.deepStrictEqual(A.decode(A.encode({ s: lone })).s, `${'x'.repeat(n)}\ufffd`)
  }
})

test('strings of arbitrary bytes: invalid UTF-8 is replaced, and nothing beyond the end is read', () => {
  const { A } = protobuf('message A { optional string s = 1; optional bytes after = 2; }')
  const strict = protobuf('syntax = "proto3"; message A { string s = 1; bytes after = 2; }').A
  const kinds = [0x00, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0, 0xf4, 0xff]
  const check = (...text) => {
    // What follows could go on where the text ends too early.
    const bytes = Buffer.from([0x0a, text.length, ...text, 0x12, 3, 0x80, 0x80, 0x80])
    assert.strictEqual(A.decode(bytes).s, bytes.toString('utf8', 2, 2 + text.length))
    if (isUtf8(Buffer.from(text))) assert.strictEqual(strict.decode(bytes).s, A.decode(bytes).s)
    else assert.throws(() => strict.decode(bytes), /UTF-8/)
  }
  for (const a of kinds) {
    check(0x41, a)
    for (const b of kinds) {
      check(a, b)
      for (const c of kinds) {
        check(a, b, c)
        for (const d of [0x41, 0x9f, 0xc3]) check(a, b, c, d)
      }
    }
  }
  // The end of the buffer is the end of the text.
  for (const lead of [0xc3, 0xe2]) assert.strictEqual(A.decode(Buffer.from([0x0a, 2, 0x41, lead])).s, 'A\ufffd')
})

test('packed varints of every size at every position', () => {
  for (const type of ['int32', 'uint32', 'int64', 'uint64']) {
    const { A } = protobuf(`message A { repeated ${type} u = 1 [packed = true]; }`)
    const body = (u) => {
      const bytes = A.encode({ u })
      return bytes.subarray(bytes.length < 130 ? 2 : 3).toString('hex')
    }
    const values = [
      0,
      1,
      127,
      128,
      16383,
      16384,
      2097151,
      2097152,
      2 ** 31 - 1,
      1.5,
      -0,
      null,
      undefined,
      Number.NaN,
      '300',
      true,
    ]
    if (type.startsWith('int')) values.push(-1)
    if (type.endsWith('64')) values.push(2 ** 53, 2n ** 60n)
    for (let n = 0; n < 20; n++) {
      for (const value of values) {
        for (let at = 0; at <= n; at++) {
          const u = Array.from({ length: n }, (_, i) => (i * 37) % 200)
          u.splice(at, 0, value)
          assert.strictEqual(body(u), u.map((one) => body([one])).join(''))
        }
      }
    }
    assert.throws(() => A.encode({ u: [1, 2, 3, 4, 5, {}] }), { code: 'ERR_INVALID_ARG_TYPE' })
    const holes = Array(6)
    for (const i of [1, 3, 5]) holes[i] = i
    assert.strictEqual(body(holes), '010305')
  }
})

test('required fields of a message that arrives in several parts', () => {
  for (const unknownFields of [false, true]) {
    const { A } = protobuf(
      `message B { required int32 x = 1; required int32 y = 2; }
      message A { optional B b = 1; optional int32 z = 2; oneof o { B c = 3; int32 d = 4; } repeated B r = 5; }`,
      { unknownFields, defaults: false },
    )
    const decode = (hex) => A.decode(Buffer.from(hex, 'hex'))
    assert.deepEqual(decode('0a020801 1005 0a021002'.replaceAll(' ', '')), { b: { x: 1, y: 2 }, z: 5, r: [] })
    assert.strictEqual(A.decode.bytes, 10)
    assert.deepEqual(decode('1a0208012005'), { d: 5, r: [] })
    // What the schema does not know comes along.
    const kept = decode('0a020801 f80109 0a021002'.replaceAll(' ', ''))
    assert.strictEqual(A.encode(kept).includes('f80109', 'hex'), unknownFields)
    for (const hex of ['0a020801', '0a0208010a020803', '2a0208012a021002', '1a020801']) {
      assert.throws(() => decode(hex), { message: 'Decoded message is not valid', code: 'IRONWIRE_PROTOBUF_INVALID' })
    }
  }
})

test('a missing root file is a schema error', () => {
  for (const found of [null, undefined]) {
    const options = { filename: 'a.proto', resolveImport: () => found }
    const expected = { code: 'IRONWIRE_PROTOBUF_SCHEMA', message: /^a\.proto: resolveImport gave / }
    assert.throws(() => protobuf(null, options), expected)
    assert.throws(() => protobuf.toJS(null, options), expected)
  }
})

test('values for 32-bit fields: BigInts, decimal strings and boxed numbers; others are errors', () => {
  for (const type of ['int32', 'sint32', 'sfixed32', 'uint32', 'fixed32', 'E']) {
    for (const label of ['optional', 'repeated', 'packed']) {
      const field = `${label === 'packed' ? 'repeated' : label} ${type} n = 1 ${label === 'packed' ? '[packed = true]' : ''}`
      const { A } = protobuf(`enum E { ZERO = 0; MANY = 70000; } message A { ${field}; }`)
      const wrap = (n) => ({ n: label === 'optional' ? n : [n] })
      for (const n of [70000n, '70000', Object(70000), Object(70000n)]) {
        assert.deepStrictEqual(A.encode(wrap(n)), A.encode(wrap(70000)), `${type} ${label}`)
      }
      for (const n of [Symbol('s'), {}, []]) {
        assert.throws(() => A.encode(wrap(n)), { code: 'ERR_INVALID_ARG_TYPE', message: /"n"/ })
      }
      const wrong =
        type === 'E'
          ? { code: 'IRONWIRE_PROTOBUF_ENUM', message: "Invalid enum value: 'x' is no value of E, for n" }
          : { code: 'ERR_INVALID_ARG_TYPE', message: /"n"/ }
      assert.throws(() => A.encode(wrap('x')), wrong)
      assert.throws(() => A.encode(wrap(2n ** 32n)), { code: 'ERR_OUT_OF_RANGE' })
    }
  }
})

test('a oneof that was not set can be encoded again, whatever its defaults are', () => {
  const pairs = [
    ['bytes a = 1 [default = "B"]', 'int32 b = 2'],
    ['bytes a = 1 [default = ""]', 'bytes b = 2 [default = "C"]'],
    ['float a = 1 [default = nan]', 'double b = 2 [default = -0.0]'],
    ['string a = 1 [default = "x"]', 'uint64 b = 2 [default = 18446744073709551615]'],
  ]
  for (const [a, b] of pairs) {
    const { M } = protobuf(`syntax = "proto2"; message M { oneof o { ${a}; ${b}; } }`, { nan: true })
    const unset = M.decode(Buffer.alloc(0))
    assert.deepStrictEqual(Object.keys(unset), ['a', 'b'])
    assert.strictEqual(M.encode(unset).length, 0)
    for (const other of [
      { a: unset.a, b: 5 },
      { a: '7', b: unset.b },
    ]) {
      assert.throws(() => M.encode(other), { code: 'IRONWIRE_PROTOBUF_ONEOF' })
    }
  }
})
