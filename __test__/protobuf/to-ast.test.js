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
