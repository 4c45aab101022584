'use strict'

// `protobuf.load`, `loadSync` and `parse`: files and names as protoc has them, messages as the authors of schemas mean them.

const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { inspect } = require('node:util')
const vm = require('node:vm')
const pbjs = require('protobufjs')
const { protobuf } = require('../..')

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-load-'))
test.after(() => fs.rmSync(home, { recursive: true }))

/** Writes files, and gives the path of one. */
function write(files) {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(home, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  }
}
const at = (...parts) => path.join(home, ...parts)

const EVERYTHING = {
  camelCase: true,
  enums: 'string',
  oneofs: true,
  timestamps: 'date',
  durations: 'milliseconds',
  int64: 'bigint',
}
const hex = (text) => Buffer.from(text, 'hex')

const ONEOF =
  'syntax = "proto3"; message M { oneof kind { int32 a = 1; string b = 2; M c = 3; } oneof one { int32 z = 4; } }'

test('fields with presence are left out when unset', () => {
  const { M } = protobuf.parse(`
    syntax = "proto3";
    message M { int32 i = 1; string s = 2; bytes b = 3; bool t = 4; double d = 5; E e = 6; optional int32 oi = 7; optional bytes ob = 8;
      M m = 9; repeated int32 r = 10; map<string, M> p = 11; int64 w = 12; enum E { ZERO = 0; } }`)
  const empty = M.decode(Buffer.alloc(0))
  assert.deepStrictEqual(empty, { i: 0, s: '', b: Buffer.alloc(0), t: false, d: 0, e: 0, r: [], p: {}, w: 0 })
  assert.deepStrictEqual(M.encode(empty), Buffer.alloc(0))
  // Unset and zero are different for `optional`, and the same for the others.
  assert.deepStrictEqual(
    M.encode({ i: 0, s: '', b: Buffer.alloc(0), t: false, d: 0, e: 'ZERO', w: 0n }),
    Buffer.alloc(0),
  )
  assert.deepStrictEqual(M.encode({ oi: 0, ob: Buffer.alloc(0), m: {} }), hex('380042004a00'))
  const set = M.decode(hex('380042004a00'))
  assert.deepStrictEqual([set.oi, set.ob, set.m.i], [0, Buffer.alloc(0), 0])
  assert.deepStrictEqual(M.encode(set), hex('380042004a00'))
  // -0 is no zero.
  assert.ok(Object.is(M.decode(M.encode({ d: -0 })).d, -0))
})

test('proto2: all fields have presence, and required fields are always set', () => {
  const source =
    'syntax = "proto2"; message M { required int32 a = 1; optional string b = 2 [default = "x"]; optional M m = 3; }'
  const { M } = protobuf.parse(source)
  assert.deepStrictEqual(M.decode(hex('0805')), { a: 5 })
  assert.strictEqual(protobuf.reflect(M).field('b').default, 'x')
  assert.throws(() => M.decode(Buffer.alloc(0)), { code: 'IRONWIRE_PROTOBUF_INVALID' })
  assert.throws(() => M.encode({}), { code: 'IRONWIRE_PROTOBUF_REQUIRED', message: 'a is required' })
  // In two parts, of which each lacks what the other has.
  const inner = M.decode(hex('08051a00' + '1a020807'))
  assert.deepStrictEqual(inner, { a: 5, m: { a: 7 } })
})

test('members of a oneof', () => {
  const { M } = protobuf.parse(ONEOF)
  const empty = M.decode(Buffer.alloc(0))
  assert.deepStrictEqual(empty, {})
  assert.deepStrictEqual(M.encode(empty), Buffer.alloc(0))
  assert.deepStrictEqual(M.encode({ ...empty, a: 5 }), hex('0805'))
  // A member is set also when it is zero.
  assert.deepStrictEqual(M.decode(hex('0800')), { a: 0 })
  assert.deepStrictEqual(M.encode({ a: undefined, b: '', c: null }), hex('1200'))
  // The last on the wire counts, and two are never guessed about.
  assert.deepStrictEqual(M.decode(hex('0801120178')), { b: 'x' })
  const clash = { code: 'IRONWIRE_PROTOBUF_ONEOF' }
  assert.throws(() => M.encode({ a: 1, b: 'x' }), clash)
  assert.throws(() => M.encode({ a: 0, b: '' }), clash)
  const both = M.decode(hex('0801'))
  both.b = 'x'
  assert.throws(() => M.encode(both), { ...clash, message: /oneof kind can be set: delete the others/ })
  delete both.a
  assert.deepStrictEqual(M.encode(both), hex('120178'))
})

