'use strict'

// Arrays of numbers, held against Buffer's methods, number by number.

const test = require('node:test')
const assert = require('node:assert/strict')
const { randomBytes, randomInt } = require('node:crypto')
const { codec } = require('../../index.js')

const { readArray, writeArray } = codec

/** Of each type: its elements' class, and how Buffer reads and writes one. */
const types = []
for (const order of ['le', 'be']) {
  const Order = order.toUpperCase()
  for (const [kind, name] of [
    ['i', 'Int'],
    ['u', 'UInt'],
  ]) {
    const plain = kind === 'i' ? [Int16Array, Int32Array, BigInt64Array] : [Uint16Array, Uint32Array, BigUint64Array]
    const wide = kind === 'i' ? Int32Array : Uint32Array
    const classes = { 16: plain[0], 24: wide, 32: plain[1], 40: Float64Array, 48: Float64Array }
    for (const [bits, Elements] of Object.entries(classes)) {
      types.push({
        type: `${kind}${bits}${order}`,
        Elements,
        width: bits / 8,
        read: (buffer, at) => buffer[`read${name}${Order}`](at, bits / 8),
        write: (buffer, value, at) => buffer[`write${name}${Order}`](value, at, bits / 8),
      })
    }
    types.push({
      type: `${kind}64${order}`,
      Elements: plain[2],
      width: 8,
      read: (buffer, at) => buffer[`readBig${name}64${Order}`](at),
      write: (buffer, value, at) => buffer[`writeBig${name}64${Order}`](value, at),
    })
    if (order === 'be') continue
    types.push({
      type: `${kind}8`,
      Elements: kind === 'i' ? Int8Array : Uint8Array,
      width: 1,
      read: (buffer, at) => buffer[`read${name}8`](at),
      write: (buffer, value, at) => buffer[`write${name}8`](value, at),
    })
  }
  // Buffer has none of these; layouts have, in JavaScript.
  const half = codec.layout([['value', `f16${order}`]])
  types.push({
    type: `f16${order}`,
    Elements: Float32Array,
    width: 2,
    read: (buffer, at) => half.decode(buffer, at).value,
    write: (buffer, value, at) => half.encode({ value }, buffer, at),
  })
  for (const [bits, name, Elements] of [
    [32, 'Float', Float32Array],
    [64, 'Double', Float64Array],
  ]) {
    types.push({
      type: `f${bits}${order}`,
      Elements,
      width: bits / 8,
      read: (buffer, at) => buffer[`read${name}${Order}`](at),
      write: (buffer, value, at) => buffer[`write${name}${Order}`](value, at),
    })
  }
}

for (const { type, Elements, width, read, write } of types) {
  test(`${type}: the same results as Buffer’s methods, with and without a stride`, () => {
    for (const count of [0, 1, 2, 7, 33, 1000]) {
      for (const gap of [0, 1, 5]) {
        for (const offset of [0, 3]) {
          const stride = width + gap
          const bytes = randomBytes(offset + count * stride + 2)
          const options = gap === 0 ? undefined : { stride }
          // What a NaN has besides is lost where it is a number of JavaScript's.
          if (type.startsWith('f'))
            for (let i = 0; i < count; i++) write(bytes, Math.random() - 0.5, offset + i * stride)
          const expected = Elements.from({ length: count }, (_, i) => read(bytes, offset + i * stride))
          const values = readArray(type, bytes, offset, count, options)
          assert.deepEqual(values, expected)
          const extent = count === 0 ? 0 : (count - 1) * stride + width
          assert.equal(readArray.bytes, extent)

          const [ours, theirs] = [Buffer.alloc(bytes.length, 0xaa), Buffer.alloc(bytes.length, 0xaa)]
          for (let i = 0; i < count; i++) write(theirs, values[i], offset + i * stride)
          assert.equal(writeArray(type, ours, values, offset, options), offset + extent)
          assert.deepEqual(ours, theirs)
          ours.fill(0xaa)
          writeArray(type, ours, Array.from(values), offset, options)
          assert.deepEqual(ours, theirs)
        }
      }
    }
  })

  test(`${type}: values out of range are refused, and nothing is written`, () => {
    if (Elements === Float32Array || (Elements === Float64Array && type.startsWith('f'))) {
      assert.throws(() => writeArray(type, Buffer.alloc(16), [1, '2']), { code: 'ERR_INVALID_ARG_TYPE' })
      return
    }
    const buffer = Buffer.alloc(32, 0xaa)
    const isBig = width === 8
    const bad = isBig
      ? [2n ** 64n, -(2n ** 63n) - 1n, 1, undefined]
      : [2 ** (8 * width), -(2 ** (8 * width - 1)) - 1, 0.5, NaN, Infinity, 1n, '1', undefined]
    for (const value of bad) {
      const failure = { code: /^ERR_(OUT_OF_RANGE|INVALID_ARG_TYPE)$/, message: /values\[1\]/ }
      assert.throws(() => writeArray(type, buffer, [isBig ? 1n : 1, value]), failure)
      assert.deepEqual(buffer, Buffer.alloc(32, 0xaa))
    }
    if (Elements === Float64Array || width === 3) {
      const values = Elements.of(0, 1, Elements === Int32Array ? -(2 ** 31) : 2 ** 31 * (width === 3 ? 1 : 2 ** 20), 0)
      assert.throws(() => writeArray(type, buffer, values), { code: 'ERR_OUT_OF_RANGE', message: /values\[2\]/ })
      assert.deepEqual(buffer, Buffer.alloc(32, 0xaa))
    }
  })

  test(`${type}: input that ends too early is an error`, () => {
    const bytes = randomBytes(3 * width)
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => readArray(type, bytes.subarray(0, length), 0, 3), {
        code: 'ERR_OUT_OF_RANGE',
        message: /count/,
      })
      assert.throws(() => writeArray(type, bytes.subarray(0, length), readArray(type, bytes)), {
        code: 'ERR_OUT_OF_RANGE',
        message: /values\.length/,
      })
      assert.equal(readArray(type, bytes.subarray(0, length)).length, Math.floor(length / width))
    }
  })
}

