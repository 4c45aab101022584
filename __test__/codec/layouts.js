'use strict'

// Layouts and records at random, for tests that hold the emitted code, the interpreter and each other's results together.

const { randomOf } = require('../chance')

/** Choices that a seed decides. */
function random(seed) {
  const next = randomOf(seed)
  const int = (most) => Math.floor(next() * (most + 1))
  const pick = (list) => list[int(list.length - 1)]
  return { next, int, pick, chance: (of) => next() < of }
}

const TEXTS = ['', 'a', 'hello', 'grüße', '日本', '\u{1f600}', 'x'.repeat(40), 'ÿé']
const safe = 2 ** 53 - 1

function integer(r, bits, signed) {
  const big = bits > 53
  const span = 1n << BigInt(bits)
  let value = r.pick([0n, 1n, span - 1n, span >> 1n, (span >> 1n) - 1n, BigInt(Math.floor(r.next() * 2 ** 53)) % span])
  value %= span
  if (signed) value = BigInt.asIntN(bits, value)
  return big ? value : Number(value)
}

/** `{ text, value(r) }` of a type in text, with a value that fits. */
function scalar(r) {
  const kinds = [
    () => {
      const bits = r.pick([8, 16, 24, 32, 40, 48, 56, 64])
      const signed = r.chance(0.5)
      const order = bits === 8 ? '' : r.pick(['be', 'le'])
      return { text: `${signed ? 'i' : 'u'}${bits}${order}`, value: (r) => integer(r, bits, signed) }
    },
    () => ({ text: `f64${r.pick(['be', 'le'])}`, value: (r) => r.pick([0, -0, 1.5, -1e300, Infinity, r.next()]) }),
    () => ({ text: `f32${r.pick(['be', 'le'])}`, value: (r) => Math.fround(r.pick([0, 1.5, -3e30, r.next()])) }),
    () => ({
      text: `f16${r.pick(['be', 'le'])}`,
      value: (r) => r.pick([0, 1.5, -2, 65504, 2 ** -24, 0.099975586, -Infinity].slice(0, 5)),
    }),
    () => ({ text: 'uleb128', value: (r) => r.pick([0, 1, 127, 128, 16384, 2 ** 31, 2 ** 40, safe]) }),
    () => ({ text: 'sleb128', value: (r) => r.pick([0, -1, 63, -64, 64, -65, 2 ** 40, -safe]) }),
    () => ({ text: 'zigzag', value: (r) => r.pick([0, -1, 63, -64, 2 ** 40, -(2 ** 40)]) }),
    () => ({ text: 'uleb128n', value: (r) => r.pick([0n, 127n, 2n ** 64n - 1n]) }),
    () => ({ text: 'sleb128n', value: (r) => r.pick([0n, -64n, 64n, -(2n ** 63n), 2n ** 63n - 1n]) }),
    () => ({ text: 'zigzagn', value: (r) => r.pick([0n, -1n, -(2n ** 63n), 2n ** 63n - 1n]) }),
    () => ({ text: `utf8(${r.pick(['u8', 'u16be', 'u16le', 'uleb128'])})`, value: (r) => r.pick(TEXTS) }),
    () => ({ text: 'utf8(until 0)', value: (r) => r.pick(TEXTS) }),
    () => ({ text: 'utf8(24)', value: (r) => r.pick(TEXTS).slice(0, 6) }),
    () => ({ text: 'latin1(u8)', value: (r) => r.pick(['', 'ÿé', 'abc']) }),
    () => ({ text: 'ascii(12, 32)', value: (r) => r.pick(['', 'abc', 'twelve chars']) }),
    () => ({ text: `utf16${r.pick(['le', 'be'])}(u8)`, value: (r) => r.pick(TEXTS) }),
    () => ({ text: 'utf16le(until 0)', value: (r) => r.pick(TEXTS) }),
    () => ({ text: 'utf16be(12)', value: (r) => r.pick(['', 'ab', '日本']) }),
    () => ({ text: 'hex(u8)', value: (r) => r.pick(['', '00ff', 'deadbeef']) }),
    () => ({ text: 'base64(u8)', value: (r) => r.pick(['', 'AA==', 'aGVsbG8=']) }),
    () => ({ text: 'bytes(u8)', value: (r) => Buffer.alloc(r.int(30), r.int(255)) }),
    () => ({ text: 'bytes(5)', value: (r) => Buffer.alloc(5, r.int(255)) }),
    () => ({ text: 'bool', value: (r) => r.chance(0.5) }),
    () => ({ text: 'ipv4', value: (r) => r.pick(['0.0.0.0', '192.168.1.1', '255.255.255.255']) }),
    () => ({
      text: 'ipv6',
      value: (r) =>
        r.pick([
          '::',
          '::1',
          '2001:db8::1',
          '::ffff:1.2.3.4',
          '1::',
          '1:0:2:0:5:6:3:0',
          '1:2:3:4:5:6:7:8',
          '0:1:0:0:2::',
          '1:2:3:4:5:6:7:0',
        ]),
    }),
    () => ({ text: 'mac', value: () => '00:1b:44:11:3a:b7' }),
    () => ({ text: 'uuid', value: () => '123e4567-e89b-12d3-a456-426614174000' }),
    () => ({ text: 'unixtime(u32be)', value: (r) => new Date(r.int(4294967) * 1000 * 1000) }),
    () => ({ text: 'unixtime(i64le, ms)', value: (r) => new Date(r.int(2 ** 40) - 2 ** 39) }),
    () => ({ text: 'enum : u8 { A = 1, B, `odd name` = 200 }', value: (r) => r.pick(['A', 'B', 'odd name', 0, 77]) }),
    () => ({ text: 'enum : i16le { A = -1, B }', value: (r) => r.pick(['A', 'B', -300]) }),
  ]
  return r.pick(kinds)()
}

