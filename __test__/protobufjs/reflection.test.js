'use strict'

// Schemas that change, classes of the program's own, loading, and what programs set on `util`.

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const theirs = require('protobufjs')
const ours = require('ironwire/protobufjs')

const hex = (bytes) => Buffer.from(bytes).toString('hex')

/** The same steps on both give the same. */
function same(name, steps) {
  test(name, async () => {
    const [mine, peer] = [await steps(ours), await steps(theirs)]
    assert.notStrictEqual(JSON.stringify(mine), undefined)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(mine)), JSON.parse(JSON.stringify(peer)))
  })
}

same('a type that changes later is used in its new form', (protobuf) => {
  const { root } = protobuf.parse('syntax = "proto3"; message A { B b = 1; } message B { int32 x = 1; }')
  const [A, B] = [root.lookupType('A'), root.lookupType('B')]
  const seen = []
  const message = { b: { x: 5, y: 'text', z: [1, 2] } }
  const look = () => seen.push(hex(A.encode(message).finish()), A.decode(A.encode(message).finish()), A.verify(message))
  look()
  B.add(new protobuf.Field('y', 2, 'string'))
  look()
  B.add(new protobuf.Field('z', 3, 'int32', 'repeated'))
  look()
  B.remove(B.fields.x)
  look()
  root.remove(B)
  const C = new protobuf.Type('B').add(new protobuf.Field('x', 7, 'string'))
  root.add(C)
  seen.push(hex(C.encode({ x: 'new' }).finish()))
  return seen
})

same('large schemas with groups, of which one distant type changes', (protobuf) => {
  const COUNT = 80
  const messages = Array.from({ length: COUNT }, (_, i) => {
    const next = `M${(i + 1) % COUNT}`
    return `message M${i} { optional ${next} next = 1; map<string, ${next}> by = 2; optional group G = 3 { optional ${next} next = 1; } }`
  })
  const { root } = protobuf.parse(messages.join('\n'))
  let message = { value: 5, next: {} }
  for (let i = 60; i > 0; i--)
    message = i % 3 ? { next: message } : i % 2 ? { by: { k: message } } : { g: { next: message } }
  const M0 = root.lookupType('M0')
  const seen = []
  const look = () => seen.push(hex(M0.encode(message).finish()), M0.decode(M0.encode(message).finish()))
  look()
  root.lookupType('M60').add(new protobuf.Field('value', 9, 'int32'))
  look()
  root.lookupType('M59').add(new protobuf.Field('other', 9, 'int32'))
  look()
  return seen
})

same('oneofs: the member that was set last', (protobuf) => {
  const T = protobuf.parse('syntax = "proto3"; message T { oneof kind { string a = 1; int32 b = 2; T c = 3; } }').root.T
  const message = T.create({ a: 'x' })
  const seen = [message.kind, T.encode(message).finish().length]
  message.b = 5
  seen.push(message.kind)
  message.kind = 'b'
  seen.push(Object.keys(message), message.a)
  const bytes = Buffer.concat([
    T.encode({ a: 'x' }).finish(),
    T.encode({ b: 0 }).finish(),
    T.encode({ c: {} }).finish(),
  ])
  seen.push(T.decode(bytes), T.decode(bytes).kind, T.verify({ a: 'x', b: 1 }))
  return seen
})

same('classes of the program', (protobuf) => {
  const T = protobuf.parse(
    'syntax = "proto3"; message T { string a = 1; repeated int32 b = 2; U u = 3; } message U { int32 v = 1; }',
  ).root
  class Mine extends protobuf.Message {
    get shout() {
      return this.a.toUpperCase()
    }
  }
  const before = T.T.decode(T.T.encode({ a: 'x', u: { v: 1 } }).finish())
  T.T.ctor = Mine
  T.U.ctor = class extends protobuf.Message {
    get double() {
      return this.v * 2
    }
  }
  const decoded = Mine.decode(Mine.encode({ a: 'x', b: [1], u: { v: 21 } }).finish())
  const made = Mine.fromObject({ a: 'y' })
  class Derived extends Mine {
    constructor() {
      super()
      this.b = [7]
    }
  }
  return [
    before instanceof Mine,
    decoded instanceof Mine,
    decoded.shout,
    decoded.u.double,
    made.shout,
    new Mine().b.length,
    hex(Mine.encode(new Derived()).finish()),
    // A prototype with a value is no message with a field.
    hex(Mine.encode(Object.create({ a: 'inherited' })).finish()),
  ]
})

