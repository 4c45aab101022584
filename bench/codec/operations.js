'use strict'

// Every case as operations: `{ name, title, note, operations: Map(contender → (i) => result) }`.

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { codec } = require('../..')
const { requirePeer } = require('../lib/peers.js')
const { names, load, record } = require('./contenders.js')

const fixture = (name) => fs.readFileSync(path.join(__dirname, '../../__test__/codec/fixtures', name))
const example = (name) => require(`../../examples/formats/${name}.js`)

/** The contenders that run on this Node. Ours must. */
function loaded(wants, notes) {
  const found = new Map()
  for (const name of names.filter(wants)) {
    try {
      found.set(name, load(name))
    } catch (error) {
      if (name === 'ironwire') throw error
      notes.push(`${name} is left out: ${error.message}`)
    }
  }
  return found
}

function recordCases(wants, notes) {
  const contenders = loaded(wants, notes)
  const bytes = load('ironwire').encode(record)
  const fields = ['id', 'level', 'offset', 'sequence', 'value', 'error', 'quality', 'source', 'name']
  const decode = new Map()
  const encode = new Map()
  for (const [name, contender] of contenders) {
    if (contender.decode) {
      const found = contender.decode(bytes)
      if (!contender.other)
        for (const field of fields) assert.deepStrictEqual(found[field], record[field], `${name}: ${field}`)
      decode.set(name, () => contender.decode(bytes))
    }
    if (contender.encode) {
      if (!contender.other) assert.deepStrictEqual(Buffer.from(contender.encode(record)), bytes, name)
      encode.set(name, () => contender.encode(record))
    }
  }
  const note = `${bytes.length} bytes`
  return [
    { name: 'record encode', title: 'encode a record of a dozen mixed fields', note, operations: encode },
    { name: 'record decode', title: 'decode a record of a dozen mixed fields', note, operations: decode },
  ]
}

/** Formats, decoded by ours and by binary-parser, the fastest of the others. */
const formats = {
  dns() {
    const bytes = fixture('answer.dns')
    const { dns } = example('dns')
    function theirs() {
      const { Parser } = requirePeer('binary-parser')
      const label = new Parser().uint8('length').choice('content', {
        tag() {
          return this.length >> 6
        },
        choices: {
          0: new Parser().string('text', { length: '$parent.length', encoding: 'latin1' }),
          3: new Parser().uint8('low'),
        },
      })
      const name = new Parser().array('labels', {
        type: label,
        readUntil: (item) => item.length === 0 || item.length >= 192,
      })
      const resource = new Parser()
        .endianness('big')
        .nest('name', { type: name })
        .uint16('type')
        .uint16('class')
        .uint32('ttl')
        .uint16('length')
        .buffer('data', { length: 'length' })
      const question = new Parser().endianness('big').nest('name', { type: name }).uint16('type').uint16('class')
      const parser = new Parser()
        .endianness('big')
        .useContextVars()
        .uint16('id')
        .bit1('response')
        .bit4('opcode')
        .bit1('authoritative')
        .bit1('truncated')
        .bit1('recursionDesired')
        .bit1('recursionAvailable')
        .bit3('reserved')
        .bit4('code')
        .uint16('questionCount')
        .uint16('answerCount')
        .uint16('authorityCount')
        .uint16('additionalCount')
        .array('questions', { type: question, length: 'questionCount' })
        .array('answers', { type: resource, length: 'answerCount' })
        .array('authorities', { type: resource, length: 'authorityCount' })
        .array('additionals', { type: resource, length: 'additionalCount' })
      parser.compile()
      assert.strictEqual(parser.parse(bytes).answers.length, dns.decode(bytes).answers.length)
      return (b) => parser.parse(b)
    }
    return { title: 'decode a DNS answer', bytes, ours: dns.decode, theirs }
  },

  pcap() {
    const bytes = fixture('packets.pcap')
    const { pcap } = example('pcap')
    function theirs() {
      const { Parser } = requirePeer('binary-parser')
      const tcp = new Parser()
        .endianness('big')
        .uint16('source')
        .uint16('destination')
        .uint32('sequence')
        .uint32('acknowledgment')
        .bit4('words')
        .bit4('reserved')
        .bit8('flags')
        .uint16('window')
        .uint16('checksum')
        .uint16('urgent')
        .buffer('options', {
          length() {
            return this.words * 4 - 20
          },
        })
      const udp = new Parser()
        .endianness('big')
        .uint16('source')
        .uint16('destination')
        .uint16('length')
        .uint16('checksum')
      const transport = { tag: 'protocol', choices: { 6: tcp, 17: udp } }
      const address = { length: 4, formatter: (b) => b.join('.') }
      const ipv4 = new Parser()
        .endianness('big')
        .bit4('version')
        .bit4('words')
        .uint8('tos')
        .uint16('length')
        .uint16('id')
        .bit3('flags')
        .bit13('fragment')
        .uint8('ttl')
        .uint8('protocol')
        .uint16('checksum')
        .buffer('source', address)
        .buffer('destination', address)
        .choice('payload', transport)
      const ipv6 = new Parser()
        .endianness('big')
        .bit4('version')
        .bit8('trafficClass')
        .bit20('flow')
        .uint16('length')
        .uint8('protocol')
        .uint8('hops')
        .buffer('source', { length: 16 })
        .buffer('destination', { length: 16 })
        .choice('payload', transport)
      const ethernet = new Parser()
        .endianness('big')
        .buffer('destination', { length: 6, formatter: (b) => b.toString('hex') })
        .buffer('source', { length: 6, formatter: (b) => b.toString('hex') })
        .uint16('type')
        .choice('payload', { tag: 'type', choices: { 2048: ipv4, 34525: ipv6 } })
      const parser = new Parser()
        .endianness('little')
        .uint32('magic')
        .uint16('major')
        .uint16('minor')
        .int32('zone')
        .uint32('accuracy')
        .uint32('snapLength')
        .uint32('network')
        .array('packets', {
          type: new Parser()
            .endianness('little')
            .uint32('seconds')
            .uint32('microseconds')
            .uint32('captured')
            .uint32('length')
            .buffer('data', { length: 'captured', formatter: (b) => ethernet.parse(b) }),
          readUntil: 'eof',
        })
      ethernet.compile()
      parser.compile()
      assert.strictEqual(parser.parse(bytes).packets[0].data.payload.payload.destination, 80)
      return (b) => parser.parse(b)
    }
    return { title: 'decode a capture of three packets', bytes, ours: pcap.decode, theirs }
  },

  mqtt() {
    const { mqtt } = example('mqtt')
    const bytes = mqtt.encode(mqtt.decodeMany(fixture('packets.mqtt'))[6])
    function theirs() {
      const { Parser } = requirePeer('binary-parser')
      const parser = new Parser()
        .endianness('big')
        .bit4('kind')
        .bit1('duplicate')
        .bit2('qos')
        .bit1('retain')
        .uint8('length')
        .uint16('topicLength')
        .string('topic', { length: 'topicLength', encoding: 'utf8' })
        .buffer('payload', {
          length() {
            return this.length - 2 - this.topicLength
          },
        })
      parser.compile()
      assert.strictEqual(parser.parse(bytes).topic, mqtt.decode(bytes).body.topic)
      return (b) => parser.parse(b)
    }
    return { title: 'decode an MQTT publish', bytes, ours: mqtt.decode, theirs }
  },
}

