'use strict'

// How instances are stored in etcd, and how entries that other programs have written are read.

const assert = require('node:assert')
const { test } = require('node:test')
const { instanceOf, keyOf, textOf } = require('../../lib/rpc/registry/naming.js')

const read = (text, key = 'a/b/c') => instanceOf({ key: Buffer.from(key), value: Buffer.from(text) }, 'a/')

test('a written instance is read back', () => {
  for (const instance of [
    { id: 'b/c', address: '10.0.0.1:80', weight: 1, zone: '', metadata: {} },
    { id: 'b/c', address: 'tls://host:80', weight: 0, zone: 'eu', metadata: { weight: 'much', tls: 'no' } },
    { id: 'b/c', address: 'unix:/run/a.sock', weight: 7, zone: '', metadata: { '': '' } },
  ]) {
    const text = textOf(instance)
    assert.deepStrictEqual(read(text, keyOf('a', instance.id)), instance)
    const { Op, Metadata } = JSON.parse(text)
    assert.deepStrictEqual({ Op, Metadata }, { Op: 0, Metadata: null })
  }
  const plain = { address: '10.0.0.1:80', weight: 1, zone: '', metadata: {} }
  assert.strictEqual(textOf(plain), '{"Op":0,"Addr":"10.0.0.1:80","Metadata":null}')
  // Go ignores the case of field names, so ours must not equal one of Go's in any case.
  const fields = Object.keys(JSON.parse(textOf({ ...plain, weight: 2 }))).map((name) => name.toLowerCase())
  assert.strictEqual(new Set(fields).size, fields.length)
})

test('valid parts of entries that other programs have written', () => {
  const known = { id: 'b/c', address: 'h:1', weight: 1, zone: '', metadata: {} }
  for (const metadata of [null, 'text', 5, [1], undefined]) {
    assert.deepStrictEqual(read(JSON.stringify({ Op: 0, Addr: 'h:1', Metadata: metadata })), known)
  }
  const texts = { Addr: 'h:1', Metadata: { a: 'x', b: 5, __proto__: null } }
  assert.deepStrictEqual(read(JSON.stringify(texts)), { ...known, metadata: { a: 'x' } })
  const odd = { Addr: 'h:1', ironwire: { weight: -1, zone: 5, tls: 'yes', metadata: ['x'] } }
  assert.deepStrictEqual(read(JSON.stringify(odd)), known)
  assert.deepStrictEqual(read(JSON.stringify({ Addr: 'h:1', ironwire: 'x' })), known)
  for (const none of ['', '{', 'null', '5', '[]', '{}', '{"Addr":5}', '{"Addr":""}']) {
    assert.strictEqual(read(none), null, none)
  }
})