same('an accessor in place of a field is not a field', (protobuf) => {
  const { T } = protobuf.parse('syntax = "proto3"; message T { string a = 1; int32 b = 2; }').root
  Object.defineProperty(T.ctor.prototype, 'a', { get: () => 'computed', set() {}, configurable: true })
  return [hex(T.encode(T.create({ b: 1 })).finish()), hex(T.encode({ a: 'own' }).finish())]
})

same('fields with names such as __proto__', (protobuf) => {
  const { T } = protobuf.parse(
    'message T { optional string constructor = 1; optional int32 toString = 2; repeated int32 valueOf = 3; map<string, string> m = 4; }',
  ).root
  const bytes = T.encode({ constructor: 'c', toString: 0, valueOf: [1], m: JSON.parse('{"__proto__":"p"}') }).finish()
  return [hex(T.encode({}).finish()), hex(bytes), Object.keys(T.decode(bytes)), Object.keys(T.decode(bytes).m)]
})

same('names that are not identifiers', (protobuf) => {
  const names = [
    'a"];globalThis.pwned=1;["',
    '%s %j %%',
    '`$' + '{globalThis.pwned=1}`',
    "'\n\u2028\\",
    'class',
    'a b',
    '-',
  ]
  const fields = {}
  for (const [i, name] of names.entries()) fields[name] = { type: i % 2 ? 'E' : 'string', id: i + 1 }
  fields['*/ []'] = { type: 'string', id: 50, rule: 'repeated' }
  fields['}{'] = { keyType: 'string', type: 'T', id: 51 }
  const E = { values: { '";globalThis.pwned=1//': 0, '\n': 1 } }
  const root = protobuf.Root.fromJSON({
    nested: { T: { fields, oneofs: { '"]=1;': { oneof: names.slice(0, 2) } } }, E },
  })
  const T = root.lookupType('T')
  const object = { '*/ []': ['x'], '}{': { k: {} }, [names[0]]: 'value' }
  for (const [i, name] of names.entries()) if (i > 1) object[name] = i % 2 ? 1 : 'value'
  const bytes = T.encode(object).finish()
  const seen = [hex(bytes), T.decode(bytes), T.verify(object), T.fromObject(object), T.verify({ [names[2]]: 5 })]
  seen.push(T.toObject(T.decode(bytes), { enums: String, defaults: true, oneofs: true }), globalThis.pwned ?? 'safe')
  return seen
})

test('names that are numbers', () => {
  const { T } = ours.Root.fromJSON({ nested: { T: { fields: { 1: { type: 'string', id: 1 } } } } })
  assert.deepStrictEqual({ ...T.decode(T.encode({ 1: 'x' }).finish()) }, { 1: 'x' })
})

same('groups, extensions, required and closed enums of proto2', (protobuf) => {
  const { root } = protobuf.parse(`
    message T {
      required int32 id = 1;
      repeated group Part = 2 { optional string name = 1; }
      optional E e = 3 [default = TWO];
      repeated E list = 5 [packed = true];
      extensions 100 to 200;
    }
    enum E { ONE = 1; TWO = 2; }
    extend T { optional string note = 100; }
  `)
  root.resolveAll()
  const { T } = root
  const bytes = T.encode({ id: 1, part: [{ name: 'a' }, {}], e: 1, list: [1, 2], '.note': 'n' }).finish()
  const strange = Buffer.from([8, 1, 24, 9, 42, 3, 1, 9, 2])
  const reader = protobuf.Reader.create(strange)
  reader.discardUnknown = false
  const kept = T.decode(reader)
  const errors = [[], [8], [8, 1, 20], [8, 1, 19, 8]].map((list) => {
    try {
      return T.decode(Buffer.from(list))
    } catch (error) {
      return [
        error.name,
        error.message.replace(/:.*/, ''),
        error instanceof protobuf.util.ProtocolError,
        error.instance,
      ]
    }
  })
  return [
    hex(bytes),
    T.decode(bytes),
    T.create().e,
    T.decode(strange),
    kept.$unknowns.map(hex),
    hex(T.encode(kept).finish()),
    errors,
  ]
})

