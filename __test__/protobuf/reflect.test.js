'use strict'

// Descriptors in and out, reflection, services.

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const test = require('node:test')
const util = require('node:util')
const protobufjs = require('protobufjs')
const descriptor = require('protobufjs/ext/descriptor')
const { protobuf, rpc } = require('../..')

const FIXTURES = path.join(__dirname, 'fixtures')
const fixture = (name) => fs.readFileSync(path.join(FIXTURES, name))
const resolveImport = (name) => (fs.existsSync(path.join(FIXTURES, name)) ? fixture(name) : null)
const compile = (options) => protobuf(null, { filename: 'library.proto', resolveImport, strict: true, ...options })

/** The files of a descriptor set, as they were written, by name. */
function filesOf(set) {
  const messages = protobuf('import "google/protobuf/descriptor.proto";')
  const part = protobuf('message Set { repeated bytes file = 1; }').Set
  const named = protobuf.lookup(messages, 'google.protobuf.FileDescriptorProto')
  return new Map(part.decode(set).file.map((bytes) => [named.decode(bytes).name, bytes]))
}

test('descriptors are those of protoc, and give the same schema', () => {
  const library = compile()
  const ours = filesOf(protobuf.toDescriptorSet(library))
  const theirs = filesOf(fixture('library.bin'))
  assert.deepStrictEqual([...ours.keys()], [...theirs.keys()])
  for (const [name, bytes] of theirs) {
    // The built-in one has no comments on who may use which edition.
    if (name !== 'google/protobuf/descriptor.proto') assert.deepStrictEqual(ours.get(name), bytes, name)
  }
  const back = protobuf.fromDescriptorSet(fixture('library.bin'), { strict: true })
  assert.deepStrictEqual(Object.keys(back), Object.keys(library))
  const book = {
    isbn: 9780306406157,
    title: 'A',
    kind: 1,
    pages: { a: { number: 1, next: { title: 'B' } } },
    at: { number: 2 },
    access: { level: 1, '[library.common.reason]': 'r' },
  }
  assert.deepStrictEqual(back.Book.encode(book), library.Book.encode(book))
  assert.deepStrictEqual(back.Book.decode(library.Book.encode(book)), library.Book.decode(library.Book.encode(book)))
  assert.deepStrictEqual(
    protobuf.toDescriptorSet(protobuf.fromDescriptorSet(protobuf.toDescriptorSet(library))),
    protobuf.toDescriptorSet(library),
  )
  // There is no source text: what it could have been stands for it.
  assert.match(String(back), /^package library;[\s\S]*message Book \{/)
})

test('comments and source locations are included if the option is set', () => {
  const library = compile()
  const info = protobuf.toDescriptorSet(library, { sourceInfo: true })
  assert.ok(info.length > protobuf.toDescriptorSet(library).length)
  for (const set of [info, fixture('library-info.bin')]) {
    const there = protobuf.reflect(protobuf.fromDescriptorSet(set)).message('library.Book')
    const here = protobuf.reflect(library).message('library.Book')
    assert.deepStrictEqual(there.comment, here.comment)
    assert.deepStrictEqual(
      there.fields.map((field) => field.comment),
      here.fields.map((field) => field.comment),
    )
  }
  const again = protobuf.fromDescriptorSet(info)
  assert.deepStrictEqual(protobuf.toDescriptorSet(again, { sourceInfo: true }), info)
  assert.deepStrictEqual(protobuf.reflect(again).message('library.Book').position, {
    file: 'library.proto',
    line: 13,
    column: 9,
  })
})

test('protobufjs reads ironwire’s descriptors, and the reverse', () => {
  const source = `syntax = "proto3"; package p;
    message M { int32 a = 1; repeated N n = 2; optional string s = 3; oneof o { bool b = 4; E e = 5; } }
    message N { map<string, sint64> m = 1; } enum E { ZERO = 0; ONE = 1; }`
  const ours = protobuf(source)
  const set = descriptor.FileDescriptorSet.decode(protobuf.toDescriptorSet(ours))
  const theirs = protobufjs.Root.fromDescriptor(set).lookupType('p.M')
  const object = { a: -5, n: [{ m: { x: -7, y: 9 } }], s: '', e: 1 }
  const bytes = ours.M.encode(object)
  assert.deepStrictEqual(Buffer.from(theirs.encode(theirs.decode(bytes)).finish()), bytes)

  const root = protobufjs.parse(source, { keepCase: true }).root.resolveAll()
  const made = descriptor.FileDescriptorSet.encode(root.toDescriptor('proto3')).finish()
  const back = protobuf.fromDescriptorSet(made)
  assert.deepStrictEqual(back.M.decode(bytes), ours.M.decode(bytes))
})

test('invalid descriptors', () => {
  const code = 'IRONWIRE_PROTOBUF_SCHEMA'
  for (let length = 1; length < 400; length++) {
    const set = fixture('library-info.bin').subarray(0, length)
    assert.throws(() => protobuf.fromDescriptorSet(set), { code })
  }
  assert.throws(() => protobuf.fromDescriptorSet('x'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.fromDescriptorSet(Buffer.alloc(0), { int64: 'x' }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => protobuf.toDescriptorSet({}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.deepStrictEqual(Object.keys(protobuf.fromDescriptorSet(Buffer.alloc(0))), [])
  // A file that imports one that is not there.
  const M = protobuf(
    'message F { optional string name = 1; repeated string dependency = 3; } message S { repeated F file = 1; }',
  )
  assert.throws(
    () => protobuf.fromDescriptorSet(M.S.encode({ file: [{ name: 'a', dependency: ['b'] }] }), { strict: true }),
    { code },
  )
  // Names that are no names.
  const D = protobuf(
    'message N { optional string name = 1; } message F { optional string name = 1; repeated N message_type = 4; } message S { repeated F file = 1; }',
  )
  for (const name of ['', 'a b', 'x"];alert(1)', 'a.b', 'a\n', '1a']) {
    assert.throws(() => protobuf.fromDescriptorSet(D.S.encode({ file: [{ name: 'a', message_type: [{ name }] }] })), {
      code,
    })
  }
})

test('messages, fields and oneofs', () => {
  const library = compile()
  const all = protobuf.reflect(library)
  assert.strictEqual(protobuf.reflect(library), all)
  const book = all.message('library.Book')
  assert.strictEqual(protobuf.reflect(library.Book), book)
  assert.strictEqual(book.message, library.Book)
  assert.strictEqual(all.message('library.Nothing'), undefined)
  assert.deepStrictEqual(
    all.messages.filter((info) => info.file.package === 'library').map((info) => info.fullName),
    ['library.Book', 'library.Book.Page', 'library.Query'],
  )
  assert.deepStrictEqual(
    book.messages.map((info) => info.fullName),
    ['library.Book.Page'],
  )
  assert.strictEqual(book.messages[0].parent, book)
  assert.strictEqual(book.parent, null)
  assert.deepStrictEqual(book.reservedRanges, [
    { start: 20, end: 22 },
    { start: 30, end: 30 },
  ])
  assert.deepStrictEqual(book.reservedNames, ['old'])
  assert.deepStrictEqual(book.position, { file: 'library.proto', line: 13, column: 9 })
  assert.strictEqual(book.comment.leading, ' One book.\n\n Ends a comment early: */ globalThis.broken = true /*\n')

  const isbn = book.field('isbn')
  assert.strictEqual(book.field(1), isbn)
  assert.deepStrictEqual(isbn.comment, {
    leading: ' The number on its back.\n',
    trailing: ' Thirteen digits.\n',
    detached: [],
  })
  // As protoc has it: what directly follows the opening brace belongs to the message.
  assert.strictEqual(book.comment.trailing, ' Detached.\n')
  assert.deepStrictEqual(
    book.fields.map(({ name, number, label, type }) => `${label} ${type} ${name} = ${number}`),
    [
      'optional int64 isbn = 1',
      'optional string title = 2',
      'repeated string authors = 3',
      'optional enum kind = 4',
      'map message pages = 5',
      'map message ratings = 12',
      'optional string shelf = 6',
      'optional message at = 7',
      'optional message printed = 8',
      'optional bytes cover = 9',
      'repeated enum kinds = 10',
      'optional message access = 11',
    ],
  )
  assert.strictEqual(book.field('title').jsonName, 'bookTitle')
  assert.strictEqual(book.field('title').fullName, 'library.Book.title')
  assert.deepStrictEqual(book.field('authors').options, { deprecated: true })
  assert.deepStrictEqual(
    book.fields.filter((field) => field.packed).map((field) => field.name),
    ['kinds'],
  )
  assert.deepStrictEqual(
    book.fields.filter((field) => field.hasPresence).map((field) => field.name),
    ['kind', 'shelf', 'at', 'printed', 'access'],
  )
  assert.strictEqual(book.field('kind').enum, all.enum('library.Kind'))
  assert.strictEqual(book.field('kind').message, null)
  assert.strictEqual(book.field('pages').mapKey.type, 'string')
  assert.strictEqual(book.field('pages').mapValue.message.fullName, 'library.Book.Page')
  assert.strictEqual(isbn.mapKey, null)
  const empty = library.Book.decode(Buffer.alloc(0))
  for (const field of book.fields) assert.deepStrictEqual(field.default, empty[field.property], field.name)

  const [place, kind] = book.oneofs
  assert.strictEqual(place.fullName, 'library.Book.place')
  assert.deepStrictEqual(
    place.fields.map((field) => field.name),
    ['shelf', 'at'],
  )
  assert.strictEqual(book.field('at').oneof, place)
  assert.strictEqual(isbn.oneof, null)
  assert.strictEqual(place.synthetic, false)
  assert.strictEqual(kind.synthetic, true)
})

test('defaults, extensions, ranges and custom options', () => {
  const all = protobuf.reflect(compile())
  const access = all.message('library.common.Access')
  assert.deepStrictEqual([access.field('level').default, access.field('level').hasDefault], [3, true])
  assert.deepStrictEqual(access.field('seal').default, Buffer.from([1, 255]))
  assert.deepStrictEqual(access.extensionRanges, [{ start: 100, end: 199 }])
  const [reason] = access.extensions
  assert.strictEqual(all.extension('library.common.reason'), reason)
  assert.strictEqual(reason.isExtension, true)
  assert.strictEqual(reason.parent, access)
  assert.strictEqual(reason.oneof, null)
  assert.strictEqual(reason.property, 'reason')
  assert.deepStrictEqual(
    all.file('common.proto').extensions.map((extension) => extension.number),
    [100, 50001, 50002],
  )
  assert.deepStrictEqual(all.service('library.Library').methods.Find.options, {
    idempotency_level: 'NO_SIDE_EFFECTS',
    '(library.common.needs)': { level: 5, seal: Buffer.from('s'), '(library.common.reason)': 'private' },
    '(library.common.costs)': [1, 18446744073709551615n],
  })
  assert.deepStrictEqual(all.file('library.proto').options, { java_package: 'org.example.library' })

  const { M } = protobuf(
    `message M { optional int64 a = 1 [default = -9223372036854775808]; optional double b = 2 [default = -inf];
     optional float c = 3 [default = nan]; optional uint64 d = 4 [default = 5]; optional string __proto__ = 5 [default = "x"]; }`,
    { int64: 'string', strict: true },
  )
  assert.deepStrictEqual(
    protobuf.reflect(M).fields.map((field) => field.default),
    ['-9223372036854775808', -Infinity, NaN, '5', 'x'],
  )
})

test('enums and files', () => {
  const all = protobuf.reflect(compile())
  const kind = all.enum('library.Kind')
  assert.strictEqual(kind.closed, false)
  assert.deepStrictEqual(
    kind.values.map(({ name, number, fullName }) => [name, number, fullName]),
    [
      ['KIND_UNKNOWN', 0, 'library.KIND_UNKNOWN'],
      ['NOVEL', 1, 'library.NOVEL'],
      ['ATLAS', -1, 'library.ATLAS'],
    ],
  )
  assert.deepStrictEqual(kind.value('ATLAS').options, { deprecated: true })
  assert.strictEqual(kind.value(0).comment.leading, ' Nothing in particular.\n')
  assert.deepStrictEqual(kind.value(1).position, { file: 'library.proto', line: 44, column: 3 })

  const file = all.files.at(-1)
  assert.deepStrictEqual([file.name, file.package, file.edition], ['library.proto', 'library', 'proto3'])
  assert.deepStrictEqual(
    file.imports.map((item) => [item.file.name, item.kind]),
    [
      ['common.proto', 'public'],
      ['google/protobuf/timestamp.proto', 'plain'],
    ],
  )
  assert.strictEqual(all.file('common.proto').edition, 'proto2')
  assert.deepStrictEqual(
    [...file.messages, ...file.enums, ...file.services].map((info) => info.name),
    ['Book', 'Query', 'Kind', 'Library'],
  )
  assert.match(util.inspect(kind), /^EnumInfo \{ name: 'Kind', fullName: 'library.Kind' \}$/)
})

test('options cannot pollute', () => {
  const all = protobuf.reflect(
    protobuf(
      'import "google/protobuf/descriptor.proto"; message O { optional int32 __proto__ = 1; } extend google.protobuf.MessageOptions { optional O o = 50000; } message M { option (o) = { __proto__: 5 }; }',
    ),
  )
  const { '(o)': value } = all.message('M').options
  assert.deepStrictEqual(Object.keys(value), ['__proto__'])
  assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  const odd = protobuf('message M {} service S { rpc __proto__ (M) returns (M); rpc constructor (M) returns (M); }')
  const { methods } = protobuf.service(odd, 'S')
  assert.deepStrictEqual(Object.keys(methods), ['__proto__', 'constructor'])
  assert.strictEqual(methods.toString, undefined)
})

test('services', () => {
  const library = compile()
  // npm protocol-buffers shows none.
  assert.ok(!Object.keys(library).includes('Library'))
  const service = protobuf.service(library, 'library.Library')
  assert.strictEqual(library.Library, service)
  assert.strictEqual(service, protobuf.reflect(library).service('library.Library'))
  assert.strictEqual(service.comment.leading, ' Finds books.\n')
  assert.strictEqual(service.file.name, 'library.proto')
  const { Find, Search, Import } = service.methods
  assert.deepStrictEqual(
    { ...Find },
    {
      name: 'Find',
      fullName: 'library.Library.Find',
      path: '/library.Library/Find',
      clientStreaming: false,
      serverStreaming: false,
    },
  )
  assert.strictEqual(Find.requestType, library.Query)
  assert.strictEqual(Find.responseType, library.Book)
  assert.strictEqual(Find.idempotency, 'no-side-effects')
  assert.strictEqual(Import.idempotency, 'unknown')
  assert.deepStrictEqual([Search.clientStreaming, Search.serverStreaming], [false, true])
  assert.deepStrictEqual([Import.clientStreaming, Import.serverStreaming], [true, false])
  assert.throws(() => protobuf.service(library, 'Library'), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => protobuf.service({}, 'Library'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.reflect({}), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('a service over rpc', async (t) => {
  const { Find } = protobuf.service(compile(), 'library.Library').methods
  const server = rpc.createServer()
  t.after(() => new Promise((resolve) => server.close(resolve)))
  server.method(Find.path, async (request) => {
    const { text } = Find.requestType.decode(request)
    return Find.responseType.encode({ title: text.toUpperCase() })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = rpc.connect({ port: server.address().port, host: '127.0.0.1' })
  const reply = await client.call(Find.path, Find.requestType.encode({ text: 'rust' }))
  assert.strictEqual(Find.responseType.decode(reply).title, 'RUST')
  await client.close()
})
