'use strict'

// One record of a dozen mixed fields for each contender: `{ decode(bytes), encode(record) }`, as far as it supports
// both.

const { requirePeer } = require('../lib/peers.js')

const names = ['ironwire', 'Buffer by hand', 'binary-parser', 'restructure', 'smart-buffer', 'typed-binary']

/** The record: 63 bytes plus the name. */
const text = `
  endian be;
  enum Kind : u8 { temperature = 1, humidity, pressure }
  struct Reading {
    u16 id; Kind kind; u8 level; i32 offset; u32 sequence; f64 value; f32 error; u64 time;
    u4 quality; u4 source;
    utf8(u8) name;
    u8 count = count(samples); i16 samples[count];
    bytes(16) key;
  }
`

const KINDS = ['', 'temperature', 'humidity', 'pressure']
const NUMBERS = { temperature: 1, humidity: 2, pressure: 3 }

const record = {
  id: 40001,
  kind: 'humidity',
  level: 7,
  offset: -123456,
  sequence: 3000000000,
  value: 21.625,
  error: 0.25,
  time: 1700000000123n,
  quality: 9,
  source: 3,
  name: 'kitchen sensor',
  samples: [1, -2, 300, -400],
  key: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
}

const loaders = {
  ironwire() {
    const { decode, encode } = require('../..').codec.layout(text)
    return { decode, encode }
  },

  'Buffer by hand'() {
    return {
      decode(b) {
        const bits = b.readUInt8(32)
        const length = b.readUInt8(33)
        let p = 34 + length
        const count = b.readUInt8(p++)
        const samples = []
        for (let i = 0; i < count; i++, p += 2) samples.push(b.readInt16BE(p))
        const kind = b.readUInt8(2)
        return {
          id: b.readUInt16BE(0),
          kind: KINDS[kind] ?? kind,
          level: b.readUInt8(3),
          offset: b.readInt32BE(4),
          sequence: b.readUInt32BE(8),
          value: b.readDoubleBE(12),
          error: b.readFloatBE(20),
          time: b.readBigUInt64BE(24),
          quality: bits >> 4,
          source: bits & 15,
          name: b.toString('utf8', 34, 34 + length),
          count,
          samples,
          key: b.subarray(p, p + 16),
        }
      },
      encode(o) {
        const length = Buffer.byteLength(o.name)
        const b = Buffer.allocUnsafe(51 + length + 2 * o.samples.length)
        b.writeUInt16BE(o.id, 0)
        b.writeUInt8(NUMBERS[o.kind] ?? o.kind, 2)
        b.writeUInt8(o.level, 3)
        b.writeInt32BE(o.offset, 4)
        b.writeUInt32BE(o.sequence, 8)
        b.writeDoubleBE(o.value, 12)
        b.writeFloatBE(o.error, 20)
        b.writeBigUInt64BE(o.time, 24)
        b.writeUInt8((o.quality << 4) | o.source, 32)
        b.writeUInt8(length, 33)
        b.write(o.name, 34, 'utf8')
        let p = b.writeUInt8(o.samples.length, 34 + length)
        for (let i = 0; i < o.samples.length; i++) p = b.writeInt16BE(o.samples[i], p)
        b.set(o.key, p)
        return b
      },
    }
  },

  'binary-parser'() {
    const { Parser } = requirePeer('binary-parser')
    const parser = new Parser()
      .endianness('big')
      .uint16('id')
      .uint8('kind', { formatter: (kind) => KINDS[kind] ?? kind })
      .uint8('level')
      .int32('offset')
      .uint32('sequence')
      .doublebe('value')
      .floatbe('error')
      .uint64('time')
      .bit4('quality')
      .bit4('source')
      .uint8('length')
      .string('name', { length: 'length', encoding: 'utf8' })
      .uint8('count')
      .array('samples', { type: 'int16be', length: 'count' })
      .buffer('key', { length: 16 })
    parser.compile()
    return { decode: (b) => parser.parse(b) }
  },

  restructure() {
    const r = requirePeer('restructure')
    const struct = new r.Struct({
      id: r.uint16,
      kind: new r.Enum(r.uint8, KINDS),
      level: r.uint8,
      offset: r.int32,
      sequence: r.uint32,
      value: r.double,
      error: r.float,
      time: new r.Buffer(8),
      bits: r.uint8,
      name: new r.String(r.uint8, 'utf8'),
      samples: new r.Array(r.int16, r.uint8),
      key: new r.Buffer(16),
    })
    // It has no BigInts and no bit fields of this kind.
    const prepared = new WeakMap()
    return {
      decode(b) {
        const o = struct.fromBuffer(b)
        o.quality = o.bits >> 4
        o.source = o.bits & 15
        return o
      },
      encode(o) {
        let it = prepared.get(o)
        if (it === undefined) {
          const time = Buffer.alloc(8)
          time.writeBigUInt64BE(o.time)
          it = { ...o, time, bits: (o.quality << 4) | o.source }
          prepared.set(o, it)
        }
        return struct.toBuffer(it)
      },
    }
  },

  'smart-buffer'() {
    const { SmartBuffer } = requirePeer('smart-buffer')
    return {
      decode(b) {
        const s = SmartBuffer.fromBuffer(b)
        const o = {
          id: s.readUInt16BE(),
          kind: KINDS[s.readUInt8()],
          level: s.readUInt8(),
          offset: s.readInt32BE(),
          sequence: s.readUInt32BE(),
          value: s.readDoubleBE(),
          error: s.readFloatBE(),
          time: s.readBigUInt64BE(),
        }
        const bits = s.readUInt8()
        o.quality = bits >> 4
        o.source = bits & 15
        o.name = s.readString(s.readUInt8())
        const count = s.readUInt8()
        o.samples = []
        for (let i = 0; i < count; i++) o.samples.push(s.readInt16BE())
        o.key = s.readBuffer(16)
        return o
      },
      encode(o) {
        const s = new SmartBuffer()
        s.writeUInt16BE(o.id)
        s.writeUInt8(NUMBERS[o.kind])
        s.writeUInt8(o.level)
        s.writeInt32BE(o.offset)
        s.writeUInt32BE(o.sequence)
        s.writeDoubleBE(o.value)
        s.writeFloatBE(o.error)
        s.writeBigUInt64BE(o.time)
        s.writeUInt8((o.quality << 4) | o.source)
        s.writeUInt8(Buffer.byteLength(o.name))
        s.writeString(o.name)
        s.writeUInt8(o.samples.length)
        for (const sample of o.samples) s.writeInt16BE(sample)
        s.writeBuffer(o.key)
        return s.toBuffer()
      },
    }
  },

  'typed-binary'() {
    // It has no 64-bit integers, bit fields or length-prefixed text. Its replacements for these are smaller.
    const t = requirePeer('typed-binary')
    const schema = t.object({
      id: t.u16,
      kind: t.u8,
      level: t.u8,
      offset: t.i32,
      sequence: t.u32,
      value: t.f32,
      value2: t.f32,
      error: t.f32,
      time: t.u32,
      time2: t.u32,
      bits: t.u8,
      samples: t.arrayOf(t.u8, 20),
      key: t.arrayOf(t.u8, 16),
    })
    return {
      other: true,
      decode: (b) => schema.read(new t.BufferReader(b.buffer, { byteOffset: b.byteOffset, endianness: 'big' })),
    }
  },
}

module.exports = { names, load: (name) => loaders[name](), record, text }