test('f16: all values, and numbers between two are rounded once', () => {
  const bytes = Buffer.from(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer)
  const floats = readArray('f16le', bytes)
  const back = Buffer.alloc(bytes.length)
  writeArray('f16le', back, floats)
  assert.deepEqual(readArray('f16le', back), floats)
  assert.deepEqual(back.subarray(0, 2 * 0x7c01), bytes.subarray(0, 2 * 0x7c01))
  assert.deepEqual([...floats.subarray(0x7bff, 0x7c02)], [65_504, Infinity, NaN])
  assert.deepEqual([floats[1], floats[0x8000]], [2 ** -24, -0])
  const numbers = [
    1 + 2 ** -11,
    1 + 2 ** -11 + 2 ** -40,
    65_519.999_999,
    65_520,
    -1e300,
    2 ** -25,
    2 ** -25 * 1.000_000_01,
    NaN,
    -0,
  ]
  const expected = [1, 1 + 2 ** -10, 65_504, Infinity, -Infinity, 0, 2 ** -24, NaN, -0]
  for (const values of [numbers, Float64Array.from(numbers)]) {
    const out = Buffer.alloc(2 * numbers.length)
    assert.equal(writeArray('f16be', out, values), out.length)
    assert.deepEqual([...readArray('f16be', out)], expected)
  }
  if (Math.f16round) {
    const random = Array.from({ length: 5000 }, () => (Math.random() - 0.5) * 2 ** randomInt(-30, 20))
    const out = Buffer.alloc(2 * random.length)
    writeArray('f16be', out, random)
    assert.deepEqual([...readArray('f16be', out)], random.map(Math.f16round))
  }
})

test('detached arrays are refused', () => {
  const gone = (array) => structuredClone(array.buffer, { transfer: [array.buffer] }) && array
  for (const type of ['i16be', 'u24le', 'f16be', 'uleb128', 'zigzagn']) {
    const Elements = readArray(type, Buffer.alloc(8)).constructor
    const into = gone(new Elements(4))
    const refused = (name) => ({ code: 'ERR_INVALID_ARG_VALUE', message: new RegExp(`"${name}" .*detached`) })
    assert.throws(() => readArray(type, Buffer.alloc(8), 0, undefined, { into }), refused('options\\.into'), type)
    for (const values of [into, gone(new Float64Array(2)), gone(new Uint8Array(2))]) {
      assert.throws(() => writeArray(type, Buffer.alloc(8), values), refused('values'), type)
    }
  }
})

