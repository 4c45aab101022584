'use strict'

// The payloads: several different values of each, the same ones in every run.

const fs = require('node:fs')
const path = require('node:path')

/** A small seeded random generator (mulberry32) for numbers in [0, 1). */
function random(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function tools(seed) {
  const next = random(seed)
  const int = (low, high) => low + Math.floor(next() * (high - low + 1))
  const pick = (list) => list[int(0, list.length - 1)]
  const times = (count, make) => Array.from({ length: count }, (_, i) => make(i))
  const word = () => times(int(3, 10), () => String.fromCharCode(97 + int(0, 25))).join('')
  const words = (count) => times(count, word).join(' ')
  return { next, int, pick, times, word, words }
}

// No field below holds the default value of its type, because some packages omit these and others write them.

function person(seed) {
  const { int, word } = tools(seed)
  return { age: int(1, 99), name: word() }
}

function record(seed) {
  const { int, next, pick, times, word, words } = tools(seed)
  return {
    id: times(4, () => int(0x1000, 0xffff).toString(16)).join('-'),
    title: words(4),
    score: Math.fround(next() + 0.5),
    price: next() * 1000 + 1,
    created: 1_700_000_000_000 + int(1, 1e9),
    flags: times(8, () => next() < 0.5),
    active: true,
    author: {
      name: words(2),
      mail: `${word()}@${word()}.example`,
      id: int(1, 2 ** 40),
      rating: Math.fround(next() * 4 + 1),
    },
    kind: pick([1, 2]),
    tags: times(3, word),
    count: int(1, 100_000),
    delta: -int(1, 1000),
  }
}

function list(seed, { items = 100, numbers = 500, bytes = 256 } = {}) {
  const { int, next, pick, times, word } = tools(seed)
  const text = '四季の歌 — ünïcödé, кириллица, ελληνικά, 😀🚲 '
  return {
    items: times(items, (i) => ({
      id: i + 1,
      name: `${word()} ${pick(['é', 'ß', 'a'])}`,
      value: next() + 1,
      active: true,
    })),
    // Not negative: protocol-buffers writes a negative int32 in five bytes instead of ten.
    numbers: times(numbers, () => int(1, pick([100, 1_000_000]))),
    text: times(4, () => text + word()).join(''),
    data: Buffer.from(times(bytes, () => int(0, 255))),
  }
}

/** Geometry commands, packed as in the specification: a move, then lines, as small zigzag deltas. */
function geometry({ int, times }, points, closed) {
  const zigzag = (value) => (value << 1) ^ (value >> 31)
  const delta = () => zigzag(int(-60, 60))
  const commands = [(1 & 7) | (1 << 3), zigzag(int(1, 4095)), zigzag(int(1, 4095))]
  if (points > 1) commands.push(2 | ((points - 1) << 3), ...times(2 * (points - 1), delta))
  if (closed) commands.push(7 | (1 << 3))
  return commands
}

/** About 125 KB, similar to a tile of a city: a few layers whose features share few keys and many values. */
function tile(seed) {
  const tool = tools(seed)
  const { int, next, pick, times, word, words } = tool
  const value = () =>
    pick([
      () => ({ stringValue: words(int(1, 3)) }),
      () => ({ stringValue: word() }),
      () => ({ doubleValue: next() * 100 + 1 }),
      () => ({ intValue: int(1, 100_000) }),
      () => ({ uintValue: int(1, 3_000) }),
      () => ({ boolValue: true }),
    ])()
  const kinds = { poi: 1, road: 2, building: 3, water: 3, label: 1, boundary: 2 }
  return {
    layers: Object.entries(kinds).map(([name, type]) => {
      const keys = times(12, word)
      const values = times(220, value)
      return {
        name,
        features: times(type === 1 ? 320 : 380, () => ({
          id: int(1, 2 ** 34),
          tags: times(int(2, 5), () => [int(0, keys.length - 1), int(0, values.length - 1)]).flat(),
          type,
          geometry: geometry(tool, type === 1 ? 1 : int(4, type === 2 ? 34 : 26), type === 3),
        })),
        keys,
        values,
        extent: 4096,
        version: 2,
      }
    }),
  }
}

/**
 * A schema of `count` messages that refer to one another, with comments, enums, maps and defaults, similar to real
 * ones.
 */
function schema(count) {
  const { int, pick, times } = tools(count)
  const scalars = ['int32', 'uint32', 'sint32', 'int64', 'bool', 'string', 'bytes', 'double', 'float', 'fixed32']
  const message = (at) => {
    const fields = times(int(6, 12), (i) => {
      const type = at > 0 && int(0, 4) === 0 ? `Message${int(0, at - 1)}` : pick(scalars)
      return `  // The field number ${i + 1} of this message.\n  ${int(0, 3) === 0 ? 'repeated ' : ''}${type} field${i} = ${i + 1};`
    })
    return `// Message${at} is one of ${count}.\nmessage Message${at} {\n${fields.join('\n')}\n  Kind${at} kind = 20;\n}\n
enum Kind${at} {\n  KIND${at}_NONE = 0;\n  KIND${at}_SOME = 1;\n  KIND${at}_MANY = 2;\n}\n`
  }
  return `syntax = "proto3";\n\n${times(count, message).join('\n')}`
}

const source = (name) => fs.readFileSync(path.join(__dirname, 'schemas', `${name}.proto`), 'utf8')
const variants = (count, make) => Array.from({ length: count }, (_, i) => make(i + 1))

/**
 * Every payload: its schema, its message, and values to rotate through, so that branch predictors cannot adapt to a
 * single one.
 */
const payloads = {
  person: () => ({ title: '{age, name}', source: source('person'), message: 'Person', values: variants(16, person) }),
  record: () => ({
    title: 'nested record of 12 fields',
    source: source('record'),
    message: 'Record',
    values: variants(16, record),
  }),
  list: () => ({
    title: '100 records, 500 packed ints, text, bytes',
    source: source('list'),
    message: 'List',
    values: variants(4, (seed) => list(seed)),
  }),
  tile: () => ({ title: 'vector tile', source: source('tile'), message: 'Tile', values: variants(2, tile) }),
  json: () => ({
    title: 'ProtoJSON',
    source: source('list'),
    message: 'List',
    values: variants(4, (seed) => list(seed, { items: 120, numbers: 200, bytes: 128 })),
  }),
}

module.exports = { payloads, schema }
