'use strict'

// Attacks on other protobuf libraries, replayed: what each CVE did there must be an error or plain data here. The file runs itself
// again with code generation off, so that emitted code and the Rust codec are both attacked.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const { protobuf } = require('../..')
const { schemaOf } = require('../../lib/protobuf/messages.js')

const SWITCH = '--disallow-code-generation-from-strings'
if (!process.execArgv.includes(SWITCH) && process.env.IRONWIRE_SECURITY_CHILD === undefined) {
  test('everything works with code generation switched off', () => {
    const child = spawnSync(process.execPath, [SWITCH, '--test-reporter=tap', __filename], {
      encoding: 'utf8',
      env: { ...process.env, IRONWIRE_SECURITY_CHILD: '1', NODE_TEST_CONTEXT: undefined },
    })
    assert.strictEqual(child.status, 0, child.stdout + child.stderr)
    assert.match(child.stdout, /# pass [1-9]\d/)
  })
}

/** Nothing that a test did may show on objects it has not made. */
const BUILT_IN = [
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  Symbol,
  Error,
  Map,
  Set,
  Buffer,
  Uint8Array,
  Promise,
]
const surroundings = () =>
  BUILT_IN.flatMap((made) => [made, made.prototype]).map((o) => Object.entries(Object.getOwnPropertyDescriptors(o)))
const pristine = surroundings()
function unpolluted() {
  const now = surroundings()
  for (const [i, entries] of pristine.entries()) {
    assert.strictEqual(now[i].length, entries.length)
    for (const [j, [name, { value, get, set }]] of entries.entries()) {
      const [key, after] = now[i][j]
      assert.ok(key === name && Object.is(after.value, value) && after.get === get && after.set === set, name)
    }
  }
  assert.strictEqual({}.polluted, undefined)
  assert.strictEqual(Function.prototype.polluted, undefined)
  assert.strictEqual(globalThis.pwned, undefined)
}

/** Fails when `code` takes out of proportion longer for twice the input: what grows with the square shows at this size. */
function linear(what, run) {
  const time = (n) => {
    const started = process.cpuUsage()
    run(n)
    const used = process.cpuUsage(started)
    return used.user + used.system
  }
  time(1_000)
  const small = Math.max(Math.min(time(20_000), time(20_000)), 1_000)
  const large = Math.min(time(160_000), time(160_000))
  // Eight times the input: 8 when linear, 64 when quadratic.
  assert.ok(large / small < 40, `${what}: ${large / small} times the work for 8 times the input`)
}

const varint = (value) => {
  const bytes = []
  for (let v = BigInt(value); ; v >>= 7n) {
    if (v < 128n) return Buffer.from([...bytes, Number(v)])
    bytes.push(Number(v & 127n) | 128)
  }
}
const field = (number, wireType, ...rest) => Buffer.concat([varint((number << 3) | wireType), ...rest])
const wrapped = (number, body) => field(number, 2, varint(body.length), body)

const invalid = (run, pattern) => {
  assert.throws(
    run,
    (error) =>
      error instanceof Error &&
      !(error instanceof RangeError && /call stack/.test(error.message)) &&
      (!pattern || pattern.test(error.message)),
  )
  unpolluted()
}

// ---- the schema's text

test('CVE-2018-3738: option names cannot make the parser backtrack', () => {
  linear('an option name of many parts', (n) => {
    try {
      protobuf(`option (${'a.'.repeat(n)}`)
    } catch (error) {
      assert.match(error.message, /expected/)
    }
  })
  linear('a type name of many parts', (n) => {
    try {
      protobuf(`message A { required ${'a.'.repeat(n)}! b = 1; }`)
    } catch (error) {
      assert.ok(error.message.length < 1_000, 'an error quotes no more than it needs')
    }
  })
})

for (const [cve, name] of [
  ['CVE-2022-25878', '(foo).constructor.prototype.polluted'],
  ['CVE-2022-25878', '(foo).__proto__.polluted'],
  ['CVE-2023-36665', 'constructor.prototype.polluted'],
  ['CVE-2023-36665', '__proto__.polluted'],
  ['CVE-2026-44290', 'hasOwnProperty.call.polluted'],
  ['CVE-2026-44290', 'toString'],
  ['CVE-2026-44290', 'constructor.keys'],
  ['CVE-2026-44290', '(foo).constructor.keys'],
  ['CVE-2026-44290', '(foo).toString.constructor.prototype.call'],
  ['CVE-2026-5758', '(__proto__).polluted'],
  ['CVE-2026-5758', '(a).__proto__.polluted'],
]) {
  test(`${cve}: an option called ${name} pollutes nothing`, () => {
    for (const source of [
      `option ${name} = "yes"; message A { optional string a = 1; }`,
      `message A { option ${name} = "yes"; optional string a = 1; }`,
      `message A { optional string a = 1 [${name} = "yes"]; }`,
      `enum E { option ${name} = "yes"; Z = 0; } message A { optional string a = 1; optional E e = 2; }`,
      `message A { optional string a = 1; } service S { option ${name} = "yes"; rpc M (A) returns (A) { option ${name} = { a: 1 }; } }`,
      `option (x) = { __proto__ { polluted: "yes" } constructor { prototype { polluted: "yes" } } }; message A { optional string a = 1; }`,
    ]) {
      for (const strict of [false, true]) {
        let messages
        try {
          messages = protobuf(source, { strict })
        } catch (error) {
          assert.ok(error instanceof Error)
          unpolluted()
          continue
        }
        if (messages.A !== undefined)
          assert.strictEqual(messages.A.decode(messages.A.encode({ a: 'x' })).a === undefined, false)
        unpolluted()
      }
    }
  })
}

/** A schema as npm `protocol-buffers-schema` gives it: one message with one field, and what is put over them. */
function schemaObject({ file, message, field }) {
  const a = { name: 'a', type: 'string', tag: 1, map: null, oneof: null, required: false, repeated: false, options: {} }
  const A = { name: 'A', enums: [], messages: [], extends: [], extensions: null, fields: [{ ...a, ...field }] }
  return { syntax: 2, package: null, imports: [], enums: [], messages: [{ ...A, ...message }], ...file }
}

test('CVE-2026-5758: a schema object cannot pollute either', () => {
  for (const options of ['{"__proto__": {"polluted": true}}', '{"constructor": {"prototype": {"polluted": true}}}']) {
    const schema = schemaObject({ file: { options: JSON.parse(options) }, field: { options: JSON.parse(options) } })
    assert.strictEqual(protobuf(schema).A.decode(protobuf(schema).A.encode({ a: 'x' })).a, 'x')
    unpolluted()
  }
})

// The first is the published attack on protobufjs: its first half ended the function that it generated.
const CODE = [
  'Data(){globalThis.pwned=1};\nfunction X',
  '");globalThis.pwned=1;//',
  "'+(globalThis.pwned=1)+'",
  '$' + '{globalThis.pwned=1}',
  '*/globalThis.pwned=1/*',
  '\u2028globalThis.pwned=1',
  'a;globalThis.pwned=1',
  'a\nglobalThis.pwned=1',
  'a\r\0\b',
  '\\"];globalThis.pwned=1;//',
  '__proto__',
  'constructor',
]

test('CVE-2026-41242: names and types are never code', () => {
  for (const code of CODE) {
    for (const over of [
      { field: { name: code } },
      { field: { type: code } },
      { field: { tag: code } },
      { field: { oneof: code } },
      { field: { map: { from: 'string', to: code } } },
      { field: { map: { from: code, to: 'string' } } },
      { field: { options: { default: code } } },
      // CVE-2026-44293: not a string, and of bytes.
      ...[code, [code], [[code]], { toString: () => code }, { length: 1, 0: code }].flatMap((value) => [
        { field: { type: 'bytes', options: { default: value } } },
        { field: { type: 'int32', options: { default: value } } },
      ]),
      { field: { options: { packed: code } } },
      { message: { name: code } },
      { message: { enums: [{ name: code, values: { Z: { value: 0 } } }] } },
      { message: { enums: [{ name: 'E', values: { [code]: { value: 0 } } }] } },
      { file: { package: code } },
    ]) {
      try {
        for (const message of Object.values(protobuf(schemaObject(over)))) {
          if (message.encode) message.decode(message.encode({ a: 'x' }))
        }
      } catch (error) {
        assert.ok(error instanceof Error)
      }
      unpolluted()
    }
    for (const source of [
      `message ${code} { required string a = 1; }`,
      `message A { required string ${code} = 1; }`,
      `message A { required ${code} a = 1; }`,
      `enum ${code} { Z = 0; }`,
      `package ${code}; message A { required string a = 1; }`,
      `import "${code}"; message A { required string a = 1; }`,
    ]) {
      try {
        protobuf(source, { resolveImport: () => 'message B {}' }).A?.decode(Buffer.alloc(0))
      } catch (error) {
        assert.ok(error instanceof Error)
      }
      unpolluted()
    }
  }
})

/** A serialized FileDescriptorSet of one file with one message, and what is put over them. */
function descriptors({
  file = 'a.proto',
  pkg = '',
  name = 'A',
  field: fieldName = 'a',
  type = '',
  default: value,
  oneof,
  json,
}) {
  const text = (number, s) => wrapped(number, Buffer.from(s))
  const kind = type ? [field(5, 0, varint(11)), text(6, type)] : [field(5, 0, varint(12))]
  const fields = [text(1, fieldName), field(3, 0, varint(1)), field(4, 0, varint(1)), ...kind]
  if (value !== undefined) fields.push(text(7, value))
  if (oneof !== undefined) fields.push(field(9, 0, varint(0)))
  if (json !== undefined) fields.push(text(10, json))
  const message = [text(1, name), wrapped(2, Buffer.concat(fields))]
  if (oneof !== undefined) message.push(wrapped(8, text(1, oneof)))
  return wrapped(
    1,
    Buffer.concat([text(1, file), text(2, pkg), wrapped(4, Buffer.concat(message)), text(12, 'proto2')]),
  )
}

test('CVE-2026-41242, CVE-2026-44293, CVE-2026-44294: a descriptor set cannot name code either', () => {
  const { A } = protobuf.fromDescriptorSet(descriptors({ default: 'x', oneof: 'o', json: 'b' }))
  assert.strictEqual(A.decode(A.encode({ a: Buffer.from('y') })).a.toString(), 'y', 'the descriptor itself is right')
  for (const code of CODE) {
    for (const what of ['file', 'pkg', 'name', 'field', 'type', 'default', 'oneof', 'json']) {
      for (const strict of [false, true]) {
        try {
          const messages = protobuf.fromDescriptorSet(descriptors({ [what]: code }), { strict })
          for (const message of Object.values(messages)) {
            if (!message.encode) continue
            message.decode(message.encode({ a: 'x' }))
            message.decode(Buffer.alloc(0))
            protobuf.toJson(message, { a: 'x' })
          }
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof SyntaxError), `${what} ${code}: ${error}`)
        }
        unpolluted()
      }
    }
  }
})

