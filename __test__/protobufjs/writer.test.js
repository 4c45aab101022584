'use strict'

// The Reader and the Writer, and the writer that `encode` gives: its memory is shared with other messages, which nothing may show.

const assert = require('node:assert')
const test = require('node:test')
const theirs = require('protobufjs')
const ours = require('ironwire/protobufjs')

const SOURCE = `
  syntax = "proto3";
  message Inner { string text = 1; repeated int32 numbers = 2; }
  message Outer { string name = 1; Inner inner = 2; bytes data = 3; map<string, Inner> by = 4; repeated Inner list = 5; }
`
const type = (protobuf, name = 'Outer') => protobuf.parse(SOURCE).root.lookupType(name)
const Outer = type(ours)
const Peer = type(theirs)
const hex = (bytes) => Buffer.from(bytes).toString('hex')

test('writing after an encoded message does not affect other messages', () => {
  const first = Outer.encode({ name: 'first' })
  const second = Outer.encode({ name: 'second' }).finish()
  const before = hex(second)
  const writer = Peer.encode({ name: 'first' })
  first.uint32(40).uint32(300).fork().string('more').ldelim()
  writer.uint32(40).uint32(300).fork().string('more').ldelim()
  assert.strictEqual(hex(first.finish()), hex(writer.finish()))
  assert.strictEqual(hex(second), before)
})

test('returned bytes do not change when the writer is used again', () => {
  for (const protobuf of [ours, theirs]) {
    for (const writer of [type(protobuf).encode({ name: 'kept' }), protobuf.Writer.create().string('kept')]) {
      const bytes = writer.finish()
      const before = hex(bytes)
      writer.reset().string('something else').fork().bytes(Buffer.from('xyz')).ldelim()
      assert.strictEqual(hex(bytes), before)
      assert.strictEqual(writer.len, writer.finish().length)
    }
  }
})

test('a writer that is passed in gets the message', () => {
  const write = (protobuf) => {
    const writer = protobuf.Writer.create().uint32(1)
    const Type = type(protobuf)
    Type.encode({ name: 'a'.repeat(500), data: Buffer.alloc(3000, 'b') }, writer)
    Type.encodeDelimited({ name: 'c' }, writer)
    return hex(writer.uint32(2).finish())
  }
  assert.strictEqual(write(ours), write(theirs))
})

test('messages of every size are complete', () => {
  for (const size of [0, 1, 42, 43, 127, 128, 4000, 4095, 4096, 8191, 8192, 70_000, 300_000]) {
    const message = { name: 'n'.repeat(size), inner: { numbers: Array.from({ length: size % 5000 }, (_, i) => i - 9) } }
    for (let i = 0; i < 3; i++)
      assert.strictEqual(hex(Outer.encode(message).finish()), hex(Peer.encode(message).finish()))
    assert.strictEqual(hex(Outer.encodeDelimited(message).finish()), hex(Peer.encodeDelimited(message).finish()))
    assert.deepStrictEqual(Outer.decode(Outer.encode(message).finish()).name, message.name)
  }
})

test('getters of a message may encode, decode and throw', () => {
  const inner = {
    get text() {
      assert.strictEqual(Outer.decode(Outer.encode({ name: 'within' }).finish()).name, 'within')
      return 'text'
    },
  }
  const message = { name: 'outer', inner, list: [inner, inner] }
  const plain = { name: 'outer', inner: { text: 'text' }, list: [{ text: 'text' }, { text: 'text' }] }
  assert.strictEqual(hex(Outer.encode(message).finish()), hex(Peer.encode(plain).finish()))
  const broken = {
    name: 'x',
    get inner() {
      throw new Error('mine')
    },
  }
  assert.throws(() => Outer.encode(broken), /mine/)
  assert.strictEqual(hex(Outer.encode(plain).finish()), hex(Peer.encode(plain).finish()))
})

test('a message that contains itself is an error', () => {
  const message = { name: 'loop' }
  message.self = message
  const source = 'syntax = "proto3"; message Node { Node self = 1; }'
  const Node = ours.parse(source).root.lookupType('Node')
  for (const call of ['encode', 'fromObject', 'toObject'])
    assert.throws(() => Node[call](message), /max depth exceeded/)
  assert.match(Node.verify(message), /max depth exceeded/)
  assert.ok(Node.encode({ self: {} }).finish().length > 0)
})

test('the position of a reader after a message', () => {
  const bytes = Buffer.concat([
    Outer.encodeDelimited({ name: 'a' }).finish(),
    Outer.encodeDelimited({ name: 'b' }).finish(),
  ])
  const reader = ours.Reader.create(bytes)
  assert.deepStrictEqual([Outer.decodeDelimited(reader).name, Outer.decodeDelimited(reader).name], ['a', 'b'])
  assert.strictEqual(reader.pos, reader.len)
  assert.throws(() => Outer.decodeDelimited(reader), RangeError)
  assert.throws(() => Outer.decode(reader, 1), /index out of range/)
  assert.throws(() => ours.Reader.create('text'), /illegal buffer/)
})

test('bytes are views of the input in its class', () => {
  const bytes = Outer.encode({ data: Buffer.from('data') }).finish()
  const decoded = Outer.decode(bytes).data
  assert.ok(Buffer.isBuffer(decoded))
  assert.strictEqual(decoded.buffer, bytes.buffer)
  const array = new Uint8Array(bytes)
  const fromArray = Outer.decode(array).data
  assert.ok(!Buffer.isBuffer(fromArray) && fromArray instanceof Uint8Array)
  assert.strictEqual(fromArray.buffer, array.buffer)
})

test('every call of the Writer gives the bytes of protobufjs, and the Reader reads them', () => {
  const { Long } = theirs.util
  const values = {
    uint32: [0, 127, 128, 2 ** 32 - 1, -1, 1.9, '12'],
    int32: [0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 + 5],
    sint32: [0, -1, 1, -(2 ** 31)],
    fixed32: [0, 2 ** 32 - 1, -1],
    sfixed32: [0, -1],
    float: [0, -0, 1.5, 1e39, Infinity],
    double: [0, -0, 0.1, -Infinity],
    bool: [true, false, 1, 0],
    string: ['', 'a', 'é'.repeat(60), '😀', 'x'.repeat(400)],
    bytes: [Buffer.alloc(0), Buffer.from('abc'), [1, 2, 3], 'YWJj', Buffer.alloc(500, 1)],
  }
  const wide = [0, -1, 5, 2 ** 40, -(2 ** 40), '9007199254740993', Long.MAX_VALUE, Long.MIN_VALUE, { low: 1, high: -2 }]
  for (const name of ['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']) values[name] = wide
  for (const [name, list] of Object.entries(values)) {
    for (const value of list) {
      const [mine, peer] = [ours, theirs].map((protobuf) => protobuf.Writer.create()[name](value).finish())
      assert.strictEqual(hex(mine), hex(peer), `${name} ${value}`)
      const plain = (it) => (Long.isLong(it) ? `${it} ${it.unsigned}` : it)
      for (const bytes of [mine, new Uint8Array(mine)]) {
        const read = [ours, theirs].map((protobuf) => plain(protobuf.Reader.create(bytes)[name]()))
        assert.deepStrictEqual(read[0], read[1], `${name} ${value}`)
      }
    }
  }
})