test('a oneof names the member that is set', () => {
  const { M } = protobuf.parse(ONEOF, { oneofs: true })
  assert.deepStrictEqual(M.decode(hex('0800')), { a: 0, kind: 'a' })
  assert.deepStrictEqual(M.decode(hex('08011a0020020801')), { a: 1, kind: 'a', z: 2, one: 'z' })
  assert.deepStrictEqual(M.decode(Buffer.alloc(0)), {})
  // It decides, so that switching is saying so; left out, it is as without it.
  assert.deepStrictEqual(M.encode({ kind: 'b', a: 1, b: 'x' }), hex('120178'))
  assert.deepStrictEqual(M.encode({ b: 'x' }), hex('120178'))
  const wrong = { code: 'IRONWIRE_PROTOBUF_ONEOF' }
  for (const object of [{ kind: 'b' }, { kind: 'b', a: 1 }, { kind: 'q' }, { kind: 'toString' }, { one: 'a', a: 1 }]) {
    assert.throws(() => M.encode(object), wrong)
  }
  assert.throws(() => M.encode({ a: 1, b: 'x' }), wrong)
  // What is not chosen is not there for anything else either.
  assert.ok(M.equals({ kind: 'b', a: 1, b: 'x' }, { kind: 'b', b: 'x' }))
  assert.deepStrictEqual(M.clone({ kind: 'b', a: 1, b: 'x' }), { b: 'x', kind: 'b' })
  for (const object of [
    { kind: 'c', c: { kind: 'a', a: 0 } },
    { kind: 'a', a: 5 },
  ]) {
    assert.deepStrictEqual(M.decode(M.encode(object)), object)
  }
})

test('NaN is a value, and -0 is no zero', () => {
  const source = (packed) =>
    `syntax = "proto2"; message A { repeated double d = 1 [packed = ${packed}]; optional float x = 2; map<string, double> m = 3; }`
  for (const packed of [true, false]) {
    const { A } = protobuf.parse(source(packed))
    const object = { d: [1, Number.NaN, 2], x: Number.NaN, m: { a: Number.NaN } }
    assert.deepStrictEqual(A.decode(A.encode(object)), { ...object })
  }
})

test('unknown fields and numbers of enums are kept', () => {
  const source = (syntax) =>
    `syntax = "${syntax}"; enum E { A = 0; B = 1; } message M { optional E e = 1; repeated E r = 3; map<string, E> m = 4; }`
  // An open enum holds any number, a closed one leaves those that it does not name to the unknown fields.
  const wire = hex('0805' + '1a03000501' + '22050a01781005' + '500a')
  const open = protobuf.parse(source('proto3')).M
  const { e, r, m } = open.decode(wire)
  assert.deepStrictEqual({ e, r, m }, { e: 5, r: [0, 5, 1], m: { x: 5 } })
  assert.deepStrictEqual(open.encode(open.decode(wire)), wire)
  const closed = protobuf.parse(source('proto2')).M
  const decoded = closed.decode(wire)
  assert.deepStrictEqual({ ...decoded }, { r: [0, 1], m: {} })
  const again = closed.decode(closed.encode(decoded))
  assert.deepStrictEqual(again[protobuf.unknownFields].map((bytes) => bytes.toString('hex')).sort(), [
    '0805',
    '1805',
    '22050a01781005',
    '500a',
  ])
  assert.ok(closed.equals(decoded, again))
  // Where nothing unknown is kept, it is passed over.
  const without = protobuf.parse(source('proto2'), { unknownFields: false }).M
  assert.deepStrictEqual(without.encode(without.decode(wire)), hex('18001801'))
  assert.throws(() => closed.encode({ e: 5 }), { code: 'IRONWIRE_PROTOBUF_ENUM' })
})

