'use strict'

// What is not what it should be is an error that says so, and nothing of it goes out; what can be read only once is read once.

const assert = require('node:assert')
const test = require('node:test')
const { structuredClone } = globalThis
const { protobuf } = require('../..')

const detached = (view) => {
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}
const fresh = (n) => new Uint8Array(n)

test('an invalid schema argument is an error, never an empty schema', () => {
  const never = Promise.resolve('message A {}')
  for (const source of [
    never,
    new Date(),
    new URL('file:///a.proto'),
    new Map(),
    /x/,
    [],
    {},
    ['message A {}'],
    5,
    true,
    () => '',
    protobuf('message A {}'),
    new Uint16Array(2),
  ]) {
    assert.throws(() => protobuf(source), { code: 'ERR_INVALID_ARG_TYPE', message: /"source"/ }, String(source))
  }
  for (const source of ['schema.proto', './a/b.proto', 'C:\\schemas\\a.proto', '/tmp/a.proto\r']) {
    assert.throws(() => protobuf(source), { code: 'ERR_INVALID_ARG_VALUE', message: /name of a file/ }, source)
  }
  assert.throws(() => protobuf(detached(fresh(8))), { code: 'ERR_INVALID_ARG_TYPE' })
  const bytes = Uint8Array.from(Buffer.from('message A {}'))
  const shared = new SharedArrayBuffer(bytes.length)
  new Uint8Array(shared).set(bytes)
  for (const source of [bytes, bytes.buffer, shared]) assert.deepStrictEqual(Object.keys(protobuf(source)), ['A'])
  assert.deepStrictEqual(Object.keys(protobuf('message A {} // in a.proto')), ['A'])
})

test('the result of resolveImport is checked', () => {
  for (const found of [never(), {}, new Date(), 5, () => '']) {
    for (const wanted of ['a', 'b']) {
      const resolveImport = (name) => (name === wanted ? found : 'import "b";')
      assert.throws(() => protobuf(null, { filename: 'a', resolveImport }), {
        code: 'ERR_INVALID_RETURN_VALUE',
        message: /resolveImport/,
      })
    }
  }
  assert.throws(
    () => protobuf(null, { filename: 'a', resolveImport: async () => 'message A {}' }),
    /cannot be asynchronous/,
  )
  assert.throws(() => protobuf(null, { filename: 5, resolveImport() {} }), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf(null, { filename: 'a', resolveImport: 'a' }), { code: 'ERR_INVALID_ARG_TYPE' })
  function never() {
    return Promise.resolve('message A {}')
  }
})

test('only an object is a message', () => {
  for (const flags of ['', ` ${Array.from({ length: 20 }, (_, i) => `message M${i} {}`).join(' ')}`]) {
    const { A } = protobuf(
      `message A { optional A a = 1; repeated A r = 2; map<string, A> m = 3; optional int32 i = 4; optional group G = 5 { optional int32 x = 1; } } ${flags}`,
    )
    const wrong = { code: 'ERR_INVALID_ARG_TYPE' }
    for (const value of ['text', 5, 5n, true, Symbol('s'), () => {}]) {
      assert.throws(() => A.encode(value), wrong)
      assert.throws(() => A.encodingLength(value), wrong)
      for (const object of [{ a: value }, { r: [value] }, { m: { k: value } }, { g: value }])
        assert.throws(() => A.encode(object), wrong)
    }
    assert.throws(() => A.encode(null), wrong)
    assert.throws(() => A.encode(), wrong)
    for (const value of [
      Promise.resolve({ i: 1 }),
      new Map([['i', 1]]),
      new Set(),
      new Date(),
      Buffer.from('x'),
      fresh(1).buffer,
      [{ i: 1 }],
      Object('x'),
      /x/,
    ]) {
      assert.throws(() => A.encode(value), wrong)
      for (const object of [{ a: value }, { r: [value] }, { m: { k: value } }, { g: value }])
        assert.throws(() => A.encode(object), wrong)
    }
    for (const m of [Promise.resolve({}), new Set(['a']), new Date(), new WeakMap()])
      assert.throws(() => A.encode({ m }), wrong)
    for (const value of [{}, Object.create(null), new (class Empty {})()]) {
      assert.strictEqual(A.encode(value).length, 0)
      assert.strictEqual(A.encode({ a: value }).toString('hex'), '0a00')
    }
  }
})