function formatCase(key, wants) {
  const { title, bytes, ours, theirs } = formats[key]()
  const operations = new Map()
  if (wants('ironwire')) operations.set('ironwire', () => ours(bytes))
  if (wants('binary-parser')) {
    const parse = theirs()
    operations.set('binary-parser', () => parse(bytes))
  }
  return { name: `${key} decode`, title, note: `${bytes.length} bytes`, operations }
}

const COUNT = 10_000

/** 10,000 records of 32 bytes, decoded to columns and to objects. */
function manyCases(wants) {
  const layout = codec.layout(
    'endian be; struct Tick { u32 id; f64 price; u16 size; i16 side; u32 venue; f64 volume; u32 flags; }',
  )
  const { size } = layout
  assert.strictEqual(size, 32)
  const bytes = layout.encodeMany(
    Array.from({ length: COUNT }, (_, i) => ({
      id: i,
      price: i / 8,
      size: i % 999,
      side: -1,
      venue: 7,
      volume: i * 1.5,
      flags: i * 3,
    })),
  )
  function objects() {
    const list = []
    for (let p = 0; p < bytes.length; p += 32) {
      list.push({
        id: bytes.readUInt32BE(p),
        price: bytes.readDoubleBE(p + 4),
        size: bytes.readUInt16BE(p + 12),
        side: bytes.readInt16BE(p + 14),
        venue: bytes.readUInt32BE(p + 16),
        volume: bytes.readDoubleBE(p + 20),
        flags: bytes.readUInt32BE(p + 28),
      })
    }
    return list
  }
  function newColumns() {
    return {
      id: new Uint32Array(COUNT),
      price: new Float64Array(COUNT),
      size: new Uint16Array(COUNT),
      side: new Int16Array(COUNT),
      venue: new Uint32Array(COUNT),
      volume: new Float64Array(COUNT),
      flags: new Uint32Array(COUNT),
    }
  }
  function arrays(columns = newColumns()) {
    for (let i = 0, p = 0; i < COUNT; i++, p += 32) {
      columns.id[i] = bytes.readUInt32BE(p)
      columns.price[i] = bytes.readDoubleBE(p + 4)
      columns.size[i] = bytes.readUInt16BE(p + 12)
      columns.side[i] = bytes.readInt16BE(p + 14)
      columns.venue[i] = bytes.readUInt32BE(p + 16)
      columns.volume[i] = bytes.readDoubleBE(p + 20)
      columns.flags[i] = bytes.readUInt32BE(p + 28)
    }
    return columns
  }
  assert.deepStrictEqual(layout.decodeColumns(bytes), arrays())
  assert.deepStrictEqual(layout.decodeMany(bytes), objects())
  const into = layout.decodeColumns(bytes)
  const there = newColumns()
  assert.deepStrictEqual(layout.decodeColumns(bytes, { into }), arrays(there))
  const only = (all) => new Map(Object.entries(all).filter(([name]) => wants(name)))
  const note = `${COUNT.toLocaleString('en-US')} records of 32 bytes`
  return [
    {
      name: 'columns',
      title: 'decode records to columns',
      note,
      operations: only({
        ironwire: () => layout.decodeColumns(bytes),
        'Buffer by hand, to typed arrays': () => arrays(),
        'Buffer by hand, to objects': objects,
      }),
    },
    {
      name: 'columns into',
      title: 'decode records to columns that are there',
      note,
      operations: only({
        ironwire: () => layout.decodeColumns(bytes, { into }),
        'Buffer by hand, to typed arrays': () => arrays(there),
        'Buffer by hand, to objects': objects,
      }),
    },
    {
      name: 'objects',
      title: 'decode records to objects',
      note,
      operations: only({ ironwire: () => layout.decodeMany(bytes), 'Buffer by hand': objects }),
    },
  ]
}