test('options for the form of values', () => {
  const source = `
    syntax = "proto3";
    import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";
    enum Color { COLOR_UNSPECIFIED = 0; RED = 1; ROT = 1; option allow_alias = true; }
    message M {
      Color a_color = 1; repeated Color colors = 2; map<string, Color> by_name = 3; optional Color maybe = 4;
      google.protobuf.Timestamp made_at = 5; repeated google.protobuf.Timestamp times = 6; map<int32, google.protobuf.Timestamp> at = 7;
      google.protobuf.Duration took = 8; repeated google.protobuf.Duration laps = 9;
      int64 big = 10; uint64 fooBar = 11; oneof the_kind { google.protobuf.Timestamp when_at = 13; Color which = 14; }
    }`
  const root = protobuf.parse(source, EVERYTHING)
  assert.deepStrictEqual({ ...root.Color }, { COLOR_UNSPECIFIED: 'COLOR_UNSPECIFIED', RED: 'RED', ROT: 'RED' })
  const empty = {
    aColor: 'COLOR_UNSPECIFIED',
    colors: [],
    byName: {},
    times: [],
    at: {},
    laps: [],
    big: 0n,
    fooBar: 0n,
  }
  assert.deepStrictEqual(root.M.decode(Buffer.alloc(0)), empty)
  assert.deepStrictEqual(root.M.encode(empty), Buffer.alloc(0))
  const object = {
    ...empty,
    aColor: 'RED',
    // A number without a name stays a number.
    colors: ['RED', 7, 'COLOR_UNSPECIFIED'],
    byName: { x: 'COLOR_UNSPECIFIED', y: 9 },
    maybe: 'COLOR_UNSPECIFIED',
    madeAt: new Date('2024-02-29T12:00:00.123Z'),
    times: [new Date(0), new Date(-1), new Date('0001-01-01T00:00:00Z')],
    at: { 5: new Date(1e12) },
    took: -1500.25,
    laps: [0, 0.000001, 999.9999999, 86400000],
    big: -(2n ** 63n),
    whenAt: new Date(5),
    theKind: 'whenAt',
  }
  const bytes = root.M.encode(object)
  const laps = [0, 0.000001, 1000, 86400000]
  assert.deepStrictEqual(root.M.decode(bytes), { ...object, laps })
  assert.deepStrictEqual(root.M.encode(root.M.decode(bytes)), bytes)
  // As JSON has them, which knows nothing of these forms.
  const json = root.M.toJson(object)
  assert.strictEqual(json.madeAt, '2024-02-29T12:00:00.123Z')
  assert.strictEqual(json.took, '-1.500250s')
  assert.ok(root.M.equals(root.M.fromJson(json), { ...object, laps }))
  // The messages themselves are taken, too.
  const plain = protobuf.parse(source)
  assert.deepStrictEqual(
    root.M.encode({ madeAt: { seconds: 1 }, took: { nanos: 5 } }),
    plain.M.encode({ made_at: { seconds: 1 }, took: { nanos: 5 } }),
  )
  // A Timestamp in two parts is one.
  assert.deepStrictEqual(root.M.decode(hex('2a0208012a0410c0843d')).madeAt, new Date(1001))
  for (const wrong of [{ madeAt: new Date(Number.NaN) }, { took: Number.NaN }, { took: Infinity }]) {
    assert.throws(() => root.M.encode(wrong), { code: 'ERR_OUT_OF_RANGE' })
  }
  assert.throws(() => root.M.encode({ madeAt: 5 }), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => root.M.decode(plain.M.encode({ made_at: { seconds: 2n ** 62n } })), {
    code: 'IRONWIRE_PROTOBUF_INVALID',
  })
  // A Date of another realm.
  const foreign = vm.runInNewContext('new Date(1500)')
  assert.deepStrictEqual(root.M.decode(root.M.encode({ madeAt: foreign })).madeAt, new Date(1500))
})

