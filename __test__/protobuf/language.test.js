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

test('strict mode accepts what protoc accepts, lenient mode also what npm protocol-buffers accepts', () => {
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

test('Google’s files are built in, and files of the caller replace them', () => {
  const source =
    'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message M { google.protobuf.Timestamp at = 1; }'
  const { M } = protobuf(source, { strict: true })
  assert.strictEqual(M.decode(M.encode({ at: { seconds: 5, nanos: 6 } })).at.seconds, 5)
  const own = 'syntax = "proto3"; package google.protobuf; message Timestamp { string text = 9; }'
  const replaced = protobuf(source, { strict: true, resolveImport: () => own }).M
  assert.strictEqual(replaced.decode(replaced.encode({ at: { text: 'noon' } })).at.text, 'noon')
})

test('exceptions of the import function are passed on unchanged', () => {
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

/** Loads one file made of an object in the shape of `google.protobuf.FileDescriptorProto`. */
const load = (file, options = { strict: true }) => {
  const messages = protobuf('import "google/protobuf/descriptor.proto";')
  const set = protobuf.lookup(messages, 'google.protobuf.FileDescriptorSet')
  return protobuf.fromDescriptorSet(set.encode({ file: [{ name: 'd.proto', ...file }] }), options)
}
const field = (name, number, rest) => ({ name, number, label: 1, type: 5, ...rest })
const message = (...fields) => ({ name: 'M', field: fields })

test('descriptors get the same checks as source text', () => {
  const editions = { syntax: 'editions', edition: 1000 }
  const entry = {
    name: 'GEntry',
    options: { map_entry: true },
    field: [field('key', 1), field('value', 2)],
  }
  for (const [expected, file] of [
    ['features require an edition', { options: { features: { field_presence: 2 } } }],
    ['required presence', { ...editions, options: { features: { field_presence: 3 } } }],
    ['expected a value of feature "field_presence"', { ...editions, options: { features: { field_presence: 0 } } }],
    ['needs edition 2024', { ...editions, options: { features: { enforce_naming_style: 1 } } }],
    [
      'cannot be set on a message',
      { ...editions, message_type: [{ name: 'M', options: { features: { field_presence: 2 } } }] },
    ],
    ['no "java_string_check_utf8"', { ...editions, options: { java_string_check_utf8: true } }],
    ['removed in edition 2024', { ...editions, edition: 1001, options: { java_multiple_files: true } }],
    ['"import option" needs edition 2024', { ...editions, option_dependency: ['x'] }],
    ['oneof o must have at least one field', { message_type: [{ name: 'M', oneof_decl: [{ name: 'o' }] }] }],
    ...[
      [editions, 'no presence', { label: 3, options: { features: { field_presence: 2 } } }],
      [
        editions,
        'only repeated fields of numbers',
        { label: 3, type: 9, options: { features: { repeated_field_encoding: 1 } } },
      ],
      [editions, 'is allowed on repeated fields only', { options: { features: { repeated_field_encoding: 1 } } }],
      [editions, 'is allowed on strings only', { options: { features: { utf8_validation: 3 } } }],
      [editions, 'is allowed on message fields only', { options: { features: { message_encoding: 2 } } }],
      [editions, 'no "packed"', { label: 3, options: { packed: true } }],
      [{ ...editions, edition: 1001 }, 'no option "ctype"', { type: 9, options: { ctype: 1 } }],
      [{}, 'can be packed', { label: 3, type: 9, options: { packed: true } }],
      [{}, 'lazy is allowed on message fields only', { options: { lazy: true } }],
      [{}, 'jstype is allowed on 64-bit', { options: { jstype: 1 } }],
      [{}, 'is not an extension', { extendee: '.M' }],
      [{}, 'names the type', { type_name: '.M' }],
      [{}, 'expected an enum type', { type: 14, type_name: '.M' }],
      [{}, 'entry of a map', { label: 3, type: 10, type_name: '.M.GEntry' }, entry],
    ].map(([head, expected, rest, ...nested]) => [
      expected,
      { ...head, message_type: [{ ...message(field('g', 1, rest)), nested_type: nested }] },
    ]),
    [
      'expected a message type',
      {
        enum_type: [{ name: 'E', value: [{ name: 'A', number: 0 }] }],
        message_type: [message(field('e', 1, { type: 11, type_name: '.E' }))],
      },
    ],
    [
      'cannot be in a oneof',
      { message_type: [{ ...message(field('a', 1, { label: 3, oneof_index: 0 })), oneof_decl: [{ name: 'o' }] }] },
    ],
    [
      'must be declared one after the other',
      {
        message_type: [
          {
            ...message(field('a', 1, { oneof_index: 0 }), field('b', 2), field('c', 3, { oneof_index: 0 })),
            oneof_decl: [{ name: 'o' }],
          },
        ],
      },
    ],
    [
      'cannot have a json_name',
      {
        message_type: [{ name: 'M', extension_range: [{ start: 1, end: 9 }] }],
        extension: [field('x', 1, { extendee: '.M', json_name: 'y' })],
      },
    ],
  ]) {
    assert.throws(
      () => load(file),
      (error) => {
        assert.strictEqual(error.code, 'IRONWIRE_PROTOBUF_SCHEMA', error.stack)
        assert.ok(error.message.includes(expected), `${expected}: ${error.message}`)
        return true
      },
    )
  }
})

test('descriptors with an edition but no syntax, and an empty JSON name', () => {
  const file = { edition: 1000, message_type: [message(field('a', 1, { json_name: '' }), field('b', 2, { label: 3 }))] }
  const { M } = load(file)
  assert.strictEqual(M.encode({ b: [1, 2] }).toString('hex'), '12020102', 'packed, as editions have it')
  const again = protobuf.fromDescriptorSet(protobuf.toDescriptorSet(load(file)), { strict: true })
  assert.strictEqual(protobuf.reflect(again).message('M').fields[0].jsonName, '')
})

test('extensions before the extended message, and two files with the same extension number', () => {
  const files = {
    'm.proto': 'syntax = "proto2"; message A { extend M { optional int32 a = 5; } } message M { extensions 1 to 9; }',
    'b.proto': 'syntax = "proto2"; import "m.proto"; extend M { optional string b = 5; }',
  }
  const options = { strict: true, filename: 'b.proto', resolveImport: (name) => files[name] }
  const M = protobuf.lookup(protobuf(null, options), 'M')
  const bytes = M.encode({ '[A.a]': 7 })
  assert.strictEqual(bytes.toString('hex'), '2807')
})

test('files for the lite runtime can be imported and extended by such files only', () => {
  const lite = 'syntax = "proto2"; option optimize_for = LITE_RUNTIME;'
  const resolveImport = (name) => (name === 'lite' ? `${lite} message M {}` : 'message N { extensions 1 to 9; }')
  const options = { strict: true, resolveImport }
  fails('syntax = "proto2"; import "lite";', options, '1:20: "lite" has optimize_for = LITE_RUNTIME')
  fails(`${lite} import "n"; extend N { optional int32 x = 1; }`, options, 'so it cannot be extended here')
  protobuf(`${lite} import "lite"; import "n"; message O { optional M m = 1; optional N n = 2; }`, options)
})
