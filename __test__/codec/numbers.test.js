'use strict'

// The functions against the methods of Buffer that they stand for: same results, same errors.

const test = require('node:test')
const assert = require('node:assert/strict')
const { codec, Buffer: OurBuffer } = require('../../index.js')

const names = Object.getOwnPropertyNames(Buffer.prototype).filter((name) =>
  /^(read|write)(Big)?(U?[Ii]nt|Float|Double)/.test(name),
)

function outcome(code) {
  try {
    return { value: code() }
  } catch (error) {
    return { name: error.name, code: error.code, message: error.message }
  }
}

test('Buffer is Node’s own', () => {
  assert.equal(OurBuffer, Buffer)
})

test('every numeric method of Buffer has its function', () => {
  assert.ok(names.length >= 56)
  for (const name of names) assert.equal(typeof codec[name], 'function', name)
})

const offsets = [undefined, 0, 1, 3, 5, 8, 9, 12, -1, 1.5, NaN, Infinity, '1', null, {}]
const numbers = [
  0,
  1,
  -1,
  127,
  128,
  255,
  256,
  -128,
  -129,
  32767,
  32768,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
]
numbers.push(
  2 ** 32,
  2 ** 40,
  2 ** 47,
  2 ** 48,
  -(2 ** 31),
  -(2 ** 31) - 1,
  0.1,
  1.5,
  -0,
  NaN,
  Infinity,
  3.4e38,
  1e300,
  '7',
  undefined,
)
const bigints = [
  0n,
  1n,
  -1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n,
  -(2n ** 63n),
  -(2n ** 63n) - 1n,
  5,
  undefined,
]

for (const name of names) {
  const variable = /U?[Ii]nt[LB]E$/.test(name)
  const lengths = variable ? [1, 2, 3, 4, 5, 6, 0, 7, undefined, '2', 1.5] : [undefined]
  if (name.startsWith('read')) {
    test(name, () => {
      for (let round = 0; round < 20; round++) {
        const bytes = require('node:crypto').randomBytes(12)
        for (const offset of offsets) {
          for (const length of lengths) {
            const expected = outcome(() => bytes[name](offset, length))
            assert.deepEqual(
              outcome(() => codec[name](bytes, offset, length)),
              expected,
            )
            assert.deepEqual(
              outcome(() => codec[name](new Uint8Array(bytes), offset, length)),
              expected,
            )
          }
        }
      }
    })
  } else {
    test(name, () => {
      for (const value of name.includes('Big') ? bigints : numbers) {
        for (const offset of offsets) {
          for (const length of lengths) {
            const expected = Buffer.alloc(12, 0xaa)
            const buffer = Buffer.alloc(12, 0xaa)
            const array = new Uint8Array(buffer)
            const result = outcome(() => expected[name](value, offset, length))
            assert.deepEqual(
              outcome(() => codec[name](buffer, value, offset, length)),
              result,
            )
            assert.deepEqual(
              outcome(() => codec[name](array, value, offset, length)),
              result,
            )
            assert.deepEqual(buffer, expected)
            assert.deepEqual(array, new Uint8Array(expected))
          }
        }
      }
    })
  }
  test(`${name} takes bytes only`, () => {
    for (const wrong of [
      '12345678',
      [1, 2, 3, 4, 5, 6, 7, 8],
      null,
      undefined,
      5,
      new Uint16Array(8),
      new ArrayBuffer(8),
    ]) {
      assert.throws(() => codec[name](wrong, 0, 0, 1), { code: 'ERR_INVALID_ARG_TYPE', message: /"buffer" argument/ })
    }
  })
}
