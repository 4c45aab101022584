'use strict'

// `toJSON()`: the object that npm `protocol-buffers-schema` makes.

const assert = require('node:assert')
const test = require('node:test')
const parser = require('protocol-buffers-schema')
const { protobuf } = require('../..')

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

test('a schema of several packages, shown as text or as an object, compiles again', () => {
  const files = {
    'a.proto': `syntax = "proto3"; package p.a; import "b.proto"; import "google/protobuf/timestamp.proto";
      message M { p.b.M b = 1; google.protobuf.Timestamp t = 2; p.b.E e = 3; E f = 4; map<string, p.b.M.N> g = 5; Only o = 6; }
      message Only { M m = 1; }
      enum E { X = 0; Q = 7; }
      service S { rpc Get(M) returns (p.b.M); }`,
    'b.proto': `syntax = "proto2"; package p.b;
      message M { message N { optional int32 i = 1; } required string s = 1; optional N n = 2; optional E e = 3 [default = W]; }
      message D {
        optional float f = 1 [default = 1e-45]; optional float g = 2 [default = 0.1]; optional double d = 3 [default = -inf];
        optional bytes b = 4 [default = "\\001\\377\\"\\\\"]; optional string s = 5 [default = "é\\n\\""]; optional float n = 6 [default = nan];
      }
      enum E { Y = 0; W = 1; }
      service S { rpc Get(M) returns (M); }`,
  }
  const sources = protobuf(null, { filename: 'a.proto', resolveImport: (name) => files[name] })
  const set = protobuf.fromDescriptorSet(protobuf.toDescriptorSet(sources))
  for (const again of [protobuf(String(set)), protobuf(set.toJSON()), protobuf(JSON.parse(JSON.stringify(sources)))]) {
    assert.deepStrictEqual(
      Object.keys(again)
        .filter((name) => !/^p_/.test(name))
        .sort(),
      Object.keys(set).sort(),
    )
    assert.deepStrictEqual(again.D.decode(Buffer.alloc(0)), sources.D.decode(Buffer.alloc(0)))
    const object = { m: { b: { s: 'x', n: { i: 5 }, e: 1 }, t: { seconds: 5 }, e: 1, f: 7, g: { k: { i: 1 } } } }
    assert.deepStrictEqual(again.Only.encode(object), sources.Only.encode(object))
  }
  assert.match(String(set), /default = 1e-45/)
  assert.match(String(set), /default = 0\.1\]/)
})