test('64-bit integers as numbers are exact or an error', () => {
  const source = 'syntax = "proto3"; message M { int64 a = 1; repeated uint64 b = 2; fixed64 c = 3; sint64 d = 4; }'
  const { M } = protobuf.parse(source, { int64: 'number' })
  const object = { a: -(2 ** 53 - 1), b: [2 ** 53 - 1, 1], c: 7, d: -9 }
  assert.deepStrictEqual(M.decode(M.encode(object)), object)
  assert.throws(() => M.decode(M.encode({ a: 2n ** 53n })), {
    code: 'ERR_OUT_OF_RANGE',
    message: /int64 'bigint', 'string' or 'auto'/,
  })
})

test('options for the form of values, without code generation', () => {
  const names = [
    'options for the form of values$',
    'fields with presence are',
    'members of a oneof',
    'a oneof names',
    'unknown fields',
    'NaN is',
    'proto2:',
  ]
  const flags = [
    '--disallow-code-generation-from-strings',
    '--test-name-pattern',
    names.join('|'),
    '--test',
    __filename,
  ]
  if (process.env.IRONWIRE_NESTED) return
  const { NODE_TEST_CONTEXT, ...env } = process.env
  const { status, stdout } = spawnSync(process.execPath, flags, {
    encoding: 'utf8',
    env: { ...env, IRONWIRE_NESTED: '1' },
  })
  assert.strictEqual(status, 0, stdout)
  assert.match(stdout, /pass [7-9]/)
})

test('packages and custom names', async () => {
  write({
    'names/root.proto': `syntax = "proto3"; package my.app; import "google/rpc/status.proto";
      message Status { google.rpc.Status inner = 1; message Inner { enum Deep { NONE = 0; } } } enum Kind { KIND_NONE = 0; }
      service Watch { rpc Get (Status) returns (google.rpc.Status); }`,
    'names/google/rpc/status.proto':
      'syntax = "proto3"; package google.rpc; message Status { int32 code = 1; } message Other {}',
    'names/second.proto': 'syntax = "proto3"; package second; message Kind {} message Mine {}',
  })
  const root = await protobuf.load(at('names/root.proto'))
  for (const name of ['constructor', 'toString', '__proto__']) assert.strictEqual(root[name], undefined)
  assert.strictEqual(root.Status, root.my.app.Status)
  assert.notStrictEqual(root.google.rpc.Status, root.Status)
  assert.deepStrictEqual(root.google.rpc.Status.encode({ code: 5 }), hex('0805'))
  assert.strictEqual(root.Status.fullName, 'my.app.Status')
  assert.deepStrictEqual(root.my.app.Status.Inner.Deep, { NONE: 0 })
  assert.strictEqual(root.my.app.Watch.methods.Get.responseType, root.google.rpc.Status)
  // What is imported has no bare name.
  assert.deepStrictEqual(Object.keys(root).sort(), ['Kind', 'Status', 'Watch', 'google', 'my'])
  assert.strictEqual(protobuf.lookup(root, 'my.app.Status.Inner'), root.Status.Inner)
  assert.strictEqual(protobuf.service(root, 'my.app.Watch').methods.Get.path, '/my.app.Watch/Get')
  // Two files that both have a name have it in their packages only.
  const both = protobuf.loadSync([at('names/root.proto'), at('names/second.proto')])
  assert.strictEqual(both.Kind, undefined)
  assert.deepStrictEqual(
    [both.my.app.Kind, both.second.Kind.name, both.Mine],
    [{ KIND_NONE: 0 }, 'Kind', both.second.Mine],
  )
  // A package keeps its name against a message of another.
  const shadow = protobuf.parse('syntax = "proto3"; package a; message a { int32 x = 1; }')
  assert.strictEqual(shadow.a.a.fullName, 'a.a')
})

