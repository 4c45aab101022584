'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { codec } = require('../../index.js')

const course = codec.record({ sequence: 'u32be', id: 'i16be', price: 'f64le', seen: 'u64be', level: 'i8' })

test('a record is written and read back', () => {
  assert.equal(course.size, 4 + 2 + 8 + 8 + 1)
  const buffer = Buffer.alloc(30, 0xff)
  const record = { sequence: 0xdeadbeef, id: -2, price: 19.5, seen: 2n ** 63n, level: -128 }
  assert.equal(course.write(buffer, record, 3), 26)
  assert.equal(buffer.toString('hex', 0, 9), 'ffffffdeadbeeffffe')
  assert.deepEqual(course.read(buffer, 3), record)
  assert.deepEqual(course.read(new Uint8Array(buffer), 3), record)
  assert.deepEqual(Object.keys(course.read(buffer)), ['sequence', 'id', 'price', 'seen', 'level'])
  assert.deepEqual([...buffer.subarray(26)], [255, 255, 255, 255])
})

test('every type agrees with the method of Buffer', () => {
  const types = {
    i8: 'Int8',
    u8: 'UInt8',
    f32le: 'FloatLE',
    f64be: 'DoubleBE',
    i64le: 'BigInt64LE',
    u64be: 'BigUInt64BE',
  }
  for (const bits of [16, 32]) {
    for (const order of ['le', 'be']) {
      types[`i${bits}${order}`] = `Int${bits}${order.toUpperCase()}`
      types[`u${bits}${order}`] = `UInt${bits}${order.toUpperCase()}`
    }
  }
  for (const [type, method] of Object.entries(types)) {
    const layout = codec.record({ a: 'u8', b: type })
    for (let round = 0; round < 50; round++) {
      const bytes = require('node:crypto').randomBytes(9)
      const record = layout.read(bytes)
      assert.deepEqual(record, { a: bytes[0], b: bytes[`read${method}`](1) })
      const copy = Buffer.from(bytes)
      copy.fill(0, 0, layout.size)
      layout.write(copy, record)
      if (!Number.isNaN(record.b)) assert.deepEqual(copy, bytes)
    }
  }
})

