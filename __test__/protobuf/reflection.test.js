'use strict'

// What a schema says about itself: reflection, services, descriptor sets, and the object that npm `protocol-buffers-schema` makes.

const assert = require('node:assert')
const test = require('node:test')
const parser = require('protocol-buffers-schema')
const { protobuf } = require('../..')

const SOURCE = `
  syntax = "proto2";
  package pkg;
  import "google/protobuf/descriptor.proto";
  extend google.protobuf.MessageOptions { optional int64 weight = 50001; }
  // A call.
  message Call {
    option (weight) = -9223372036854775808;
    required int32 id = 1 [default = 7];
    map<string, Kind> kinds = 2;
    oneof body { bytes raw = 3; string text = 4 [deprecated = true]; }
    enum Kind { NONE = 0; SOME = 2; }
    message Inner { optional Call back = 1; }
  }
  message Reply { optional double value = 1 [default = -inf]; }
  service Calls {
    rpc One (Call) returns (Reply) { option idempotency_level = IDEMPOTENT; }
    rpc Many (stream Call) returns (stream Reply);
  }
`

test('reflection has fields, types, options and comments', () => {
  const all = protobuf.reflect(protobuf(SOURCE, { strict: true }))
  const call = all.messages.find((message) => message.fullName === 'pkg.Call')
  assert.strictEqual(call.comment, ' A call.\n')
  assert.deepStrictEqual(call.options, { '(pkg.weight)': '-9223372036854775808' })
  assert.deepStrictEqual(
    call.fields.map(({ name, label, type }) => [name, label, type]),
    [
      ['id', 'required', 'int32'],
      ['kinds', 'map', 'enum'],
      ['raw', 'optional', 'bytes'],
      ['text', 'optional', 'string'],
    ],
  )
  assert.strictEqual(call.fields[0].default, 7)
  assert.deepStrictEqual(call.oneofs, [{ name: 'body', fields: ['raw', 'text'] }])
  const reply = all.messages.find((message) => message.name === 'Reply')
  assert.strictEqual(reply.fields[0].default, '-Infinity')
  const kind = all.enums.find((item) => item.fullName === 'pkg.Call.Kind')
  assert.deepStrictEqual(kind.values, [
    { name: 'NONE', number: 0 },
    { name: 'SOME', number: 2 },
  ])
  assert.strictEqual(all.services[0].methods[0].idempotency, 'IDEMPOTENT')
  assert.strictEqual(all.files.at(-1).edition, 'proto2')
})

test('reflection is a copy', () => {
  const messages = protobuf(SOURCE)
  protobuf.reflect(messages).messages.length = 0
  assert.notStrictEqual(protobuf.reflect(messages).messages.length, 0)
})

test('services have the message objects of their methods', () => {
  const messages = protobuf(SOURCE)
  const { 'pkg.Calls': calls } = protobuf.services(messages)
  assert.strictEqual(calls.name, 'Calls')
  const [one, many] = calls.methods
  assert.strictEqual(one.path, '/pkg.Calls/One')
  assert.strictEqual(one.request, messages.Call)
  assert.strictEqual(one.reply, messages.Reply)
  assert.deepStrictEqual([one.clientStreaming, one.serverStreaming], [false, false])
  assert.deepStrictEqual([many.clientStreaming, many.serverStreaming], [true, true])
})

test('a descriptor set goes out and comes in', () => {
  const first = protobuf(SOURCE, { strict: true })
  const bytes = protobuf.descriptorSet(first)
  const second = protobuf.fromDescriptorSet(bytes, { strict: true })
  assert.deepStrictEqual(protobuf.descriptorSet(second), bytes)
  const object = { id: 1, kinds: { a: 2 }, text: 'x' }
  assert.deepStrictEqual(second.Call.encode(object), first.Call.encode(object))
  assert.ok(protobuf.descriptorSet(first, { sourceInfo: true }).includes(' A call.'))
  const set = protobuf(null, {
    filename: 'root.proto',
    resolveImport: (name) => (name === 'root.proto' ? 'import "google/protobuf/descriptor.proto";' : null),
  }).FileDescriptorSet
  const names = set.decode(bytes).file.map((file) => file.name)
  assert.strictEqual(names[0], 'google/protobuf/descriptor.proto')
  assert.throws(() => protobuf.fromDescriptorSet(Buffer.from([10, 200])), { code: 'IRONWIRE_PROTOBUF_SCHEMA' })
})

test('toJSON has the shape of protocol-buffers-schema, and a schema object goes in', () => {
  const source = `
    package foo;
    enum E { A = 1; B = 2; }
    message M {
      required int32 a = 1 [default = 5];
      optional string s = 2 [default = "x"];
      repeated uint32 p = 3 [packed = true];
      map<string, int32> m = 4;
      oneof o { bool t = 5; E e = 6; }
      message N { optional double d = 1; }
      enum F { Q = 0; }
    }`
  const theirs = parser.parse(source)
  const plain = (value) => JSON.parse(JSON.stringify(value))
  const ours = plain(protobuf(source))
  assert.deepStrictEqual(
    ours.messages[0].fields.map(({ type, ...rest }) => rest),
    plain(theirs.messages[0].fields.map(({ type, ...rest }) => rest)),
  )
  assert.deepStrictEqual(ours.enums, plain(theirs.enums))
  assert.strictEqual(ours.package, 'foo')
  const fromObject = protobuf(theirs)
  assert.strictEqual(fromObject.toJSON(), theirs)
  const object = { a: 1, p: [1, 300], m: { k: 2 }, e: 2 }
  assert.deepStrictEqual(fromObject.M.encode(object), protobuf(source).M.encode(object))
  assert.deepStrictEqual(
    fromObject.M.decode(Buffer.from('0801', 'hex')),
    protobuf(source).M.decode(Buffer.from('0801', 'hex')),
  )
  assert.deepStrictEqual(protobuf(ours).M.encode(object), protobuf(source).M.encode(object))
  assert.strictEqual(String(protobuf(source)), source)
})