/** A splitter of length-prefixed messages as programs usually write it by hand. */
function splitByHand(on) {
  let pending = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    let at = 0
    while (pending.length - at >= 4) {
      const length = pending.readUInt32BE(at)
      if (pending.length - at - 4 < length) break
      on(pending.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    pending = pending.subarray(at)
  }
}

/** The same for lines. */
function linesByHand(on) {
  let pending = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    let at = 0
    for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10, at)) {
      on(pending.subarray(at, end))
      at = end + 1
    }
    pending = pending.subarray(at)
  }
}

/** 10,000 messages of 100 bytes, a megabyte in chunks of 64 KiB. One byte of each message is read. */
function framingCase(name, title, framing, byHand, streams, wants) {
  const COUNT = 10_000
  const messages = Array.from({ length: COUNT }, () => Buffer.alloc(100, 7))
  const framer = codec.framer(framing)
  const chunksOf = (bytes) =>
    Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) => bytes.subarray(65_536 * i, 65_536 * (i + 1)))
  const chunks = chunksOf(framer.encodeMany(messages))
  let sum = 0
  const look = (message) => {
    sum += message[0]
  }
  const contenders = {
    'ironwire each': (all) => {
      for (const chunk of all) {
        framer.each(chunk, (bytes, start) => {
          sum += bytes[start]
        })
      }
    },
    'ironwire push': (all) => {
      for (const chunk of all) for (const message of framer.push(chunk)) look(message)
    },
    'Buffer by hand': (all) => {
      const split = byHand(look)
      for (const chunk of all) split(chunk)
    },
  }
  const operations = new Map()
  for (const [contender, run] of Object.entries(contenders)) {
    sum = 0
    run(chunks)
    assert.strictEqual(sum, 7 * COUNT, contender)
    operations.set(contender, () => run(chunks))
  }
  for (const [peer, { make, encode }] of Object.entries(streams)) {
    if (!wants(peer)) continue
    const stream = make(requirePeer(peer))
    stream.on('data', look)
    const theirs = encode ? chunksOf(Buffer.concat(messages.map(encode))) : chunks
    operations.set(peer, () => {
      for (const chunk of theirs) stream.write(chunk)
    })
  }
  return { name, title, note: '1 MB of 100-byte messages, 64 KiB chunks', operations }
}

function framingCases(wants) {
  const varint = (message) => Buffer.concat([Buffer.from([message.length]), message])
  return [
    framingCase(
      'frames',
      'split messages behind a length of four bytes',
      { length: 'u32be' },
      splitByHand,
      {
        'frame-stream': { make: (peer) => peer.decode() },
        'length-prefixed-stream': { make: (peer) => peer.decode(), encode: varint },
      },
      wants,
    ),
    framingCase('lines', 'split lines', { delimiter: '\n' }, linesByHand, {}, wants),
  ]
}

function buildCases(wants, wantsCase, notes) {
  const groups = [
    [['record encode', 'record decode'], () => recordCases(wants, notes)],
    ...Object.keys(formats).map((key) => [[`${key} decode`], () => [formatCase(key, wants)]]),
    [['columns', 'columns into', 'objects'], () => manyCases(wants)],
    [['frames', 'lines'], () => framingCases(wants)],
  ]
  return groups
    .filter(([found]) => found.some(wantsCase))
    .flatMap(([, make]) => make())
    .filter(({ name }) => wantsCase(name))
}

module.exports = { buildCases }
