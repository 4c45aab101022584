'use strict'

// The protobuf language as JavaScript sees it: readings, errors, imports, limits. The language itself is tested in `src/proto/tests`.

const assert = require('node:assert')
const { test } = require('node:test')
const { protobuf } = require('../../index.js')

const fails = (source, options, message) => {
  assert.throws(
    () => protobuf(source, options),
    (error) => {
      assert.strictEqual(error.code, 'IRONWIRE_PROTOBUF_SCHEMA')
      assert.ok(error.message.includes(message), error.message)
      return true
    },
  )
}

test('errors name file, line, column and what was expected', () => {
  const source = 'syntax = "proto3";\nmessage M {\n  int32 age = foo;\n}'
  fails(source, {}, '3:15: expected a field number, found "foo"')
  const options = { filename: 'dir/m.proto', resolveImport: () => source }
  fails(null, options, 'dir/m.proto:3:15: expected a field number, found "foo"')
  const imports = { 'a.proto': '\nimport "b.proto";', 'b.proto': 'message B {\n  optional Nope n = 1; }' }
  fails(null, { filename: 'a.proto', resolveImport: (name) => imports[name] }, 'b.proto:2:12: Could not resolve Nope')
})

test('strict is what protoc takes, lenient what npm protocol-buffers takes besides', () => {
  for (const [source, message] of [
    ['message M { int32 a = 1; }', '1:13: expected "required", "optional" or "repeated"'],
    ['enum A { X = 1; } enum B { X = 1; }', '1:28: "X" is already defined'],
    ['syntax = "proto3"; message M { required int32 a = 1; }', '1:32: proto3 has no required fields'],
    ['message M { optional int32 a = 1 [(nobody) = 5]; }', '1:35: Could not resolve option (nobody)'],
    ['import "nowhere.proto";', '1:1: imported file "nowhere.proto" was not found'],
  ]) {
    protobuf(source)
    fails(source, { strict: true }, message)
  }
})

test('every edition compiles and encodes', () => {
  const body = 'message M { repeated int32 list = 1; }'
  const expanded = '08010802'
  const packed = '0a020102'
  for (const [head, label, hex] of [
    ['syntax = "proto2";', '', expanded],
    ['syntax = "proto3";', '', packed],
    ['edition = "2023";', '', packed],
    ['edition = "2023"; option features.repeated_field_encoding = EXPANDED;', '', expanded],
    ['edition = "2024";', '', packed],
  ]) {
    const { M } = protobuf(`${head}\n${label}${body}`, { strict: true })
    const bytes = M.encode({ list: [1, 2] })
    assert.strictEqual(bytes.toString('hex'), hex, head)
    assert.deepStrictEqual([...M.decode(bytes).list], [1, 2])
  }
})

test("Google's own files are built in, and a file of the caller's goes before them", () => {
  const source =
    'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message M { google.protobuf.Timestamp at = 1; }'
  const { M } = protobuf(source, { strict: true })
  assert.strictEqual(M.decode(M.encode({ at: { seconds: 5, nanos: 6 } })).at.seconds, 5)
  const own = 'syntax = "proto3"; package google.protobuf; message Timestamp { string text = 9; }'
  const replaced = protobuf(source, { strict: true, resolveImport: () => own }).M
  assert.strictEqual(replaced.decode(replaced.encode({ at: { text: 'noon' } })).at.text, 'noon')
})

test('what the import function throws is thrown as it is', () => {
  const error = new Error('disk on fire')
  const resolveImport = () => {
    throw error
  }
  assert.throws(() => protobuf('import "a.proto";', { resolveImport }), error)
})

test('limits are options, each with an error of its own', () => {
  const deep = (depth) => 'message M {'.repeat(depth) + '}'.repeat(depth)
  protobuf(deep(64))
  protobuf(deep(256), { limits: { nesting: 256, fullName: 1000 } })
  fails(deep(65), {}, 'nested more than 64 levels deep')
  fails(deep(100_000), { limits: { nesting: 256, fullName: 1000 } }, 'nested more than 256 levels deep')
  fails('message M {}', { limits: { sourceBytes: 11 } }, 'more than the limit of 11')
  fails('message A {} message B {}', { limits: { symbols: 1 } }, 'more than 1 names are declared')
  fails(`message ${'x'.repeat(513)} {}`, {}, 'full names are limited to 512 bytes')
  fails('option (a) = 1; option (b) = 1;', { limits: { options: 1 } }, 'more than 1 different options')
  let count = 0
  const resolveImport = () => `import "${++count}.proto";`
  fails('import "0.proto";', { resolveImport }, 'imports are nested more than 128 deep')
  fails('import "a.proto"; import "b.proto";', { resolveImport: () => '', limits: { files: 1 } }, 'more than 1 files')
  for (const limits of [null, 5, { nesting: 0 }, { nesting: 257 }, { files: 1.5 }, { symbols: '1' }]) {
    assert.throws(() => protobuf('message M {}', { limits }), { code: /^ERR_INVALID_ARG_/ })
  }
})

test('an import circle is named', () => {
  const files = { a: 'import "b";', b: 'import "a";' }
  const options = { filename: 'a', resolveImport: (name) => files[name] }
  fails(null, options, 'b:1:1: File recursively imports itself: a -> b -> a')
})