test('invalid arguments', () => {
  const buffer = Buffer.alloc(8)
  for (const type of ['i16', 'f16', 'I16BE', '', 'constructor', undefined, null, 5]) {
    assert.throws(() => readArray(type, buffer), { code: 'ERR_INVALID_ARG_VALUE', message: /i16be/ })
  }
  for (const wrong of [
    undefined,
    null,
    'abc',
    [1, 2],
    new DataView(new ArrayBuffer(4)),
    Object.create(Buffer.prototype),
  ]) {
    assert.throws(() => readArray('u8', wrong), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => writeArray('u8', wrong, [1]), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  for (const offset of [-1, 9, 0.5, NaN, Infinity]) {
    assert.throws(() => readArray('u8', buffer, offset), { code: 'ERR_OUT_OF_RANGE', message: /offset/ })
    assert.throws(() => writeArray('u8', buffer, [1], offset), { code: 'ERR_OUT_OF_RANGE', message: /offset/ })
  }
  for (const count of [-1, 9, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => readArray('u8', buffer, 0, count), { code: 'ERR_OUT_OF_RANGE', message: /count/ })
  }
  assert.throws(() => readArray('u8', buffer, '0'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => readArray('u8', buffer, 0, '1'), { code: 'ERR_INVALID_ARG_TYPE' })
  for (const stride of [0, 1, -2, 2.5, NaN, 2 ** 53]) {
    assert.throws(() => readArray('u16be', buffer, 0, 1, { stride }), { code: 'ERR_OUT_OF_RANGE', message: /stride/ })
  }
  assert.throws(() => readArray('u16be', buffer, 0, 1, { strid: 4 }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  assert.throws(() => readArray('u16be', buffer, 0, 1, 5), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => readArray('zigzag', buffer, 0, 1, { stride: 4 }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => readArray('u16be', buffer, 0, 1, { into: new Int16Array(4) }), { code: 'ERR_INVALID_ARG_TYPE' })
  for (const values of [undefined, null, 5, 'abc', {}, { length: 1, 0: 1 }, new DataView(new ArrayBuffer(4))]) {
    assert.throws(() => writeArray('u8', buffer, values), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  const endless = []
  endless.length = 2 ** 32 - 1
  assert.throws(() => writeArray('u8', buffer, endless), { code: 'ERR_OUT_OF_RANGE', message: /values\.length/ })
  assert.equal(readArray('u16be', buffer, 0, 1, { stride: Number.MAX_SAFE_INTEGER }).length, 1)
})

test('the option into: a whole array, or its beginning', () => {
  const bytes = Buffer.from([0, 1, 0, 2, 0, 3, 0, 4])
  const into = new Int16Array(4)
  assert.equal(readArray('i16be', bytes, 0, 4, { into }), into)
  assert.deepEqual(into, Int16Array.of(1, 2, 3, 4))
  into.fill(0)
  const two = readArray('i16be', bytes, 2, 2, { into })
  assert.equal(two.buffer, into.buffer)
  assert.deepEqual(into, Int16Array.of(2, 3, 0, 0))
  assert.equal(readArray('i16be', bytes, 0, undefined, { into: new Int16Array(3) }).length, 3)
  assert.equal(readArray('i16be', bytes, 0, undefined, { into: new Int16Array(9) }).length, 4)
  assert.throws(() => readArray('i16be', bytes, 0, 4, { into: new Int16Array(3) }), { code: 'ERR_OUT_OF_RANGE' })
})

test('input and output that share memory', () => {
  for (const shift of [0, 2, 4]) {
    const memory = randomBytes(64).buffer.slice(0, 64)
    const bytes = new Uint8Array(memory, 0, 40)
    const expected = readArray('u16be', new Uint8Array(bytes), 0, 20)
    const into = new Uint16Array(memory, shift, 20)
    assert.deepEqual(readArray('u16be', bytes, 0, 20, { into }), expected)
    const turned = Buffer.alloc(40)
    writeArray('u16be', turned, expected)
    writeArray('u16be', bytes, into)
    assert.deepEqual(Buffer.from(bytes), turned)
  }
  const shared = new Uint8Array(new SharedArrayBuffer(4000)).map((_, i) => i)
  assert.deepEqual(readArray('u32be', shared, 3), readArray('u32be', new Uint8Array(shared), 3))
  writeArray('u16be', shared, [1, 2], 10)
  assert.deepEqual([...shared.subarray(9, 15)], [9, 0, 1, 0, 2, 14])
})

test('arrays that change meanwhile, or have a false length', () => {
  const memory = new ArrayBuffer(8, { maxByteLength: 8 })
  const bytes = new Uint8Array(memory)
  const values = [1, 2, 3, 4]
  const detach = () => structuredClone(memory, { transfer: [memory] }).byteLength
  Object.defineProperty(values, 2, { get: detach })
  assert.throws(() => writeArray('u16be', bytes, values), { code: 'ERR_INVALID_ARG_VALUE', message: /detached/ })
  const grows = [1, 2]
  Object.defineProperty(grows, 0, { get: () => grows.push(7, 7, 7) })
  assert.equal(writeArray('u16be', Buffer.alloc(4), grows), 4)
  const liar = Object.defineProperty(new Uint16Array(2), 'length', { value: 5000 })
  assert.equal(writeArray('u16be', Buffer.alloc(4), liar), 4)
  assert.equal(readArray('u16be', Buffer.alloc(40), 0, undefined, { into: liar }), liar)
  assert.equal(readArray.bytes, 4)
  const short = Object.defineProperty(Buffer.alloc(4), 'length', { value: 5000 })
  assert.throws(() => readArray('u16be', short, 0, 3), { code: 'ERR_OUT_OF_RANGE' })
  const elsewhere = Object.defineProperty(Buffer.from([1, 2, 3, 4]), 'buffer', { value: new ArrayBuffer(0) })
  assert.deepEqual(readArray('u16be', elsewhere), Uint16Array.of(0x102, 0x304))
  const cloaked = Object.defineProperty(new Float64Array(2), Symbol.toStringTag, { value: 'Uint16Array' })
  assert.throws(() => readArray('u16be', Buffer.alloc(4), 0, 2, { into: cloaked }), { code: 'ERR_INVALID_ARG_TYPE' })
})

/** The groups of seven bits of one, as the formats' descriptions have it. */
function varint(kind, value) {
  let rest = BigInt(value)
  if (kind === 'zigzag') rest = rest < 0n ? -2n * rest - 1n : 2n * rest
  const bytes = []
  for (;;) {
    const group = Number(rest & 0x7fn)
    rest >>= 7n
    const isLast = kind === 'sleb128' ? rest === (group & 0x40 ? -1n : 0n) : rest === 0n
    bytes.push(isLast ? group : group | 0x80)
    if (isLast) return bytes
  }
}

for (const kind of ['uleb128', 'sleb128', 'zigzag']) {
  test(`${kind}: matches its specification, as numbers and as BigInts`, () => {
    const signed = kind !== 'uleb128'
    const values = [0n, 1n, 63n, 64n, 127n, 128n, 300n, 2n ** 32n, 2n ** 53n - 1n]
    for (let i = 0; i < 300; i++) values.push(BigInt(randomInt(2 ** 47)) >> BigInt(randomInt(47)))
    if (signed) values.push(...values.map((value) => -value))
    const bytes = Buffer.from(values.flatMap((value) => varint(kind, value)))
    const padded = Buffer.concat([Buffer.alloc(3, 0xff), bytes])
    assert.deepEqual(readArray(kind, padded, 3), Float64Array.from(values, Number))
    assert.equal(readArray.bytes, bytes.length)
    assert.deepEqual([...readArray(`${kind}n`, padded, 3)], values)
    assert.deepEqual(readArray(kind, bytes, 0, 4), Float64Array.from(values.slice(0, 4), Number))
    assert.equal(readArray.bytes, values.slice(0, 4).flatMap((value) => varint(kind, value)).length)
    for (const [name, list] of [
      [kind, values.map(Number)],
      [kind, Float64Array.from(values, Number)],
      [`${kind}n`, values],
      [`${kind}n`, (signed ? BigInt64Array : BigUint64Array).from(values)],
    ]) {
      const out = Buffer.alloc(padded.length, 0xff)
      assert.equal(writeArray(name, out, list, 3), padded.length)
      assert.deepEqual(out, padded)
      const small = Buffer.alloc(padded.length - 1, 0xff)
      assert.throws(() => writeArray(name, small, list, 3), { code: /^ERR_(BUFFER_OUT_OF_BOUNDS|OUT_OF_RANGE)$/ })
      assert.deepEqual(small, Buffer.alloc(padded.length - 1, 0xff))
    }
    for (let cut = 1; cut < 12; cut++) {
      const end = bytes.length - cut
      if (bytes[end - 1] < 0x80) continue
      assert.throws(() => readArray(kind, bytes.subarray(0, end)), {
        code: 'IRONWIRE_VARINT_TRUNCATED',
        message: /offset \d+/,
      })
    }
  })

  test(`${kind}: invalid or too large input`, () => {
    const into = new Float64Array(2).fill(7)
    const failing = [
      [[1, 0x80], 2, 'IRONWIRE_VARINT_TRUNCATED'],
      [[1], 1 + 1, 'ERR_OUT_OF_RANGE'],
      [[1, ...Array(10).fill(0x80), 0], 2, 'IRONWIRE_VARINT_TOO_LONG'],
      [[1, ...Array(8).fill(0xff), 0x3f], 2, 'ERR_OUT_OF_RANGE'],
    ]
    for (const [bytes, count, code] of failing) {
      assert.throws(() => readArray(kind, Buffer.from(bytes), 0, count, { into }), { code })
      assert.deepEqual(into, Float64Array.of(7, 7))
    }
    const out = Buffer.alloc(40, 0xaa)
    const bad = [2 ** 53, 0.5, NaN, Infinity, ...(kind === 'uleb128' ? [-1] : [-(2 ** 53)])]
    for (const values of bad.flatMap((value) => [[1, value], Float64Array.of(1, value)])) {
      assert.throws(() => writeArray(kind, out, values), { code: 'ERR_OUT_OF_RANGE', message: /values\[1\]/ })
      assert.deepEqual(out, Buffer.alloc(40, 0xaa))
    }
  })
}
