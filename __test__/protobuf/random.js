'use strict'

// Random schemas and messages, the same for the same seed.

const { randomOf } = require('../chance')

/** Choices that are its seed's alone. */
function generator(seed) {
  const next = randomOf(seed)
  const below = (n) => Math.floor(next() * n)
  const pick = (list) => list[below(list.length)]
  return { below, pick, chance: (p) => next() < p, next }
}

const INTEGERS = ['int32', 'sint32', 'uint32', 'fixed32', 'sfixed32']
const LONGS = ['int64', 'sint64', 'uint64', 'fixed64', 'sfixed64']
const SCALARS = [...INTEGERS, ...LONGS, 'bool', 'string', 'bytes', 'float', 'double']
const KEYS = ['string', ...INTEGERS]

/** A schema of a few messages that refer to each other: `{source, messages: [{name, fields}]}`, fields in order of their numbers. */
function randomSchema(r) {
  const proto3 = r.chance(0.5)
  const count = 1 + r.below(4)
  const enums = proto3
    ? [0, 1, 5, 127, 128, -3]
    : r.pick([
        [0, 1, 2],
        [1, 2],
        [0, 7, 300],
        [-1, 0],
      ])
  const messages = Array.from({ length: count }, (_, index) => {
    let number = 0
    const fields = Array.from({ length: r.below(9) }, (_, position) => {
      number += r.chance(0.8) ? 1 : r.pick([2, 14, 2000, 300000])
      const type = r.chance(0.65) ? r.pick(SCALARS) : r.chance(0.3) ? 'E' : `M${r.below(count)}`
      const label = r.pick(['optional', 'optional', 'repeated', 'map', 'oneof', proto3 ? 'implicit' : 'optional'])
      const packable = type !== 'string' && type !== 'bytes' && !type.startsWith('M')
      return {
        name: `f${position}`,
        number,
        type,
        label: label === 'implicit' && type.startsWith('M') ? 'optional' : label,
        key: r.pick(KEYS),
        packed: packable && r.chance(0.5),
        packable,
      }
    })
    return { name: `M${index}`, fields }
  })
  const lines = [`syntax = "${proto3 ? 'proto3' : 'proto2'}";`]
  lines.push(`enum E { ${enums.map((value, index) => `V${index} = ${value};`).join(' ')} }`)
  for (const { name, fields } of messages) {
    lines.push(`message ${name} {`)
    for (const { name: field, number, type, label, key, packed, packable } of fields) {
      if (label === 'map') lines.push(`map<${key}, ${type}> ${field} = ${number};`)
      else if (label === 'oneof') lines.push(`oneof o${field} { ${type} ${field} = ${number}; }`)
      else if (label === 'implicit') lines.push(`${type} ${field} = ${number};`)
      else if (label === 'repeated')
        lines.push(`repeated ${type} ${field} = ${number}${packable ? ` [packed = ${packed}]` : ''};`)
      else lines.push(`optional ${type} ${field} = ${number};`)
    }
    lines.push('}')
  }
  return { source: lines.join('\n'), messages, enums }
}

const WORDS = [
  '',
  'a',
  'name',
  'naïve',
  '日本語',
  '🎉 party',
  'x'.repeat(41),
  'y'.repeat(43),
  'é'.repeat(70),
  'z'.repeat(300),
]
const SIGNED = [0, 1, -1, 127, 128, -128, 16383, 16384, 2097152, 268435456, 2147483647, -2147483648]

function scalar(r, type, enums) {
  switch (type) {
    case 'E':
      return r.pick(enums)
    case 'bool':
      return r.chance(0.5)
    case 'string':
      return r.pick(WORDS)
    case 'bytes':
      return Buffer.from(r.pick(WORDS))
    case 'float':
      return r.pick([0, -0, 1.5, Math.fround(0.1), Infinity, -Infinity, Math.fround(3.4e38)])
    case 'double':
      return r.pick([0, -0, 1.5, 0.1, Infinity, 5e-324, 1.7e308])
    case 'uint32':
    case 'fixed32':
      return r.pick(SIGNED) >>> 0
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return r.pick(SIGNED)
    default: {
      const low = r.chance(0.5) ? r.below(4294967296) | 0 : r.pick(SIGNED)
      const high = r.pick([0, 0, 1, 5, 0x1fffff, 0x200000, 0x7fffffff, -1, -2147483648, -0x200000])
      return { low, high, unsigned: type[0] === 'u' || type === 'fixed64' }
    }
  }
}

function isDefault(value) {
  if (value instanceof Uint8Array) return value.length === 0
  if (typeof value === 'object') return value.low === 0 && value.high === 0
  return !value && !Object.is(value, -0)
}

function randomMessage(r, schema, name, depth) {
  const { fields } = schema.messages.find((message) => message.name === name)
  const one = (type) =>
    type.startsWith('M') ? randomMessage(r, schema, type, depth + 1) : scalar(r, type, schema.enums)
  const object = {}
  for (const { name: field, type, label, key } of fields) {
    if (r.chance(0.3) || (type.startsWith('M') && depth > 3)) continue
    if (label === 'repeated') object[field] = Array.from({ length: r.pick([0, 1, 2, 30]) }, () => one(type))
    else if (label === 'map') {
      const map = {}
      for (let i = r.below(4); i > 0; i--) map[String(scalar(r, key, schema.enums)) || 'k'] = one(type)
      object[field] = map
    } else {
      const value = one(type)
      if (label !== 'implicit' || !isDefault(value)) object[field] = value
    }
    if (depth > 1 && Array.isArray(object[field]) && type.startsWith('M'))
      object[field].length = Math.min(object[field].length, 2)
  }
  return object
}

/** What a call gives: a value, or the code or name of an error. */
function outcome(run) {
  try {
    return { value: run() }
  } catch (error) {
    return { code: error.code ?? error.name }
  }
}

module.exports = { generator, outcome, randomMessage, randomSchema }