test('CVE-2026-44293: defaults are never code', () => {
  for (const code of CODE) {
    const escaped = [...Buffer.from(code)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
    const { A } = protobuf(`message A {
      optional string text = 1 [default = "${escaped}"];
      optional bytes data = 2 [default = "${escaped}"];
    }`)
    const decoded = A.decode(Buffer.alloc(0))
    assert.strictEqual(decoded.text, code)
    assert.strictEqual(Buffer.from(decoded.data).toString(), code)
    unpolluted()
  }
})

test('CVE-2026-44291: a prototype that somebody else polluted does not become code', () => {
  const keys = ['foreign', 'Other', 'int128', 'pwn']
  try {
    for (const key of keys) {
      Object.defineProperty(Object.prototype, key, {
        value: 'globalThis.pwned=1',
        configurable: true,
        writable: true,
        enumerable: true,
      })
    }
    assert.throws(() => protobuf('message A { optional int128 a = 1; }'))
    const { A } = protobuf('message A { optional string a = 1; optional A pwn2 = 2; }')
    assert.strictEqual(A.decode(A.encode({ a: 'x' })).a, 'x')
    assert.throws(() => protobuf('message B { optional Other o = 1; }'))
    // What is polluted has the names of types that there are, too.
    const known = protobuf(`message Other { optional string foreign = 1; } enum pwn { Z = 0; }
      message B { optional Other o = 1; repeated pwn e = 2; map<string, Other> m = 3; }`).B
    const decoded = known.decode(known.encode({ o: { foreign: 'x' }, e: [0], m: { k: {} } }))
    assert.strictEqual(decoded.o.foreign, 'x')
    assert.deepStrictEqual(decoded.e, [0])
  } finally {
    for (const key of keys) delete Object.prototype[key]
  }
  unpolluted()
})

test('CVE-2026-44294: fields with the names of everything that code needs', () => {
  const names = [
    'constructor',
    'prototype',
    'hasOwnProperty',
    'toString',
    'valueOf',
    'length',
    'name',
    'arguments',
    'caller',
    'eval',
    'this',
    'var',
    'function',
    'return',
    'yield',
    'await',
    'class',
    'new',
    'delete',
    'default',
    'null',
    'true',
    'undefined',
    'Object',
    'Buffer',
    'W',
    'R',
    'b',
    'p',
    'o',
    'm',
    'end',
    'depth',
    'then',
    'toJSON',
    'inspect',
    'encode',
    'decode',
    'bytes',
    '__defineGetter__',
    '__lookupSetter__',
    '__proto__',
  ]
  const source = `message A { ${names.map((name, i) => `optional string ${name} = ${i + 1};`).join(' ')} }`
  const { A } = protobuf(source)
  const object = Object.create(null)
  for (const name of names) object[name] = `value of ${name}`
  const decoded = A.decode(A.encode(object))
  for (const name of names) {
    assert.strictEqual(Object.getOwnPropertyDescriptor(decoded, name)?.value, `value of ${name}`, name)
  }
  unpolluted()
  for (const kind of ['enum', 'message']) {
    const source = names
      .map((name) =>
        kind === 'enum' ? `enum ${name} { Z_${name} = 0; }` : `message ${name} { optional int32 a = 1; }`,
      )
      .join('\n')
    const all = protobuf(source)
    for (const name of names) assert.ok(Object.hasOwn(all, name), `${kind} ${name}`)
    unpolluted()
  }
})

test('CVE-2026-45740: depth of schemas, in source and as objects', () => {
  for (const depth of [500, 20_000, 200_000]) {
    invalid(() => protobuf(`${'message A { '.repeat(depth)}${'}'.repeat(depth)}`), /nest|deep/)
    invalid(() => protobuf(`option (a) = ${'{ a: '.repeat(depth)}1${'}'.repeat(depth)};`), /nest|deep/)
    invalid(() => protobuf(`option (a) = ${'{ a: ['.repeat(depth)}1`), /nest|deep/)
    let nested = { name: 'A', enums: [], messages: [], extends: [], extensions: null, fields: [] }
    for (let i = 0; i < depth; i++) nested = { ...nested, messages: [nested] }
    invalid(() => protobuf({ syntax: 2, package: null, imports: [], enums: [], messages: [nested] }))
  }
  // What it is called in descriptors: DescriptorProto.nested_type.
  for (const depth of [500, 3_000]) {
    let nested = wrapped(1, Buffer.from('A'))
    for (let i = 0; i < depth; i++) nested = Buffer.concat([wrapped(1, Buffer.from('A')), wrapped(3, nested)])
    invalid(() => protobuf.fromDescriptorSet(wrapped(1, wrapped(4, nested))), /nest|deep/)
  }
})

test('CVE-2026-59877: a schema that ends in the middle of anything is an error', () => {
  const source = `syntax = "proto2"; package a.b; import public "google/protobuf/any.proto"; option java_package = "x"; option (o).a.(b) = { a: [1, 2] b { c: "d" } };
    message A { option deprecated = true; optional group G = 1 { optional int32 a = 1; } map<string, int32> m = 2; oneof o { string s = 3 [json_name = "t"]; }
    extensions 100 to max; reserved 5, 6 to 9; reserved "x"; enum E { option allow_alias = true; X = 0; Y = 0; } extend A { optional int32 e = 100; } }
    service S { rpc M (stream A) returns (A) { option deprecated = true; } } /* end */`
  for (let end = 1; end < source.length; end++) {
    for (const strict of [false, true]) {
      try {
        protobuf(source.slice(0, end), { strict })
      } catch (error) {
        assert.ok(error instanceof Error && !/call stack|undefined is not|internal/.test(error.message), error.message)
      }
    }
  }
  for (const end of [
    'option',
    'option foo',
    'option (foo',
    'option (foo).',
    'option (foo).bar',
    'message A { option a',
  ]) {
    invalid(() => protobuf(end), /expected/)
  }
})

test('a # at the end of anything is a comment of nothing', () => {
  for (const end of ['#', '#é', '#\n', '# c']) {
    invalid(() => protobuf(`option (o) = { a: 1 }${end}`), /expected/)
    invalid(() => protobuf(`option (o) = { a: 1 ${end}`), /expected/)
  }
  invalid(() => protobuf('option (o) = { a: 1 #\n! };'), /^2:1: .*!/)
})

test("CVE-2026-59876: text format's '__proto__' is a key like others", () => {
  const { M } = protobuf(
    'message V { optional bool admin = 1; } message M { map<string, V> labels = 1; map<string, string> s = 2; }',
  )
  const read = protobuf.fromText(
    M,
    'labels { key: "__proto__" value { admin: true } } s { key: "__proto__" value: "x" }',
  )
  for (const map of [read.labels, read.s]) {
    assert.deepStrictEqual(Object.keys(map), ['__proto__'])
    assert.strictEqual(Object.getPrototypeOf(map), Object.prototype)
  }
  assert.strictEqual(read.labels.admin, undefined)
  assert.strictEqual(Object.getOwnPropertyDescriptor(read.labels, '__proto__').value.admin, true)
  unpolluted()
})

test('a oneof of many members makes code in proportion', () => {
  const emitted = (n) => {
    const members = Array.from({ length: n }, (_, i) => `int32 f${i} = ${i + 1};`).join(' ')
    return schemaOf(protobuf(`message A { oneof o { ${members} } }`)).native.emit(0).length
  }
  assert.ok(emitted(4_000) / emitted(1_000) < 6)
  const { A } = protobuf('message A { oneof o { int32 a = 1; int32 b = 2; A c = 3; } optional A d = 4; }', {
    defaults: false,
  })
  // a b c b; and in a second part of d, where nobody knows which one the first part had.
  const inner = Buffer.concat([
    field(1, 0, varint(1)),
    field(2, 0, varint(1)),
    wrapped(3, Buffer.alloc(0)),
    field(2, 0, varint(7)),
  ])
  assert.deepEqual(A.decode(inner), { b: 7 })
  assert.deepEqual(A.decode(Buffer.concat([wrapped(4, inner), wrapped(4, field(1, 0, varint(3)))])), { d: { a: 3 } })
})

test('imports: circles, crowds and chains are errors', () => {
  invalid(() => protobuf('import "a";', { resolveImport: () => 'import "a";' }), /itself|cycl|circle/i)
  invalid(() => protobuf('import "0";', { resolveImport: (name) => `import "${Number(name) + 1}";` }), /deep|files/)
  const crowd = Array.from({ length: 100_000 }, (_, i) => `import "${i}";`).join('')
  invalid(() => protobuf(crowd, { resolveImport: () => '' }), /files/)
})

// ---- binary input

const { Node, Maps, Wide } = protobuf(`
  message Node { optional Node child = 1; repeated Node children = 2; optional group Group = 3 { optional Node node = 1; } map<string, Node> map = 4; optional int32 n = 5; }
  message Maps { map<string, string> strings = 1; map<int32, Maps> nested = 2; }
  message Wide { optional string text = 1; optional bytes data = 2; repeated int32 packed = 3 [packed = true]; repeated fixed64 wide = 4 [packed = true]; repeated string texts = 5; }
`)

test('CVE-2026-44289, CVE-2024-7254, CVE-2026-48712, CVE-2026-6409: depth of binary input is bounded', () => {
  for (const depth of [1_000, 100_000]) {
    let nested = Buffer.alloc(0)
    const layers = []
    let length = 0
    for (let i = 0; i < depth; i++) {
      const head = Buffer.concat([varint(10), varint(length)])
      layers.push(head)
      length += head.length
    }
    nested = Buffer.concat(layers.reverse())
    invalid(() => Node.decode(nested), /deep/)
    // Known and unknown groups, and groups inside unknown fields of a map's entry.
    invalid(() => Node.decode(Buffer.concat([...Array(depth).fill(Buffer.from([0x1b, 0x0a])), Buffer.alloc(2)])))
    invalid(() => Node.decode(Buffer.alloc(depth, field(99, 3))), /deep|valid/)
    invalid(() => Node.decode(wrapped(4, Buffer.alloc(depth, field(99, 3)))), /deep|valid/)
    const any = protobuf(
      'import "google/protobuf/any.proto"; message Any2 { optional google.protobuf.Any any = 1; }',
    ).Any2
    invalid(() => any.decode(wrapped(1, Buffer.alloc(depth, field(99, 3)))), /deep|valid/)
  }
})

test('CVE-2026-6409: negative lengths, and varints that do not end', () => {
  for (const value of [2n ** 64n - 1n, 2n ** 63n, 2n ** 32n - 1n, 2n ** 31n, 2n ** 31n - 1n, 2n ** 53n]) {
    for (const number of [1, 2, 3, 4, 5]) invalid(() => Wide.decode(field(number, 2, varint(value))))
    invalid(() => Node.decode(field(1, 2, varint(value))))
    invalid(() => Maps.decode(field(1, 2, varint(value))))
    invalid(() => Wide.decode(field(77, 2, varint(value))))
  }
  for (let length = 11; length < 14; length++) {
    const endless = Buffer.alloc(length, 0x80)
    endless[length - 1] = 1
    invalid(() => Node.decode(field(5, 0, endless)))
    invalid(() => Node.decode(field(77, 0, endless)))
    invalid(() => Node.decode(Buffer.concat([endless, Buffer.from([0])])))
    invalid(() => Wide.decode(wrapped(3, endless)))
  }
})

test('a declared length is checked before anything is made for it', () => {
  const before = process.memoryUsage()
  for (let i = 0; i < 2_000; i++)
    invalid(() => Wide.decode(field(1 + (i % 5), 2, varint(2 ** 31 - 1), Buffer.alloc(3))))
  const after = process.memoryUsage()
  assert.ok(after.external + after.arrayBuffers - before.external - before.arrayBuffers < 64 * 2 ** 20)
})

test('size and count of binary input are bounded by options, and errors name them', () => {
  const source =
    'message N { repeated N r = 1; map<string, N> m = 2; optional group G = 3 { optional N n = 1; } repeated int32 u = 4; }'
  const sized = protobuf(source, { maxSize: 10 }).N
  const numbers = (n) => Buffer.alloc(2 * n, field(4, 0, varint(1)))
  assert.strictEqual(sized.decode(numbers(5)).u.length, 5)
  assert.strictEqual(sized.decode(numbers(9), 4, 14).u.length, 5)
  invalid(() => sized.decode(numbers(6)), /12 bytes.* 10/)
  assert.strictEqual(sized.encode({ u: Array(100).fill(1) }).length, 200, 'what is written is not input')
  const counted = protobuf(source, { maxValues: 5, unknownFields: true }).N
  for (const one of [wrapped(1, Buffer.alloc(0)), wrapped(2, Buffer.alloc(0)), field(9, 0, varint(1))]) {
    counted.decode(Buffer.alloc(2 * one.length, one))
    // The second time as well: each input has its own count.
    for (let i = 0; i < 2; i++) invalid(() => counted.decode(Buffer.alloc(6 * one.length, one)), /more than 5 /)
  }
  for (const depth of [1001, 10_000]) assert.throws(() => protobuf(source, { depth }), /options.depth.*1 to 1000/)
  const { N } = protobuf(source, { depth: 1000 })
  let nested = {}
  for (let i = 0; i < 1000; i++) nested = { r: [nested] }
  assert.strictEqual(N.encode(N.decode(N.encode(nested))).length, N.encode(nested).length)
  invalid(() => N.encode({ r: [nested] }), /deeper than 1000/)
})

test('CVE-2022-3171: fields that come apart are merged in linear time', () => {
  linear('one message in many pieces', (n) => {
    const pieces = Buffer.concat(
      Array.from({ length: n }, () => Buffer.concat([wrapped(1, field(5, 0, varint(7))), field(99, 0, varint(1))])),
    )
    assert.strictEqual(Node.decode(pieces).child.n, 7)
  })
  linear('an empty group many times', (n) => {
    assert.ok(Node.decode(Buffer.alloc(n * 2, Buffer.from([0x1b, 0x1c]))).group !== undefined)
  })
})

test('CVE-2026-44288: overlong UTF-8 does not turn into the characters it hides', () => {
  for (const bytes of [
    [0xc0, 0xaf],
    [0xe0, 0x80, 0xaf],
    [0xf0, 0x80, 0x80, 0xaf],
    [0xc1, 0x81],
    [0xf4, 0x90, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
  ]) {
    // Alone, amid what is read one character at a time, and beyond that.
    for (const [before, after] of [
      ['', ''],
      ['é', ''],
      ['xß', '€y'],
      ['€'.repeat(9), 'z'],
      ['é'.repeat(40), 'ß'],
    ]) {
      const all = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
      const { text } = Wide.decode(wrapped(1, all))
      assert.strictEqual(text, all.toString(), 'as Node reads it: U+FFFD')
      assert.doesNotMatch(text, /[/A]/)
      invalid(() => protobuf('syntax = "proto3"; message A { string s = 1; }').A.decode(wrapped(1, all)), /UTF-8/)
    }
  }
})

test("CVE-2026-44292: '__proto__' from outside is data", () => {
  const entry = (key, value) =>
    wrapped(1, Buffer.concat([wrapped(1, Buffer.from(key)), wrapped(2, Buffer.from(value))]))
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const { strings } = Maps.decode(entry(key, 'data'))
    assert.strictEqual(Object.getOwnPropertyDescriptor(strings, key).value, 'data')
    assert.strictEqual(Maps.decode(Maps.encode({ strings })).strings[key], 'data')
    unpolluted()
  }
  const evil = JSON.parse('{"strings": {"__proto__": "data"}, "__proto__": {"nested": {"1": {}}}}')
  const decoded = Maps.decode(Maps.encode(evil))
  assert.strictEqual(Object.getOwnPropertyDescriptor(decoded.strings, '__proto__').value, 'data')
  assert.strictEqual(Object.getPrototypeOf(decoded) === evil, false)
  assert.strictEqual(decoded.polluted, undefined)
  unpolluted()
})

// ---- JSON and text

const anys = protobuf(
  'syntax = "proto3"; import "google/protobuf/any.proto"; import "google/protobuf/struct.proto"; message Holder { google.protobuf.Any any = 1; google.protobuf.Value value = 2; Holder child = 3; map<string, string> m = 4; }',
)

test('CVE-2026-0994, CVE-2026-48712: depth of JSON and text is bounded, inside Any and Value too', () => {
  const { Holder } = anys
  for (const depth of [2_000, 100_000]) {
    const nest = (open, close) => open.repeat(depth) + close.repeat(depth)
    const type = '"@type": "type.googleapis.com/google.protobuf.Any"'
    for (const json of [
      `{"any": ${`{${type}, "value": `.repeat(depth)}{}${'}'.repeat(depth)}}`,
      `{"value": ${nest('[', ']')}}`,
      `{"value": ${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`,
      `${'{"child":'.repeat(depth)}{}${'}'.repeat(depth)}`,
    ]) {
      invalid(() => protobuf.fromJson(Holder, json), /deeper than the limit, which is 100/)
      invalid(() => protobuf.fromJson(Holder, json.slice(0, json.length / 2)))
    }
    invalid(() => protobuf.fromJson(Holder, `{"unknown": ${nest('[', ']')}}`, { ignoreUnknown: true }), /deep|nest/)
    invalid(() => protobuf.fromText(Holder, `${'child {'.repeat(depth)}${'}'.repeat(depth)}`), /deep|nest/)
    invalid(() =>
      protobuf.fromText(Holder, `${'any { [type.googleapis.com/Holder] {'.repeat(depth)}${'}}'.repeat(depth)}`),
    )
  }
  let packed = Buffer.alloc(0)
  for (let i = 0; i < 2_000; i++) {
    packed = Buffer.concat([wrapped(1, Buffer.from('type.googleapis.com/google.protobuf.Any')), wrapped(2, packed)])
  }
  invalid(() => protobuf.binaryToJson(Holder, wrapped(1, packed)), /deep|nest/)
  invalid(() => protobuf.toJson(Holder, Holder.decode(wrapped(1, packed))), /deep|nest/)
  // Text format has a form for an Any that is not opened.
  assert.match(protobuf.binaryToText(Holder, wrapped(1, packed)), /^( *\S+ {\n)+ *type_url: .*\n *value: "/)
})

test('JSON that is refused leaves no memory behind', () => {
  const json = `{"s": "${'x'.repeat(16 << 20)}", "s": "y"}`
  const messages = Array.from({ length: 8 }, () => protobuf('message A { optional string s = 1; }').A)
  const refuse = (message) => invalid(() => protobuf.jsonToBinary(message, json), /twice/)
  refuse(messages[0])
  const before = process.memoryUsage().rss
  for (const message of messages) refuse(message)
  assert.ok(process.memoryUsage().rss - before < 96 << 20, 'seven of them would keep 32 MB each')
})

test("'__proto__' in JSON and text is data or an error", () => {
  const { Holder } = anys
  const read = protobuf.fromJson(Holder, '{"m": {"__proto__": "data", "constructor": "x"}}')
  assert.strictEqual(Object.getOwnPropertyDescriptor(read.m, '__proto__').value, 'data')
  invalid(() => protobuf.fromJson(Holder, '{"__proto__": {"polluted": true}}'))
  invalid(() => protobuf.fromJson(Holder, '{"constructor": {"prototype": {"polluted": true}}}'))
  assert.deepStrictEqual(
    { ...protobuf.fromJson(Holder, '{"__proto__": {"polluted": true}}', { ignoreUnknown: true }).m },
    {},
  )
  unpolluted()
})

// ---- objects given to encode

test('a cyclic object is an error', () => {
  const node = {}
  node.child = node
  invalid(() => Node.encode(node), /deep|itself/)
  invalid(() => Node.encodingLength(node), /deep|itself/)
  const list = { children: [] }
  list.children.push(list)
  invalid(() => Node.encode(list), /deep|itself/)
  const map = { map: {} }
  map.map.a = map
  invalid(() => Node.encode(map), /deep|itself/)
})

test('objects that change while they are encoded give an error or a message, never garbage', () => {
  let reads = 0
  const shifting = [
    {
      get text() {
        return 'x'.repeat(1 + (reads++ % 7) * 400)
      },
    },
    {
      get texts() {
        return Array(1 + (reads++ % 5)).fill('y'.repeat(reads % 300))
      },
    },
    {
      texts: new Proxy(['a', 'b', 'c'], {
        get: (target, key) => (key === 'length' ? 1 + (reads++ % 6) : (target[key] ?? 'z'.repeat(reads % 500))),
      }),
    },
    {
      texts: [
        'a',
        {
          toString() {
            return 'x'.repeat((reads++ % 9) * 100)
          },
        },
      ],
    },
    {
      packed: new Proxy([1, 2, 3], {
        get: (target, key) => (key === 'length' ? 1 + (reads++ % 9) : (target[key] ?? reads)),
      }),
    },
    {
      get data() {
        return Buffer.alloc((reads++ % 6) * 1_000, 7)
      },
    },
    { text: { toString: () => 'x'.repeat((reads++ % 9) * 1_000) } },
  ]
  const shrinking = ['a', 'b', 'c', 'd']
  shifting.push({
    get text() {
      shrinking.length = Math.max(1, shrinking.length - 1)
      return 'x'
    },
    texts: shrinking,
  })
  for (let round = 0; round < 200; round++) {
    for (const object of shifting) {
      let bytes
      try {
        bytes = Wide.encode(object)
      } catch (error) {
        assert.ok(error instanceof Error)
        continue
      }
      Wide.decode(bytes)
      const target = Buffer.alloc(64, 0xaa)
      try {
        Wide.encode(object, target, 8)
      } catch (error) {
        assert.ok(error instanceof Error)
      }
      assert.ok(
        target.subarray(0, 8).every((byte) => byte === 0xaa),
        'nothing before the offset is touched',
      )
    }
  }
  // The next encodes are whole.
  assert.strictEqual(Wide.decode(Wide.encode({ text: 'fine' })).text, 'fine')
})

test('a false length exposes no other memory', () => {
  for (let i = 0; i < 16; i++) Buffer.allocUnsafeSlow(65_536).fill(0xab)
  class Claims extends Uint8Array {
    get length() {
      return 30_000
    }
  }
  const honest = Buffer.alloc(40, 1)
  assert.deepStrictEqual(Wide.encode({ data: new Claims(honest) }), Wide.encode({ data: honest }))
  for (const length of [{ value: 30_000 }, { get: () => 30_000 }]) {
    invalid(() => Wide.encode({ data: Object.create(Uint8Array.prototype, { length }) }), /data/)
    invalid(() => Wide.encode({ data: new Proxy(honest, {}) }), /data/)
  }
  const { K } = protobuf('message K { optional int32 a = 1; }', { unknownFields: true })
  const record = field(9, 0, varint(5))
  assert.deepStrictEqual(K.encode({ [protobuf.unknownFields]: [new Claims(record)] }), record)
  for (const bad of [{ length: 300 }, 'abc', Object.create(Uint8Array.prototype)]) {
    invalid(() => K.encode({ [protobuf.unknownFields]: [bad] }), /unknown fields/)
  }
  // A length that is another number each time it is looked at.
  for (const [name, value] of [
    ['packed', 5],
    ['wide', 5n],
  ]) {
    let looks = 0
    const length = { valueOf: () => (looks++ < 2 ? 1 : 20_000) }
    const object = {}
    object[name] = new Proxy([value], { get: (target, key) => (key === 'length' ? length : (target[key] ?? value)) })
    let bytes
    try {
      bytes = Wide.encode(object)
    } catch (error) {
      assert.ok(error instanceof Error)
      continue
    }
    assert.ok(Wide.decode(bytes)[name].every((read) => read === Number(value)))
  }
})

test('an object with only a length is not a list', () => {
  // The second is a list that lacks all but its last.
  for (const json of ['{"length": 4000000000}', '{"length": 4000000000, "3999999999": 1}']) {
    for (const name of ['texts', 'packed']) invalid(() => Wide.encode({ [name]: JSON.parse(json) }), new RegExp(name))
  }
  assert.deepStrictEqual(Wide.decode(Wide.encode({ texts: { length: 2, 0: 'a', 1: 'b' } })).texts, ['a', 'b'])
  assert.deepStrictEqual(Wide.decode(Wide.encode({ packed: new Int16Array([1, -2]) })).packed, [1, -2])
})

test('an encode inside an encode does not disturb it', () => {
  const object = {
    text: 'a',
    get data() {
      assert.strictEqual(Wide.encode({ text: 'inner', data: Buffer.alloc(5_000, 1) }).length > 5_000, true)
      return Buffer.from('outer')
    },
    texts: ['b'],
  }
  const decoded = Wide.decode(Wide.encode(object))
  assert.strictEqual(decoded.text, 'a')
  assert.strictEqual(String(decoded.data), 'outer')
  assert.deepStrictEqual(decoded.texts, ['b'])
})

test('detached buffers are errors', () => {
  const detached = () => {
    const bytes = new Uint8Array(16)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    return bytes
  }
  assert.throws(() => Wide.encode({ text: 'abc' }, detached(), 0), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => Wide.encode({ data: detached() }), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => Wide.decode(detached()), { code: 'ERR_INVALID_ARG_TYPE' })
  const late = {
    text: 'abc',
    get data() {
      const bytes = Buffer.from(new Uint8Array(8).buffer)
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
      return bytes
    },
  }
  try {
    Wide.decode(Wide.encode(late))
  } catch (error) {
    assert.ok(error instanceof Error)
  }
})

test('views that their buffer has shrunk below are errors, as detached ones are', () => {
  const buffer = new ArrayBuffer(64, { maxByteLength: 64 })
  const view = new Uint8Array(buffer, 32, 16)
  buffer.resize(8)
  invalid(() => Wide.encode({ data: view }), /detached, or has shrunk/)
  invalid(() => Wide.encode({ text: '' }, view, 0), /detached, or has shrunk/)
  invalid(() => Wide.decode(view), /detached, or has shrunk/)
  invalid(() => protobuf.binaryToJson(Wide, view), /detached, or has shrunk/)
  invalid(() => protobuf.textToBinary(Wide, view), /detached, or has shrunk/)
})

test('shared memory is read once', () => {
  const shared = Buffer.from(new SharedArrayBuffer(64))
  const bytes = Wide.encode({ text: 'é', packed: [1, 300] })
  const view = shared.subarray(3, 3 + bytes.copy(shared, 3))
  assert.strictEqual(Wide.decode(view).text, 'é')
  assert.strictEqual(protobuf.binaryToJson(Wide, view), protobuf.binaryToJson(Wide, bytes))
  assert.deepStrictEqual(Wide.encode({ data: view }), Wide.encode({ data: bytes }))
})

// ---- protocol-buffers' own issues

test("protocol-buffers' issues 24, 27, 66: what made its decoder run for ever is an error at once", () => {
  const { ABC } = protobuf(`package com.abchappy;
    enum AbcType { IGNORE = 0; ACK_CONFIRMATION_TOKEN = 1; }
    message AbcAcknowledgeConfirmationToken { optional uint64 confirmation_token = 1; extensions 1000 to max; }
    message ABC {
      required AbcType type = 9;
      required uint32 api_version = 8;
      optional AbcAcknowledgeConfirmationToken ack_confirmation_token = 1;
      extensions 1000 to max;
    }`)
  invalid(() => ABC.decode(Buffer.from([7, 0, 8, 182, 168, 235, 144, 178, 41])), /not valid/)
  const { Test1 } = protobuf('message Test1 { required int32 a = 1; }')
  invalid(() => Test1.decode(Buffer.from([0x08, 0x80, 0x80, 0x80, 0x80])), /not valid/)
  for (const value of [undefined, null, 5, NaN, 'abc', {}, [8, 1], { length: 1 }]) {
    assert.throws(() => Test1.decode(value), { code: 'ERR_INVALID_ARG_TYPE' })
  }
})

test("protocol-buffers' issue 36: negative int64 and int32 are the reference's two's complement, both ways", () => {
  const { Small, Wide } = protobuf('message Small { required int32 n = 1; } message Wide { required int64 n = 1; }')
  const both = [
    [-1, '08ffffffffffffffffff01'],
    [-15, '08f1ffffffffffffffff01'],
    [-(2 ** 31), '0880808080f8ffffffff01'],
  ]
  const wide = [
    [-(2 ** 31) - 1, '08fffffffff7ffffffff01'],
    [Number.MIN_SAFE_INTEGER, '0881808080808080f0ff01'],
    [-(2n ** 63n), '0880808080808080808001'],
  ]
  for (const [message, rows] of [
    [Small, both],
    [Wide, [...both, ...wide]],
  ]) {
    for (const [n, hex] of rows) {
      assert.strictEqual(message.encode({ n }).toString('hex'), hex)
      assert.strictEqual(message.decode(Buffer.from(hex, 'hex')).n, n)
    }
  }
  // int32 in five bytes, as old versions of it wrote them, are read too.
  assert.strictEqual(Small.decode(Buffer.from('08f1ffffff0f', 'hex')).n, -15)
})

test("protocol-buffers' issue 62: what it lost or misread is exact", () => {
  const { Big } = protobuf(
    'message Big { required int64 signed = 1; required uint64 unsigned = 2; required sint64 zigzag = 3; }',
  )
  const values = { signed: -9223372036854775808n, unsigned: 18446744073709551615n, zigzag: -9007199254740993n }
  assert.deepStrictEqual({ ...Big.decode(Big.encode(values)) }, values)
  const { Packed, Plain } = protobuf(
    'message Packed { repeated int32 n = 1 [packed = true]; } message Plain { repeated int32 n = 1; }',
  )
  assert.deepStrictEqual(Plain.decode(Packed.encode({ n: [1, -2, 300] })).n, [1, -2, 300])
  assert.deepStrictEqual(Packed.decode(Plain.encode({ n: [1, -2, 300] })).n, [1, -2, 300])
  const strings = JSON.parse('{"__proto__": "a", "b": "c"}')
  assert.deepStrictEqual(Object.entries(Maps.decode(Maps.encode({ strings })).strings), [
    ['__proto__', 'a'],
    ['b', 'c'],
  ])
})