/** Fields one after the other: `{ text, value(r) }` of a struct's body. */
function body(r, depth, name) {
  const members = []
  const count = 1 + r.int(5)
  for (let i = 0; i < count; i++) members.push(member(r, depth, `${name}${i}`))
  return {
    text: members.map(({ text }) => text).join('\n'),
    value(r) {
      const object = {}
      for (const { fill } of members) fill(object, r)
      return object
    },
  }
}

const field = (text, name, value) => ({ text, fill: (object, r) => (object[name] = value(r)) })

function member(r, depth, name) {
  const { text, value } = scalar(r)
  const plain = () => field(`${text} ${name};`, name, value)
  const list =
    (most, least = 0) =>
    (r) =>
      Array.from({ length: least + r.int(most - least) }, () => value(r))
  const kinds = [
    plain,
    plain,
    () => {
      // A run of bits.
      const whole = r.pick([8, 16, 24, 40, 64, 72])
      const parts = []
      for (let left = whole; left > 0; ) {
        const width = Math.min(left, 1 + r.int(r.chance(0.1) ? 59 : 20))
        const bits = left - width < 0 ? left : width
        parts.push({ name: `${name}_${parts.length}`, bits, signed: bits > 1 && r.chance(0.3) })
        left -= bits
      }
      const isWhole = (bits) => bits % 8 === 0
      // A width of whole bytes at a whole byte is an integer of bytes, and wants an order.
      if (parts.some(({ bits }) => isWhole(bits))) return plain()
      return {
        text: parts.map((part) => `${part.signed ? 'i' : 'u'}${part.bits} ${part.name};`).join(' '),
        fill(object, r) {
          for (const part of parts) object[part.name] = integer(r, part.bits, part.signed)
        },
      }
    },
    () => field(`${text}[3] ${name};`, name, list(3, 3)),
    () => field(`${text} ${name}[${r.pick(['u8', 'u16be', 'uleb128'])}];`, name, list(5)),
    () => {
      const counted = field(`u8 ${name}_n = count(${name}); ${text} ${name}[${name}_n];`, name, list(6))
      return { ...counted, fill: (object, r) => counted.fill(object, r) }
    },
    () =>
      field(`u16le ${name}_s = sizeof(${name}); struct { ${text} x; } ${name} @size(${name}_s);`, name, (r) => ({
        x: value(r),
      })),
    () => field(`${text} ${name}[rest] @size(${r.pick(['u16be', 'uleb128'])});`, name, list(4)),
    () => ({
      text: `u8 ${name}_has = present(${name}); if (${name}_has) ${text} ${name};`,
      fill(object, r) {
        if (r.chance(0.5)) object[name] = value(r)
      },
    }),
    () => field(`u16be ${name}[until 7];`, name, (r) => Array.from({ length: r.int(4) }, () => 8 + r.int(100))),
    () =>
      field(`struct { u8 last; ${text} v; } ${name}[until _.last == 1];`, name, (r) => {
        const items = Array.from({ length: 1 + r.int(3) }, () => ({ last: 0, v: value(r) }))
        items.at(-1).last = 1
        return items
      }),
    () => {
      const other = scalar(r)
      return {
        text: `u8 ${name}_t; switch (${name}_t) { 1: ${text}; 2..5, 9: ${other.text}; default: struct { u8 z; }; } ${name};`,
        fill(object, r) {
          const tag = r.pick([0, 1, 2, 5, 9, 10])
          object[`${name}_t`] = tag
          object[name] = tag === 1 ? value(r) : [2, 5, 9].includes(tag) ? other.value(r) : { z: r.int(255) }
        },
      }
    },
    () =>
      field(
        `${text} ${name}; u32be ${name}_crc = ${r.pick(['crc32', 'crc32c', 'adler32', 'sum', 'xxh32', 'inet', 'xor8', 'sum8', 'fletcher8', 'fletcher16', 'crc16_modbus'])}(${name});`,
        name,
        value,
      ),
    () => field(`magic "${r.pick(['PK', '\\x89PNG', 'x'])}"; ${text} ${name}; pad(3);`, name, value),
    () => field(`u16be ${name}_m = 513; ascii(2) ${name}_a = "ok"; ${text} ${name};`, name, value),
  ]
  kinds.push(
    () => ({
      text: `struct { u8 n; u8 m; } ${name}_h; u8 ${name}_c = ${name}_h.n & 127; if (${name}_h.m > 100) u16le ${name}_d = ${name}_h.m * 3;
        utf8(${name}_h.n % 5) ${name};`,
      fill(object, r) {
        const n = r.int(255)
        object[`${name}_h`] = { n, m: r.int(255) }
        object[name] = 'abcdefgh'.slice(0, n % 5)
      },
    }),
    () => ({
      text: `u16be ${name}_l = sizeof(${name}) * 2 + 1; utf8(${name}_l / 2) ${name};`,
      fill: (object, r) => (object[name] = r.pick(TEXTS)),
    }),
  )
  if (depth < 3) {
    const inner = () => body(r, depth + 1, `${name}i`)
    kinds.push(
      () => {
        const { text, value } = inner()
        return field(`struct { ${text} } ${name};`, name, value)
      },
      () => {
        const { text, value } = inner()
        return field(`struct { ${text} } ${name}[u8];`, name, (r) => Array.from({ length: r.int(3) }, () => value(r)))
      },
      () => {
        const { text, value } = inner()
        return {
          text: `u8 ${name}_k; struct { u8 seen = ${name}_k + 1; ${text} } ${name};`,
          fill(object, r) {
            object[`${name}_k`] = r.int(100)
            object[name] = value(r)
          },
        }
      },
    )
  }
  return r.pick(kinds)()
}

/** The text of a layout, and records that fit it. */
function generate(seed) {
  const r = random(seed)
  const { text, value } = body(r, 0, 'f')
  const order = r.pick(['', 'lsb '])
  return { text: `struct Record ${order}{ ${text} }`, value: () => value(r), r }
}

module.exports = { generate, random }