test('imports are found as with protoc -I', async () => {
  write({
    'tree/app/main.proto':
      'syntax = "proto3"; package app; import "lib/a.proto"; import "app/near.proto"; message Main { lib.A a = 1; Near n = 2; }',
    'tree/app/near.proto': 'syntax = "proto3"; package app; message Near { int32 x = 1; }',
    'vendor/lib/a.proto': 'syntax = "proto3"; package lib; import public "lib/b.proto"; message A { B b = 1; }',
    'vendor/lib/b.proto': '\ufeffsyntax = "proto3"; package lib; message B {}',
    'first/lib/b.proto': 'syntax = "proto3"; package lib; message B { int32 first = 1; }',
    'beside/one.proto': 'syntax = "proto3"; import "two.proto"; message One { Two two = 1; }',
    'beside/two.proto': 'syntax = "proto3"; message Two {}',
  })
  const includePaths = [at('tree'), at('vendor')]
  const root = protobuf.loadSync(at('tree/app/main.proto'), { includePaths })
  assert.deepStrictEqual(root.Main.decode(hex('0a020a00')), { a: { b: {} } })
  assert.deepStrictEqual(
    protobuf.reflect(root).files.map((file) => file.name),
    ['lib/b.proto', 'lib/a.proto', 'app/near.proto', 'app/main.proto'],
  )
  // By its name within a folder, too, and the first folder wins.
  const first = await protobuf.load('app/main.proto', { includePaths: [at('first'), ...includePaths] })
  assert.strictEqual(first.lib.B.create({ first: 1 }).first, 1)
  // Without folders: beside the file, then here.
  assert.strictEqual(protobuf.loadSync(at('beside/one.proto')).Two.name, 'Two')
  assert.strictEqual((await protobuf.load(at('beside/one.proto'))).One.name, 'One')
  // One file under two names is one file.
  const twice = protobuf.loadSync([at('tree/app/near.proto'), at('tree/app/main.proto')], {
    includePaths: [at('tree/app'), at('tree'), at('vendor')],
  })
  assert.strictEqual(twice.app.Near.name, 'Near')
  // The program is asked first, and may promise.
  const resolveImport = (name) =>
    name === 'lib/b.proto' ? 'syntax = "proto3"; package lib; message B { string own = 1; }' : null
  assert.deepStrictEqual(protobuf.loadSync(at('tree/app/main.proto'), { includePaths, resolveImport }).lib.B.create(), {
    own: '',
  })
  const promised = await protobuf.load(at('tree/app/main.proto'), {
    includePaths,
    resolveImport: async (name) => resolveImport(name),
  })
  assert.deepStrictEqual(promised.lib.B.create(), { own: '' })
})