same('files are loaded with their imports, by callback, promise and synchronously', async (protobuf) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-load-'))
  try {
    const write = (name, text) => fs.writeFileSync(path.join(folder, name), text)
    write(
      'a.proto',
      'syntax = "proto3"; import "b.proto"; import "google/protobuf/any.proto"; message A { B b = 1; google.protobuf.Any any = 2; }',
    )
    write('b.proto', 'syntax = "proto3"; import public "c.json"; message B { C c = 1; }')
    write('c.json', JSON.stringify({ nested: { C: { fields: { x: { type: 'int32', id: 1 } } } } }))
    write('broken.proto', 'syntax = "proto3";\nmessage X {\n  int32 = 5;\n}')
    write('missing.proto', 'syntax = "proto3"; message X { Nowhere n = 1; }')
    const file = (name) => path.join(folder, name)
    const shown = (root) => [root.toJSON(), root.files.map((name) => path.basename(name))]
    const failed = (error) => error.message.replaceAll(folder, '')
    const byCallback = (name) =>
      new Promise((resolve) => protobuf.load(file(name), (error, root) => resolve(error ? failed(error) : shown(root))))
    return [
      await byCallback('a.proto'),
      shown(await protobuf.load(file('a.proto'))),
      shown(protobuf.loadSync([file('a.proto'), file('b.proto')])),
      await byCallback('broken.proto'),
      await byCallback('nothing.proto'),
      await protobuf.load(file('broken.proto')).catch(failed),
    ]
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
})

test('errors of resolving reach the callback', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-load-'))
  const file = path.join(folder, 'missing.proto')
  fs.writeFileSync(file, 'syntax = "proto3"; message X { Nowhere n = 1; }')
  await assert.rejects(ours.load(file), /no such Type or Enum 'Nowhere' in Type .X/)
  fs.rmSync(folder, { recursive: true })
})

same('services', async (protobuf) => {
  const { root } = protobuf.parse(`
    syntax = "proto3";
    package p;
    message Q { int32 x = 1; }
    message R { string s = 1; }
    service S { rpc Ask(Q) returns (R); rpc Fail(Q) returns (R); }
  `)
  const S = root.lookupService('p.S')
  const service = S.create((method, request, callback) => {
    if (method === null) return undefined
    if (method.name === 'Fail') return callback(new Error('failed'))
    const { x } = root.lookupType('p.Q').decode(request)
    callback(
      null,
      root
        .lookupType('p.R')
        .encode({ s: `got ${x}` })
        .finish(),
    )
  })
  const events = []
  service
    .on('data', (data) => events.push(data))
    .on('error', (error) => events.push(error.message))
    .on('end', () => events.push('end'))
  const answers = [await service.ask({ x: 5 }), await service.fail({}).catch((error) => error.message)]
  service.end()
  return [answers, events, S.methods.Ask.resolve().path, await service.ask({}).catch((error) => error.message)]
})

same('decorated classes', (protobuf) => {
  const { Field, MapField, Message, OneOf, Type } = protobuf
  class Point extends Message {}
  Type.d(`Point${Math.random().toString(36).slice(2)}`)(Point)
  Field.d(1, 'double')(Point.prototype, 'x')
  Field.d(2, Point)(Point.prototype, 'next')
  Field.d(3, { RED: 0, BLUE: 1 }, 'optional', 'BLUE')(Point.prototype, 'color')
  MapField.d(4, 'string', 'int32')(Point.prototype, 'tags')
  Field.d(5, 'string')(Point.prototype, 'a')
  OneOf.d('a')(Point.prototype, 'choice')
  const point = new Point({ x: 1.5, next: new Point({ x: 2 }), tags: { a: 1 }, a: 'z' })
  const bytes = Point.encode(point).finish()
  return [hex(bytes), Point.decode(bytes), Point.decode(bytes).choice, new Point().color]
})