test('offsets out of range throw Node’s errors', () => {
  const buffer = Buffer.alloc(25)
  assert.throws(() => course.read(buffer, 3), {
    name: 'RangeError',
    code: 'ERR_OUT_OF_RANGE',
    message: 'The value of "offset" is out of range. It must be >= 0 and <= 2. Received 3',
  })
  assert.throws(() => course.read(buffer, -1), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => course.read(buffer, 0.5), { code: 'ERR_OUT_OF_RANGE', message: /an integer/ })
  assert.throws(() => course.read(buffer, '0'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => course.read(Buffer.alloc(22)), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' })
  assert.throws(() => course.read('x'.repeat(30)), { code: 'ERR_INVALID_ARG_TYPE', message: /"buffer"/ })
})

test('invalid values throw Node’s errors with the field’s name, before anything is written', () => {
  const record = { sequence: 1, id: 2, price: 3, seen: 4n, level: 5 }
  const buffer = Buffer.alloc(23, 0xaa)
  const untouched = Buffer.alloc(23, 0xaa)
  assert.throws(() => course.write(buffer, { ...record, seen: 4 }), {
    code: 'ERR_INVALID_ARG_TYPE',
    message: 'The "record.seen" property must be of type bigint. Received type number (4)',
  })
  assert.throws(() => course.write(buffer, { ...record, id: undefined }), /"record.id" property must be of type number/)
  assert.deepEqual(buffer, untouched)
  assert.throws(() => course.write(buffer, { ...record, id: 40000 }), { code: 'ERR_OUT_OF_RANGE' })
  assert.deepEqual(buffer, untouched)
})

test('with and without code generation: values out of range throw Node’s error, and nothing is written partly', () => {
  const code = `
    const { codec } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const sizes = { i8: 1, u8: 1, i16le: 2, u16be: 2, i32be: 4, u32le: 4, i64le: 8, u64be: 8 }
    const edges = {
      i8: [-129, 128, -128, 127], u8: [-1, 256, 0, 255], i16le: [-32769, 32768, -32768, 32767.4, 32767],
      u16be: [-1, 65536, -0.5, 65535], i32be: [-2147483649, 2147483648, 2147483647], u32le: [-1, 4294967296, 4294967295, Infinity],
      i64le: [-(2n ** 63n) - 1n, 2n ** 63n, -(2n ** 63n)], u64be: [-1n, 2n ** 64n, 2n ** 64n - 1n],
    }
    const results = []
    for (const [type, values] of Object.entries(edges)) {
      const layout = codec.record({ first: 'u8', value: type, last: 'f32be' })
      for (const value of values) {
        const buffer = Buffer.alloc(layout.size, 0xaa)
        try {
          layout.write(buffer, { first: 1, value, last: 2 })
          results.push([type, String(value), buffer.toString('hex')])
        } catch (error) {
          results.push([type, String(value), error.name, error.code, error.message, buffer.every((byte) => byte === 0xaa)])
        }
      }
      for (const record of [null, undefined, 5, 'text']) {
        try { layout.write(Buffer.alloc(20), record) } catch (error) { results.push([error.code, error.message]) }
      }
      const taken = Buffer.from(new ArrayBuffer(layout.size))
      const thief = { first: 1, value: type.includes('64') ? 1n : 1, get last() { structuredClone(taken.buffer, { transfer: [taken.buffer] }); return 2 } }
      try { layout.write(taken, thief) } catch (error) { results.push([error.code]) }
    }
    console.log(JSON.stringify(results))`
  const run = (...flags) => JSON.parse(execFileSync(process.execPath, [...flags, '-e', code], { encoding: 'utf8' }))
  const results = run()
  assert.deepEqual(run('--disallow-code-generation-from-strings'), results)
  const methods = { i8: 'Int8', u8: 'UInt8', i16le: 'Int16LE', u16be: 'UInt16BE', i32be: 'Int32BE', u32le: 'UInt32LE' }
  for (const [type, value, ...outcome] of results) {
    if (type.startsWith('ERR_')) {
      assert.match(type, /^ERR_INVALID_ARG_(TYPE|VALUE)$/)
      continue
    }
    const big = { i64le: 'BigInt64LE', u64be: 'BigUInt64BE' }[type]
    const expected = Buffer.alloc(8)
    let error
    try {
      expected[`write${big ?? methods[type]}`](big ? BigInt(value) : Number(value))
    } catch (thrown) {
      error = thrown
    }
    if (error === undefined)
      assert.match(outcome[0], new RegExp(`^01${expected.toString('hex', 0, outcome[0].length / 2 - 5)}`))
    else {
      const message = error.message.replace('"value"', '"record.value"')
      assert.deepEqual(outcome, [error.name, error.code, message, true])
    }
  }
})

test('any string can be a name', () => {
  const names = [
    '__proto__',
    'constructor',
    "'; process.exit(1) //",
    '"]: 1 }; throw 1 //',
    '\u2028',
    '1',
    '',
    '$\u007bx}',
    '\\',
  ]
  const layout = codec.record(names.map((name) => [name, 'u8']))
  const buffer = Buffer.from(names.map((_, i) => i + 1))
  const record = layout.read(buffer)
  names.forEach((name, i) => {
    assert.equal(Object.getOwnPropertyDescriptor(record, name).value, i + 1)
  })
  assert.equal(Object.getPrototypeOf(record), Object.prototype)
  const copy = Buffer.alloc(buffer.length)
  layout.write(copy, record)
  assert.deepEqual(copy, buffer)
  assert.equal({}.polluted, undefined)
})

test('layouts are checked', () => {
  for (const wrong of [
    null,
    5,
    {},
    [],
    { a: 'i16' },
    { a: 'toString' },
    { a: 5 },
    ['a'],
    [
      ['a', 'u8'],
      ['a', 'u8'],
    ],
    [[5, 'u8']],
  ]) {
    assert.throws(() => codec.record(wrong), { code: /^ERR_INVALID_ARG_/ })
  }
})

test('without code generation the results are the same', () => {
  const code = `
    const { codec } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const layout = codec.record({ __proto__: null, id: 'i16be', big: 'u64le' })
    const buffer = Buffer.alloc(10)
    console.log(layout.write(buffer, { id: -3, big: 7n }), layout.read(buffer), buffer.toString('hex'))
    try { layout.write(buffer, { id: '1', big: 7n }) } catch (error) { console.log(error.message) }`
  const run = (...flags) => execFileSync(process.execPath, [...flags, '-e', code], { encoding: 'utf8' })
  assert.equal(run('--disallow-code-generation-from-strings'), run())
})