test('getters and iterators are read once, also if encoding restarts', () => {
  const { M } = protobuf(
    'message M { repeated int32 r = 1; map<string, int32> m = 2; optional string s = 3; repeated string t = 4; optional M n = 5; }',
  )
  function* count(n, make = (i) => i) {
    for (let i = 0; i < n; i++) yield make(i)
  }
  for (let i = 0; i < 3000; i++) {
    const object = {
      r: count(3),
      s: '0123456789',
      m: count(2, (k) => [`k${k}`, k]),
      t: count(2, String),
      n: { r: [1, 2].values() },
    }
    const decoded = M.decode(M.encode(object))
    assert.deepStrictEqual(
      [decoded.r, decoded.m, decoded.t, decoded.n.r],
      [[0, 1, 2], { k0: 0, k1: 1 }, ['0', '1'], [1, 2]],
    )
  }
  for (const n of [100, 1000, 5000, 100_000]) {
    assert.strictEqual(M.decode(M.encode({ r: count(n) })).r.length, n)
    assert.strictEqual(Object.keys(M.decode(M.encode({ m: count(n, (k) => [`k${k}`, k]) })).m).length, n)
    assert.strictEqual(protobuf.decodeDelimited(M, protobuf.encodeDelimited(M, { r: count(n) })).r.length, n)
  }
  // Another encoding in between neither takes nor leaves anything.
  const outer = {
    r: count(3000),
    get s() {
      return String(M.encode({ r: count(5000) }).length)
    },
  }
  assert.strictEqual(M.decode(M.encode(outer)).r.length, 3000)
  for (const outside of [3, 3000, 30_000]) {
    for (const inside of [3, 3000, 30_000]) {
      const within = protobuf('message M { repeated int32 r = 1; }').M
      for (let i = 0; i < 3; i++) {
        const object = {
          r: count(outside, (k) => {
            if (k === 2) assert.strictEqual(within.decode(within.encode({ r: count(inside) })).r.length, inside)
            return k
          }),
          get s() {
            return String(within.decode(within.encode({ r: count(inside) })).r.length)
          },
        }
        const decoded = M.decode(M.encode(object))
        assert.deepStrictEqual([decoded.r.length, decoded.s], [outside, String(inside)])
      }
    }
  }
  const spent = count(3)
  assert.strictEqual(M.decode(M.encode({ r: spent })).r.length, 3)
  assert.strictEqual(M.decode(M.encode({ r: spent })).r.length, 0)
  const broken = (function* () {
    yield 1
    throw new Error('mine')
  })()
  assert.throws(() => M.encode({ r: broken }), { message: 'mine' })
  const set = new Set([1])
  M.encode({ r: set })
  set.add(2)
  assert.deepStrictEqual(M.decode(M.encode({ r: set })).r, [1, 2])
  assert.throws(() => M.encode({ m: [1, 2].values() }), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('positions are integers', () => {
  const { A } = protobuf('message A { optional int32 a = 1; }')
  const int32 = A.dependencies[0]
  const bytes = A.encode({ a: 1 })
  const into = () => Buffer.alloc(8)
  for (const [offset, code] of [
    [0.5, 'ERR_OUT_OF_RANGE'],
    [NaN, 'ERR_OUT_OF_RANGE'],
    [Infinity, 'ERR_OUT_OF_RANGE'],
    ['1', 'ERR_INVALID_ARG_TYPE'],
    ['', 'ERR_INVALID_ARG_TYPE'],
    [1n, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [true, 'ERR_INVALID_ARG_TYPE'],
  ]) {
    for (const call of [
      () => A.encode({ a: 1 }, into(), offset),
      () => A.decode(bytes, offset),
      () => A.decode(bytes, 0, offset),
      () => int32.encode(1, into(), offset),
      () => int32.decode(bytes, offset),
      () => protobuf.encodeDelimited(A, { a: 1 }, into(), offset),
      () => protobuf.decodeDelimited(A, into(), offset),
    ]) {
      assert.throws(call, { code }, `${call} ${String(offset)}`)
    }
  }
  for (const offset of [-1, 9, 2 ** 40]) {
    assert.throws(() => A.encode({ a: 1 }, into(), offset), { code: 'ERR_OUT_OF_RANGE' })
    assert.throws(() => protobuf.encodeDelimited(A, { a: 1 }, into(), offset), { code: 'ERR_OUT_OF_RANGE' })
    assert.throws(() => A.decode(bytes, offset), { message: 'Decoded message is not valid' })
    assert.throws(() => int32.decode(bytes, offset), { message: 'Decoded message is not valid' })
  }
  for (const none of [undefined, null, 0, -0]) {
    assert.strictEqual(A.decode(bytes, none).a, 1)
    assert.strictEqual(A.decode(bytes, none, none).a, 1)
    assert.strictEqual(A.encode({ a: 1 }, into(), none).toString('hex'), '0801000000000000')
  }
})

test('integers in strings are exact or refused', () => {
  for (const type of [
    'int64',
    'uint64',
    'sint64',
    'fixed64',
    'sfixed64',
    'int32',
    'uint32',
    'sint32',
    'fixed32',
    'sfixed32',
  ]) {
    const { A } = protobuf(`message A { optional ${type} a = 1; }`)
    for (const text of ['5', ' 5 ', '+5', '5.0', '5e0', '0.5e1'].filter(
      (each) => /32/.test(type) || !/[ ]/.test(each),
    )) {
      assert.strictEqual(A.decode(A.encode({ a: text })).a, 5, `${type} ${text}`)
    }
    for (const text of [
      '1.5',
      '5.00000000000000000001',
      '9007199254740993.0',
      '5.0000000000000000001e0',
      '0x',
      '',
      ' ',
      '1e-1',
      'five',
    ]) {
      assert.throws(
        () => A.encode({ a: text }),
        { name: /Error/, code: /ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)/ },
        `${type} ${text}`,
      )
    }
  }
  const { A } = protobuf('message A { optional int64 a = 1; }')
  assert.strictEqual(A.decode(A.encode({ a: '9007199254740993' })).a, 9007199254740993n)
})

test('an unknown enum value is named together with its enum', () => {
  const { A } = protobuf(
    'package p; message A { enum Color { RED = 0; } optional Color c = 1; repeated Color r = 2; map<string, Color> m = 3; }',
  )
  for (const object of [{ c: 'GREEN' }, { r: ['RED', 'GREEN'] }, { m: { k: 'GREEN' } }]) {
    assert.throws(() => A.encode(object), {
      code: 'IRONWIRE_PROTOBUF_ENUM',
      message: /'GREEN' is no value of p\.A\.Color, for [crm]$/,
    })
  }
  assert.strictEqual(A.encode({ c: '0' }).toString('hex'), '0800')
})

test('detached buffers and invalid text are errors everywhere', () => {
  const { A } = protobuf('message A { optional bytes b = 1; repeated int32 r = 2; }', { unknownFields: true })
  const wrong = { code: 'ERR_INVALID_ARG_TYPE', message: /detached/ }
  const gone = fresh(4)
  const view = new DataView(gone.buffer)
  const { buffer } = gone
  detached(gone)
  for (const b of [gone, view, buffer]) assert.throws(() => A.encode({ b }), wrong)
  assert.throws(() => A.encode({ r: gone }), wrong)
  assert.throws(() => A.encode({ [protobuf.unknownFields]: [gone] }), wrong)
  assert.throws(() => A.encode({}, gone), wrong)
  assert.throws(() => A.decode(gone), wrong)
  assert.throws(() => protobuf.binaryToJson(A, gone), wrong)
  assert.throws(() => protobuf.decodeDelimited(A, gone), wrong)
  assert.throws(() => protobuf.fromDescriptorSet(gone), wrong)
  assert.throws(() => protobuf.fromJson(A, '{"b":"\ud800"}'), { code: 'IRONWIRE_PROTOBUF_UTF8', message: /surrogate/ })
  assert.throws(() => protobuf.fromText(A, 'b: "\ud800"'), { code: 'IRONWIRE_PROTOBUF_UTF8', message: /surrogate/ })
})

test('a small message keeps at most 8 KiB alive', () => {
  const { A } = protobuf('message A { optional string s = 1; }')
  for (let n = 0; n < 20000; n = (n * 5) / 4 + 1) {
    const bytes = A.encode({ s: 'x'.repeat(n) })
    assert.ok(
      bytes.buffer.byteLength <= (bytes.length <= 4096 ? 8192 : bytes.length <= 8192 ? 65536 : bytes.length),
      `${bytes.length} bytes hold ${bytes.buffer.byteLength}`,
    )
  }
})

test('unknown options are refused, except in functions that mirror protocol-buffers', () => {
  const messages = protobuf('message A { optional int32 a = 1; }', { unheardOf: true, defaults: true })
  const { A } = messages
  const bytes = A.encode({ a: 1 })
  for (const [call, near] of [
    [() => protobuf.binaryToJson(A, bytes, { protoName: true }), 'protoNames'],
    [() => protobuf.toJson(A, { a: 1 }, { default: true }), 'defaults'],
    [() => protobuf.jsonToBinary(A, '{}', { ignoreUnknow: true }), 'ignoreUnknown'],
    [() => protobuf.fromJson(A, '{}', { partal: true }), 'partial'],
    [() => protobuf.binaryToText(A, bytes, { singleline: true }), 'singleLine'],
    [() => protobuf.toText(A, { a: 1 }, { single_line: true }), 'singleLine'],
    [() => protobuf.textToBinary(A, '', { ignoreunknown: true }), 'ignoreUnknown'],
    [() => protobuf.fromText(A, '', { Partial: true }), 'partial'],
    [() => protobuf.toDescriptorSet(messages, { sourceinfo: true }), 'sourceInfo'],
    [() => protobuf.fromDescriptorSet(protobuf.toDescriptorSet(messages), { int6: 'string' }), 'int64'],
    [() => protobuf.toJS('message A {}', { encoding: 'x' }), 'encodings'],
    [() => protobuf('message A {}', { limits: { nestings: 5 } }), 'nesting'],
    [() => new protobuf.DelimitedDecoder(A, { maxsize: 5 }), 'maxSize'],
    [() => new protobuf.DelimitedEncoder(A, { highwaterMark: 5 }), 'highWaterMark'],
    [() => protobuf.decodeStream(A, [], { maxSizes: 5 }), 'maxSize'],
  ]) {
    assert.throws(
      call,
      { code: 'IRONWIRE_UNKNOWN_OPTION', message: new RegExp(`Did you mean "${near}"`) },
      String(call),
    )
  }
  new protobuf.DelimitedDecoder(A, { maxSize: 5, readableHighWaterMark: 2 })
})

test('a scalar encoding keeps only the memory that it needs', () => {
  const { A } = protobuf('message A { optional string s = 1; }')
  const bytes = A.dependencies[0].encode('abc')
  assert.strictEqual(bytes.buffer.byteLength, bytes.length)
})