test('with and without Longs, in a process of its own', () => {
  const script = `
    const protobuf = require(process.argv[1])
    const { T } = protobuf.parse('syntax = "proto3"; message T { int64 a = 1; uint64 b = 2; sint64 c = 3; map<int64, string> m = 4; }').root
    const { Long } = protobuf.util
    const show = (it) => console.log(JSON.stringify(it, (key, value) => (value && value.low !== undefined ? String(value) : value)))
    const bytes = T.encode({ a: -5, b: '9007199254740991', c: { low: 1, high: -1 }, m: { 7: 'seven' } }).finish()
    show([bytes, T.decode(bytes), T.toObject(T.decode(bytes), { longs: String, defaults: true })])
    protobuf.util.Long = null
    protobuf.configure()
    const U = protobuf.parse('syntax = "proto3"; message U { int64 a = 1; uint64 b = 2; sint64 c = 3; map<int64, string> m = 4; }').root.U
    show([U.encode({ a: -5, b: '9007199254740991' }).finish(), U.decode(bytes), U.toObject(U.create(), { defaults: true, longs: String }), U.fromObject({ a: '12' })])
    protobuf.util.Long = Long
    protobuf.configure()
    show(T.decode(bytes))
  `
  const run = (file) => execFileSync(process.execPath, ['-e', script, require.resolve(file)], { encoding: 'utf8' })
  const mine = run('ironwire/protobufjs')
  assert.ok(mine.length > 100)
  assert.strictEqual(mine, run('protobufjs'))
})

test('require and import give the same exports', async () => {
  for (const [name, build] of [
    ['minimal', 'minimal'],
    ['light', 'light'],
    ['index', 'full'],
  ]) {
    const subpath = name === 'index' ? 'ironwire/protobufjs' : `ironwire/protobufjs/${name}`
    const script = `const p = require('${subpath}'); console.log(p.build, Object.keys(p).sort().join())`
    const [found, keys] = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', cwd: __dirname })
      .trim()
      .split(' ')
    assert.strictEqual(found, build)
    const module = await import(subpath)
    const named = Object.keys(module).filter((key) => key !== 'default')
    assert.deepStrictEqual(named.sort().join(), keys)
    for (const key of named) if (key !== 'build') assert.strictEqual(module[key], ours[key])
  }
  // Emitted code as text (encoder, decoder, verifier, converter) is protobufjs's own matter.
  const missing = Object.keys(theirs).filter((key) => !(key in ours))
  assert.deepStrictEqual(missing.sort(), ['converter', 'decoder', 'encoder', 'verifier'])
  for (const key of Object.keys(theirs.util)) if (!(key in ours.util)) assert.fail(`util.${key}`)
})

test('reflection to descriptors and back', () => {
  const descriptor = require('ironwire/protobufjs/ext/descriptor')
  const { root } = ours.parse(
    'syntax = "proto3"; package p; message T { map<int64, T> m = 1; optional string s = 2; } enum E { A = 0; }',
  )
  root.resolveAll()
  const bytes = descriptor.FileDescriptorSet.encode(root.toDescriptor('proto3')).finish()
  const again = ours.Root.fromDescriptor(bytes)
  assert.deepStrictEqual(JSON.parse(JSON.stringify(again.lookup('p'))), JSON.parse(JSON.stringify(root.lookup('p'))))
  assert.strictEqual(ours.descriptor, descriptor)
  // Our compiler reads it.
  const { protobuf } = require('ironwire')
  const { T } = protobuf.fromDescriptorSet(bytes)
  assert.deepStrictEqual(hex(T.encode({ s: 'x' })), hex(root.lookupType('p.T').encode({ s: 'x' }).finish()))
  for (const name of ['api', 'descriptor', 'source_context', 'type']) {
    const file = `google/protobuf/${name}.json`
    const made = ours.Root.fromJSON(require(`ironwire/protobufjs/${file}`)).resolveAll()
    for (const one of Object.keys(require(`protobufjs/${file}`).nested.google.nested.protobuf.nested)) {
      assert.ok(made.lookup(`google.protobuf.${one}`), one)
    }
  }
})
