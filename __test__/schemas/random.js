'use strict'

// Random messages of any schema, as `protobuf.load()` has them, from a seed.

const { protobuf } = require('../..')
const { randomOf } = require('../chance')

/** Whole numbers below `n` that the seed decides. */
function generator(seed) {
  const next = randomOf(seed)
  return (n) => Math.floor(next() * n)
}

const WORDS = ['', 'a', 'schema', 'größer', '日本', '🎉', 'x'.repeat(40)]

function scalars(below) {
  const pick = (list) => list[below(list.length)]
  const signed = (bits) =>
    BigInt.asIntN(bits, (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32))) >> BigInt(below(bits))
  const unsigned = (bits) =>
    BigInt.asUintN(bits, (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32))) >> BigInt(below(bits))
  const small = { signed: () => Number(signed(32)), unsigned: () => Number(unsigned(32)) }
  return {
    double: () => pick([0, -0, 1.5, Number.NaN, Infinity, -1e300, below(1e6) / 1000]),
    float: () => Math.fround(pick([0, 1.5, Number.NaN, -Infinity, 3.25e10, below(1000) / 8])),
    int64: () => signed(64),
    sint64: () => signed(64),
    sfixed64: () => signed(64),
    uint64: () => unsigned(64),
    fixed64: () => unsigned(64),
    int32: small.signed,
    sint32: small.signed,
    sfixed32: small.signed,
    uint32: small.unsigned,
    fixed32: small.unsigned,
    bool: () => below(2) === 1,
    string: () => pick(WORDS),
    bytes: () => Buffer.from(Array.from({ length: below(20) }, () => below(256))),
  }
}

/** Makes messages of `root`'s schema; those of well-known types have values that JSON has a form for. */
function maker(seed) {
  const below = generator(seed)
  const scalar = scalars(below)
  const wellKnown = {
    'google.protobuf.Timestamp': () => ({ seconds: below(2 ** 31), nanos: below(1000) * 1e6 }),
    'google.protobuf.Duration': () => ({ seconds: below(2 ** 31), nanos: below(1000) * 1e6 }),
    'google.protobuf.FieldMask': () => ({ paths: ['a', 'b.c_d'].slice(below(2)) }),
    // One that holds something would have to name a type of the schema.
    'google.protobuf.Any': () => ({}),
    'google.protobuf.Value': () =>
      [{ string_value: 'x' }, { number_value: below(9) }, { bool_value: true }, { null_value: 0 }][below(4)],
  }
  const value = (field, depth) => {
    if (field.message !== null) return message(field.message, depth + 1)
    if (field.enum === null) return scalar[field.type]()
    const { values } = field.enum
    return values[below(values.length)].number
  }
  function message(info, depth = 0) {
    if (info.fullName in wellKnown) return wellKnown[info.fullName]()
    const object = {}
    const skipped = new Set()
    for (const oneof of info.oneofs.filter((one) => !one.synthetic)) {
      const chosen = below(oneof.fields.length + 1)
      for (const field of oneof.fields.filter((_, index) => index !== chosen)) skipped.add(field)
    }
    for (const field of info.fields) {
      const isRequired = field.label === 'required'
      if (skipped.has(field) || (!isRequired && below(3) === 0)) continue
      const holdsMessage = field.message !== null && (field.label !== 'map' || field.mapValue.message !== null)
      if (holdsMessage && !isRequired && depth > 3) continue
      if (field.label === 'repeated')
        object[field.property] = Array.from({ length: below(4) }, () => value(field, depth))
      else if (field.label === 'map') {
        const entries = Array.from({ length: below(4) }, () => [
          String(scalar[field.mapKey.type]()),
          value(field.mapValue, depth),
        ])
        object[field.property] = Object.fromEntries(entries)
      } else object[field.property] = value(field, depth)
    }
    return object
  }
  return message
}

/** Every message type of a schema, or every so many of them. */
function types(root, every = 1) {
  return protobuf.reflect(root).messages.filter((_, index) => index % every === 0)
}

module.exports = { maker, types }
