'use strict'

// Layouts at random: the emitted code, the interpreter, and the bytes that they make of each other's results.

const test = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const binding = require('../../binding.js')
const { codec } = require('../../index.js')
const { interpreted } = require('../../lib/codec/layout/index.js')
const { generate } = require('./layouts.js')

const SEEDS = 150

function attempt(work) {
  try {
    return work()
  } catch (error) {
    return `${error.code}: ${error.message}`
  }
}

/** What was written is in what was read, which has computed fields besides. */
function covers(found, written, context) {
  if (Object.getPrototypeOf(written ?? 0) !== Object.prototype && !Array.isArray(written)) {
    return assert.deepEqual(found, written, context)
  }
  if (Array.isArray(written)) assert.equal(found.length, written.length, context)
  for (const name of Object.keys(written)) covers(found[name], written[name], context)
}

test('generated code and interpreter agree on records, their prefixes, and random bytes', () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { text, value, r } = generate(seed)
    const emitted = codec.layout(text)
    assert.match(String(emitted.decode), /\bd0\(b, p, e/, 'code was emitted')
    const native = binding.codecLayout([{ id: 0, text }], { depth: 64, values: 65536, text: 1 << 20, fields: 16384 })
    const slow = interpreted(native, () => assert.fail('there are no mappers'))
    for (let round = 0; round < 4; round++) {
      const record = value()
      const bytes = emitted.encode(record)
      const context = `seed ${seed}: ${text}`
      assert.deepEqual(slow.encode(record), bytes, context)
      const decoded = emitted.decode(bytes)
      assert.equal(emitted.decode.bytes, bytes.length, context)
      assert.deepEqual(slow.decode(bytes), decoded, context)
      covers(decoded, record, context)
      assert.deepEqual(emitted.encode(decoded), bytes, context)
      for (let end = 0; end < bytes.length; end += 1 + (bytes.length >> 5)) {
        const prefix = bytes.subarray(0, end)
        assert.throws(
          () => emitted.decode(prefix),
          { code: /^IRONWIRE_LAYOUT/, message: /^(?!The buffer changed)/ },
          context,
        )
      }
      for (let flip = 0; flip < 20; flip++) {
        const changed = Buffer.from(bytes)
        changed[r.int(changed.length - 1)] = r.int(255)
        assert.deepEqual(
          attempt(() => emitted.decode(changed)),
          attempt(() => slow.decode(changed)),
          context,
        )
      }
      for (const name of Object.keys(record)) {
        const wrong = { ...record, [name]: r.pick([undefined, -1, 1.5, 'x', 5n, [], {}, true, 2 ** 60]) }
        const [left, right] = [attempt(() => emitted.encode(wrong)), attempt(() => slow.encode(wrong))]
        assert.deepEqual(left, right, context)
      }
    }
    const records = Array.from({ length: 5 }, value)
    const all = emitted.encodeMany(records)
    assert.deepEqual(emitted.decodeMany(all), slow.decodeMany(all, 0, 100))
  }
})

test('without code generation the results are the same', () => {
  const code = `
    const { codec } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const { generate } = require(${JSON.stringify(require.resolve('./layouts.js'))})
    const { inspect } = require('node:util')
    const hash = require('node:crypto').createHash('sha256')
    const note = (value) => hash.update(inspect(value, { depth: 20 }))
    for (let seed = 0; seed < 60; seed++) {
      const { text, value } = generate(seed)
      const { encode, decode, encodeMany, decodeMany, decodeColumns } = codec.layout(text)
      for (let round = 0; round < 2; round++) {
        const record = value()
        const bytes = encode(record)
        note([bytes, encode.bytes, decode(bytes), decode.bytes])
        try { decode(bytes.subarray(0, -1)) } catch (error) { note([error.code, error.message]) }
        try { encode({ ...record, [Object.keys(record)[0]]: Symbol('x') }) } catch (error) { note([error.code, error.message]) }
      }
      const many = encodeMany([value(), value(), value()])
      note([decodeMany(many), decodeColumns(many)])
    }
    const twice = { type: 'u8', map: { decode: (v) => v * 2, encode: (v) => v / 2 } }
    const mapped = codec.layout({ a: twice, b: { type: twice, count: 'u8' } })
    note([mapped.encode({ a: 4, b: [2, 6] }), mapped.decode(Buffer.from([1, 2, 3, 4]))])
    const order = []
    const proxy = new Proxy({ a: 4, b: [2] }, { get: (target, name) => (order.push(name), target[name]) })
    mapped.encode(proxy)
    note(order)
    try { mapped.encode({ get a() { throw new Error('mine') } }) } catch (error) { note(error.message) }
    console.log(hash.digest('hex'))`
  const run = (...flags) => execFileSync(process.execPath, [...flags, '-e', code], { encoding: 'utf8' })
  assert.equal(run('--disallow-code-generation-from-strings'), run())
})