test('files that cannot be read', async () => {
  write({
    'wrong/main.proto': 'syntax = "proto3"; import "../secret.proto"; message A {}',
    'wrong/missing.proto': 'syntax = "proto3"; import "nowhere.proto"; message A {}',
    'wrong/syntax.proto': 'syntax = "proto3";\nmessage A { int32 = 1; }',
    'wrong/device.proto': 'syntax = "proto3"; import "folder.proto";',
    'wrong/folder.proto/x': '',
    'secret.proto': 'syntax = "proto3"; message Secret {}',
  })
  const schema = 'IRONWIRE_PROTOBUF_SCHEMA'
  for (const [file, message] of [
    ['none.proto', /none\.proto was not found/],
    ['main.proto', /leads to .*secret\.proto, which is in none of the folders/],
    ['missing.proto', /missing\.proto:1:.*"nowhere\.proto" was not found/],
    ['syntax.proto', /^syntax\.proto:2:19: expected/],
    ['device.proto', /is not a regular file/],
  ]) {
    const options = { includePaths: [at('wrong')] }
    assert.throws(() => protobuf.loadSync(at('wrong', file), options), { code: schema, message })
    await assert.rejects(protobuf.load(at('wrong', file), options), { code: schema, message })
  }
  assert.throws(() => protobuf.loadSync(at('beside/one.proto'), { limits: { sourceBytes: 20 } }), { code: schema })
  assert.throws(() => protobuf.loadSync([]), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.loadSync(5), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.loadSync('a.proto', { includePaths: '/tmp' }), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.parse('syntax = "proto3";', { includePath: [] }), {
    code: 'IRONWIRE_UNKNOWN_OPTION',
    message: /Did you mean "includePaths"/,
  })
  assert.throws(() => protobuf.parse('syntax = "proto3";', { defaults: true }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  assert.throws(() => protobuf.parse('syntax = "proto3";', { enums: 'names' }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => protobuf.parse('message A { int32 a = 1; }'), { code: schema, message: /^schema\.proto:1:/ })
  assert.throws(() => protobuf.parse(null), { code: 'ERR_INVALID_ARG_TYPE' })
  // A text has no folder: nothing is read for it that it was not given.
  assert.throws(() => protobuf.parse('syntax = "proto3"; import "package.json";'), {
    code: schema,
    message: /not found/,
  })
})

test('a callback is called once, and never synchronously', async () => {
  write({ 'cb.proto': 'syntax = "proto3"; message A {}' })
  let isLater = false
  const [error, root] = await new Promise((resolve) => {
    assert.strictEqual(
      protobuf.load(at('cb.proto'), (...args) => resolve([...args, isLater])),
      undefined,
    )
    isLater = true
  })
  assert.strictEqual(error, null)
  assert.strictEqual(root.A.name, 'A')
  const failed = await new Promise((resolve) => protobuf.load(at('no.proto'), {}, (...args) => resolve(args)))
  assert.strictEqual(failed[0].code, 'IRONWIRE_PROTOBUF_SCHEMA')
  // A throw in it is the program's, and no rejection.
  const script = `const { protobuf } = require(${JSON.stringify(path.join(__dirname, '../..'))})
    let calls = 0
    process.on('uncaughtException', (error) => console.log(error.message, ++calls))
    process.on('unhandledRejection', () => console.log('rejected'))
    protobuf.load(${JSON.stringify(at('cb.proto'))}, () => { throw new Error('mine') })`
  assert.strictEqual(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout, 'mine 1\n')
})

const SHOP = `
  syntax = "proto3";
  import "google/protobuf/any.proto";
  enum Kind { NONE = 0; BOOK = 1; }
  message Item { string name = 1; bytes data = 2; int64 price = 3; Kind kind = 4; repeated Item parts = 5; map<string, bytes> seals = 6;
    oneof to { string mail = 7; Item gift = 8; } optional double weight = 9; string my_note = 10; google.protobuf.Any any = 11; }`

test('create, clone and equals', () => {
  const { Item } = protobuf.parse(SHOP)
  assert.deepStrictEqual(Item.create(), Item.decode(Buffer.alloc(0)))
  assert.deepStrictEqual(Item.create({ name: 'a', mail: undefined, weight: null }).name, 'a')
  assert.strictEqual(Object.hasOwn(Item.create({ mail: undefined }), 'mail'), false)
  assert.throws(() => Item.create({ nam: 'a' }), { code: 'ERR_INVALID_ARG_VALUE', message: /not a field of Item/ })
  assert.throws(() => Item.create(5), { code: 'ERR_INVALID_ARG_TYPE' })

  const item = {
    name: 'a',
    data: Buffer.from('x'),
    price: 5,
    parts: [{ name: 'b' }],
    seals: { s: Buffer.from('y') },
    gift: { weight: Number.NaN },
  }
  const decoded = Item.decode(Buffer.concat([Item.encode(item), hex('a20602c328')]))
  const copy = Item.clone(decoded)
  assert.deepStrictEqual(copy, decoded)
  assert.deepStrictEqual(copy[protobuf.unknownFields], decoded[protobuf.unknownFields])
  assert.ok(Item.equals(copy, decoded))
  // Nothing is shared.
  copy.data[0] = 0
  copy.parts[0].name = 'c'
  copy.seals.s[0] = 0
  copy.gift.weight = 1
  assert.deepStrictEqual(
    [decoded.data[0], decoded.parts[0].name, decoded.seals.s[0], decoded.gift.weight],
    [120, 'b', 121, Number.NaN],
  )

  // Implicit fields are equal when unset, the others are not; forms of one value are.
  for (const [a, b, expected] of [
    [{}, Item.create(), true],
    [{ weight: 0 }, {}, false],
    [{ mail: '' }, {}, false],
    [{ mail: '' }, { gift: {} }, false],
    [{ price: 5n }, { price: '5' }, true],
    [{ kind: 'BOOK' }, { kind: 1 }, true],
    [{ kind: 'NONE' }, {}, true],
    [
      {
        seals: new Map([
          ['a', hex('00')],
          ['b', hex('01')],
        ]),
      },
      { seals: { b: hex('01'), a: hex('00') } },
      true,
    ],
    [{ seals: { a: hex('00') } }, { seals: { a: hex('01') } }, false],
    [{ seals: { a: hex('00') } }, { seals: { b: hex('00') } }, false],
    [{ parts: [{}] }, { parts: [{ name: '' }] }, true],
    [{ parts: [{}] }, { parts: [] }, false],
    [{ gift: { gift: {} } }, { gift: { gift: { weight: 0 } } }, false],
    [{ weight: Number.NaN }, { weight: Number.NaN }, true],
    [{ data: hex('00') }, { data: new Uint8Array(1) }, true],
  ]) {
    assert.strictEqual(Item.equals(a, b), expected, inspect([a, b]))
    assert.strictEqual(Item.equals(b, a), expected)
  }
  const unknown = Item.decode(hex('a20600'))
  assert.strictEqual(Item.equals(unknown, {}), false)
  const loop = { parts: [] }
  loop.parts.push(loop)
  for (const walk of [() => Item.clone(loop), () => Item.toObject(loop), () => Item.fromObject(loop)]) {
    assert.throws(walk, { code: 'IRONWIRE_PROTOBUF_DEPTH' })
  }
})

test('objects of other libraries', () => {
  const { Item } = protobuf.parse(SHOP, { camelCase: true })
  const object = {
    name: 'a',
    data: 'eHg=',
    price: '9007199254740993',
    kind: 'BOOK',
    parts: [{ my_note: 'n' }],
    seals: { s: [1, 2] },
    gift: null,
  }
  const message = Item.fromObject(object)
  assert.deepStrictEqual(message, {
    ...Item.create(),
    name: 'a',
    data: Buffer.from('xx'),
    price: 9007199254740993n,
    kind: 1,
    parts: [Item.create({ myNote: 'n' })],
    seals: { s: hex('0102') },
  })
  assert.throws(() => Item.fromObject({ data: '?!' }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => Item.fromObject({ price: 'x' }), { code: 'ERR_INVALID_ARG_TYPE' })
  // As protobufjs has it, with its own options.
  const Peer = pbjs.parse(SHOP.replace(/import[^;]*;|google.protobuf.Any any = 11;/g, '')).root.lookupType('Item')
  const peer = Peer.toObject(Peer.decode(Item.encode(message)), { longs: String, enums: String, bytes: String })
  assert.deepStrictEqual(
    JSON.parse(
      JSON.stringify(
        Item.toObject(Item.decode(Item.encode(message)), { int64: 'string', enums: 'string', bytes: 'base64' }),
      ),
    ),
    {
      ...JSON.parse(JSON.stringify(peer)),
      myNote: '',
      parts: [Item.toObject(Item.create({ myNote: 'n' }), { int64: 'string', enums: 'string', bytes: 'base64' })],
    },
  )
  assert.deepStrictEqual(Item.toObject({}, { defaults: true }), { ...Item.create(), weight: 0 })
  assert.deepStrictEqual(Item.toObject({ name: 'x' }), { name: 'x' })
  assert.throws(() => Item.toObject({}, { longs: String }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  assert.throws(() => Item.toObject({}, { int64: 'long' }), { code: 'ERR_INVALID_ARG_VALUE' })
})

test('JSON as values and as text', () => {
  const { Item } = protobuf.parse(SHOP)
  const item = { name: 'é', price: 2n ** 60n, kind: 1, weight: Number.NaN, my_note: 'n', data: hex('00ff') }
  const json = { name: 'é', price: '1152921504606846976', kind: 'BOOK', weight: 'NaN', myNote: 'n', data: 'AP8=' }
  assert.deepStrictEqual(Item.toJson(item), json)
  assert.deepStrictEqual(JSON.parse(Item.toJsonString(item)), json)
  assert.deepStrictEqual(Item.toJson(item, { protoNames: true, enumNumbers: true }), {
    name: 'é',
    price: '1152921504606846976',
    kind: 1,
    weight: 'NaN',
    my_note: 'n',
    data: 'AP8=',
  })
  for (const value of [json, { ...json, price: 2n ** 60n, weight: Number.NaN }])
    assert.ok(Item.equals(Item.fromJson(value), item))
  assert.ok(Item.equals(Item.fromJsonString(JSON.stringify(json)), item))
  assert.ok(Item.equals(Item.fromText(Item.toText(item)), item))
  for (const wrong of [{ nme: 'x' }, [], 5, null, undefined])
    assert.throws(() => Item.fromJson(wrong), { code: 'IRONWIRE_PROTOBUF_JSON' })
  assert.deepStrictEqual(Item.fromJson({ nme: 'x' }, { ignoreUnknown: true }), Item.create())
})

test('field names with a special meaning', () => {
  const source = `
    syntax = "proto3";
    message M { int32 __proto__ = 1; string constructor = 2; map<string, int32> toString = 3; oneof hasOwnProperty { int32 valueOf = 4; }
      message encode {} message name {} message Nested {} }
    message N { int32 a_b = 1; int32 aB = 2; int32 c_d = 3; oneof e_f { int32 g_h = 4; int32 cD_ = 5; } }`
  const { M } = protobuf.parse(source, { oneofs: true, strict: false })
  const { N } = protobuf.parse(source, { camelCase: true, oneofs: true, strict: false })
  const object = Object.assign(JSON.parse('{"__proto__":5,"constructor":"x"}'), {
    toString: { __proto__: null, x: 1 },
    valueOf: 3,
    hasOwnProperty: 'valueOf',
  })
  const decoded = M.decode(M.encode(object))
  assert.deepStrictEqual(Object.keys(decoded), ['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty'])
  assert.strictEqual(Object.getOwnPropertyDescriptor(decoded, '__proto__').value, 5)
  assert.ok(M.equals(M.clone(decoded), decoded))
  assert.deepStrictEqual(M.encode(M.clone(decoded)), M.encode(object))
  // A type's own functions stay what they are.
  assert.strictEqual(typeof M.encode, 'function')
  assert.strictEqual(M.name, 'M')
  assert.strictEqual(M.Nested.name, 'Nested')
  assert.deepStrictEqual(N.decode(hex('0801100218032004')), { a_b: 1, aB: 2, cD: 3, gH: 4, eF: 'gH' })
  // The reflection says the same.
  assert.deepStrictEqual(
    protobuf.reflect(N).fields.map((field) => field.property),
    ['a_b', 'aB', 'cD', 'gH', 'cD_'],
  )
})

test('descriptors, services and streams', async () => {
  const root = protobuf.parse(SHOP, { oneofs: true })
  const set = protobuf.toDescriptorSet(root)
  const again = protobuf.parseDescriptorSet(set, { oneofs: true })
  assert.deepStrictEqual(Object.keys(again).sort(), ['Item', 'Kind', 'google'])
  assert.deepStrictEqual(again.Item.decode(root.Item.encode({ mail: 'x' })).to, 'mail')
  assert.deepStrictEqual(
    Object.keys(protobuf.parseDescriptorSet(set, { files: ['google/protobuf/any.proto'] })).sort(),
    ['Any', 'Item', 'Kind', 'google'],
  )
  assert.throws(() => protobuf.parseDescriptorSet(set, { files: ['x.proto'] }), { code: 'ERR_INVALID_ARG_VALUE' })
  const delimited = Buffer.concat(
    [{ name: 'a' }, { name: 'b' }].map((item) => protobuf.encodeDelimited(root.Item, item)),
  )
  const names = []
  for await (const item of protobuf.decodeStream(root.Item, [delimited])) names.push(item.name)
  assert.deepStrictEqual(names, ['a', 'b'])
  assert.strictEqual(protobuf.binaryToJson(root.Item, root.Item.encode({ name: 'a' })), '{"name":"a"}')
})

test('the default of a bytes field can be reused', () => {
  const { M } = protobuf.parse('syntax = "proto3"; message M { bytes b = 1; }')
  const { b } = M.decode(Buffer.alloc(0))
  // Node refuses that, or copies, by its version.
  try {
    structuredClone(b, { transfer: [b.buffer] })
  } catch (error) {
    assert.strictEqual(error.name, 'DataCloneError')
  }
  assert.deepStrictEqual(M.encode(M.decode(M.encode({ b }))), Buffer.alloc(0))
})
