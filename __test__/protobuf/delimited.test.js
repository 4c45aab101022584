'use strict'

// Messages behind their lengths, in buffers and in streams.

const assert = require('node:assert')
const { PassThrough, Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const test = require('node:test')
const protobufjs = require('protobufjs')
const { protobuf } = require('../..')

const SOURCE =
  'syntax = "proto3"; message Note { int32 id = 1; string text = 2; bytes data = 3; repeated int32 n = 4; }'
const { Note } = protobuf(SOURCE)
const notes = [
  { id: 1, text: 'one' },
  {},
  { id: -1, text: 'é'.repeat(200), data: Buffer.from([0, 255]) },
  {},
  { n: Array.from({ length: 500 }, (_, i) => i * i) },
  { text: 'x' },
]
const expected = notes.map((note) => Note.decode(Note.encode(note)))
const bytes = Buffer.concat(notes.map((note) => protobuf.encodeDelimited(Note, note)))

async function collect(iterable) {
  const all = []
  for await (const item of iterable) all.push(item)
  return all
}

/** Through a DelimitedDecoder and through decodeStream; both must give the same messages or the same error. */
async function decodeBoth(chunks, options) {
  const outcome = async (run) => {
    const got = []
    try {
      for await (const note of run()) got.push(note)
    } catch (error) {
      return { got, code: error.code, message: error.message }
    }
    return { got }
  }
  const iterated = await outcome(() => protobuf.decodeStream(Note, chunks, options))
  const stream = new protobuf.DelimitedDecoder(Note, options)
  const transformed = await outcome(() => {
    Readable.from(chunks, { objectMode: false })
      .on('error', () => {})
      .pipe(stream)
    return stream
  })
  // A stream that fails drops what nobody has read yet.
  assert.deepStrictEqual(transformed.got, iterated.got.slice(0, transformed.got.length))
  assert.deepStrictEqual({ ...transformed, got: null }, { ...iterated, got: null })
  if (iterated.code === undefined) assert.deepStrictEqual(transformed.got, iterated.got)
  return iterated
}

test('one message: the bytes of protobufjs, and their number', () => {
  const theirs = protobufjs.parse(SOURCE).root.lookupType('Note')
  for (const [index, note] of notes.entries()) {
    const ours = protobuf.encodeDelimited(Note, note)
    assert.strictEqual(protobuf.encodeDelimited.bytes, ours.length)
    assert.deepStrictEqual(ours, Buffer.from(theirs.encodeDelimited(theirs.fromObject(note)).finish()))
    assert.deepStrictEqual(protobuf.decodeDelimited(Note, ours), expected[index])
    assert.strictEqual(protobuf.decodeDelimited.bytes, ours.length)
  }
  const reader = protobufjs.Reader.create(bytes)
  for (const note of expected) {
    assert.deepStrictEqual(Note.decode(Buffer.from(theirs.encode(theirs.decodeDelimited(reader)).finish())), note)
  }
})

test('one after another in a buffer, from an offset', () => {
  const room = Buffer.alloc(bytes.length + 3)
  let offset = 3
  for (const note of notes) {
    assert.strictEqual(protobuf.encodeDelimited(Note, note, room, offset), room)
    offset += protobuf.encodeDelimited.bytes
  }
  assert.deepStrictEqual(room.subarray(3), bytes)
  offset = 3
  for (const note of expected) {
    assert.deepStrictEqual(protobuf.decodeDelimited(Note, room, offset), note)
    offset += protobuf.decodeDelimited.bytes
  }
  assert.strictEqual(offset, room.length)
  assert.deepStrictEqual(protobuf.decodeDelimited(Note, new Uint8Array(bytes)), expected[0])
})

test('truncated messages and small buffers are errors', () => {
  assert.throws(() => protobuf.encodeDelimited(Note, { id: 1 }, Buffer.alloc(2)), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' })
  assert.throws(() => protobuf.encodeDelimited(Note, { id: 1 }, Buffer.alloc(2), 3), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => protobuf.encodeDelimited(Note, { id: 1 }, 'x'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.encodeDelimited({}, { id: 1 }), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.decodeDelimited(Note, 'x'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.decodeDelimited(Note, bytes, bytes.length + 1), { code: 'ERR_OUT_OF_RANGE' })
  const code = 'IRONWIRE_PROTOBUF_TRUNCATED'
  const whole = protobuf.encodeDelimited(Note, notes[2])
  for (let n = 0; n < whole.length; n++) {
    assert.throws(() => protobuf.decodeDelimited(Note, whole.subarray(0, n)), { code })
  }
  assert.throws(() => protobuf.decodeDelimited(Note, Buffer.from('8080808010', 'hex')), {
    code: 'IRONWIRE_PROTOBUF_TOO_LARGE',
  })
  assert.throws(() => protobuf.decodeDelimited(Note, Buffer.alloc(11, 0x80)), { code: 'IRONWIRE_PROTOBUF_INVALID' })
  assert.throws(() => protobuf.decodeDelimited(Note, Buffer.from([2, 8])), { code })
  assert.throws(() => protobuf.decodeDelimited(Note, Buffer.from([2, 0x12, 5])), { code: 'IRONWIRE_PROTOBUF_INVALID' })
})

test('a length may be padded to ten bytes, not to eleven', async () => {
  const padded = Buffer.from([0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 8, 1])
  assert.strictEqual(protobuf.decodeDelimited(Note, padded).id, 1)
  const chunks = [...padded].map((byte) => Buffer.from([byte]))
  assert.strictEqual((await decodeBoth(chunks)).got[0].id, 1)
  const { code, message } = await decodeBoth([Buffer.alloc(9, 0x80), Buffer.alloc(2, 0x80)])
  assert.strictEqual(code, 'IRONWIRE_PROTOBUF_INVALID')
  assert.match(message, /more than ten bytes/)
})

test('a stream split at every byte, and into single bytes', async () => {
  for (let at = 0; at <= bytes.length; at += at < 20 || at > bytes.length - 20 ? 1 : 7) {
    const chunks = [bytes.subarray(0, at), bytes.subarray(at)].filter((chunk) => chunk.length > 0)
    assert.deepStrictEqual((await decodeBoth(chunks)).got, expected, `split at ${at}`)
  }
  const single = Array.from(bytes, (byte) => new Uint8Array([byte]))
  assert.deepStrictEqual((await decodeBoth(single)).got, expected)
  assert.deepStrictEqual((await decodeBoth([])).got, [])
})

test('a stream truncated at every byte: whole messages, then an error unless it ends between two', async () => {
  const ends = new Set([0])
  let end = 0
  for (const note of notes) {
    end += protobuf.encodeDelimited(Note, note).length
    ends.add(end)
  }
  for (let at = 0; at <= bytes.length; at++) {
    const got = []
    let code
    try {
      for await (const note of protobuf.decodeStream(Note, [bytes.subarray(0, at)])) got.push(note)
    } catch (error) {
      code = error.code
    }
    assert.strictEqual(code, ends.has(at) ? undefined : 'IRONWIRE_PROTOBUF_TRUNCATED', `cut at ${at}`)
    assert.strictEqual(got.length, [...ends].filter((e) => e > 0 && e <= at).length)
  }
  assert.strictEqual((await decodeBoth([bytes.subarray(0, 3)])).code, 'IRONWIRE_PROTOBUF_TRUNCATED')
  assert.strictEqual((await decodeBoth([Buffer.from([0x80])])).code, 'IRONWIRE_PROTOBUF_TRUNCATED')
})

test('random messages in random chunks', async () => {
  // A small generator of its own, so that a failure comes back.
  let state = 12345
  const random = (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % n
  }
  for (let round = 0; round < 60; round++) {
    const sent = Array.from({ length: random(30) }, () => ({
      id: random(1000) - 500,
      text: 'y'.repeat(random(4) === 0 ? random(3000) : random(20)),
      n: Array.from({ length: random(5) }, () => random(100000)),
    }))
    const all = Buffer.concat(sent.map((note) => protobuf.encodeDelimited(Note, note)))
    const chunks = []
    for (let at = 0; at < all.length; ) {
      const size = 1 + random(random(3) === 0 ? 4 : 700)
      chunks.push(all.subarray(at, at + size))
      at += size
    }
    const { got } = await decodeBoth(chunks)
    assert.deepStrictEqual(
      got,
      sent.map((note) => Note.decode(Note.encode(note))),
      `round ${round}`,
    )
  }
})

test('a length above the limit is an error before its bytes are stored', async () => {
  const { got, code, message } = await decodeBoth([Buffer.from([2, 8, 1, 0x65])], { maxSize: 100 })
  assert.strictEqual(code, 'IRONWIRE_PROTOBUF_TOO_LARGE')
  assert.match(message, /101 bytes.*limit of 100/)
  assert.deepStrictEqual(got, [Note.decode(Buffer.from([8, 1]))])
  // 16 MiB + 1 against the default.
  assert.strictEqual((await decodeBoth([Buffer.from([0x81, 0x80, 0x80, 0x08])])).code, 'IRONWIRE_PROTOBUF_TOO_LARGE')
  // A length of nearly the default costs nothing until its bytes come.
  const before = process.memoryUsage().external
  const streams = Array.from({ length: 100 }, () => {
    const stream = new protobuf.DelimitedDecoder(Note)
    stream.write(Buffer.from([0xff, 0xff, 0xff, 0x07, 8]))
    return stream
  })
  assert.ok(process.memoryUsage().external - before < 16 * 2 ** 20)
  for (const stream of streams) stream.destroy()
  for (const maxSize of [-1, 1.5, 2 ** 31]) {
    assert.throws(() => new protobuf.DelimitedDecoder(Note, { maxSize }), { code: 'ERR_OUT_OF_RANGE' })
  }
  assert.throws(() => protobuf.decodeStream(Note, [], { maxSize: '1' }), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => protobuf.decodeStream(Note, 5), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => new protobuf.DelimitedDecoder({}), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('decoded messages do not wait in memory for a slow reader', async () => {
  // A zero byte is an empty message: 64 KiB hold 65,536 of them.
  const stream = new protobuf.DelimitedDecoder(Note)
  stream.write(Buffer.alloc(65536))
  stream.end()
  assert.ok(stream.readableLength <= stream.readableHighWaterMark)
  let count = 0
  for await (const note of stream) {
    assert.strictEqual(note.id, 0)
    assert.ok(stream.readableLength <= stream.readableHighWaterMark)
    count++
  }
  assert.strictEqual(count, 65536)
})

test('listeners that read, pause and destroy', async () => {
  const reading = new protobuf.DelimitedDecoder(Note)
  let count = 0
  reading.on('data', () => {
    count++
    // What it returns comes as 'data', too.
    reading.read()
    if (count === 500) {
      reading.pause()
      setImmediate(() => reading.resume())
    }
  })
  const ended = new Promise((resolve) => reading.on('end', resolve))
  for (let i = 0; i < 10; i++) reading.write(Buffer.alloc(100))
  reading.end()
  await ended
  assert.strictEqual(count, 1000)

  const destroyed = new protobuf.DelimitedDecoder(Note)
  let seen = 0
  destroyed.on('data', () => {
    if (++seen === 3) destroyed.destroy()
  })
  const closed = new Promise((resolve) => destroyed.on('close', resolve))
  destroyed.write(Buffer.alloc(100))
  await closed
  assert.strictEqual(seen, 3)
})

test('from encoder to decoder through a pipe', async () => {
  const got = []
  await pipeline(
    Readable.from(notes),
    new protobuf.DelimitedEncoder(Note),
    new PassThrough(),
    new protobuf.DelimitedDecoder(Note),
    async (stream) => {
      for await (const note of stream) got.push(note)
    },
  )
  assert.deepStrictEqual(got, expected)
  const failing = new protobuf.DelimitedEncoder(Note)
  const error = new Promise((resolve) => failing.on('error', resolve))
  failing.write({ id: 'x' })
  assert.strictEqual((await error).code, 'ERR_INVALID_ARG_TYPE')
})

test('leaving the loop closes the source stream', async () => {
  const source = Readable.from([bytes, bytes], { objectMode: false })
  for await (const note of protobuf.decodeStream(Note, source)) {
    assert.deepStrictEqual(note, expected[0])
    break
  }
  assert.strictEqual(source.destroyed, true)
  await assert.rejects(collect(protobuf.decodeStream(Note, ['text'])), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('a reader slower than its source gets everything, one message a chunk', async () => {
  const bytes = protobuf.encodeDelimited(Note, { text: 'a' })
  for (const size of [1, 2, 16, 17, 100]) {
    const source = Readable.from(Array(1000).fill(Buffer.concat(Array(size).fill(bytes))))
    const decoder = source.pipe(new protobuf.DelimitedDecoder(Note))
    let count = 0
    for await (const { text } of decoder) {
      assert.strictEqual(text, 'a')
      // Long enough for everything between the two to fill up.
      if (++count % 400 === 10) for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    }
    assert.strictEqual(count, 1000 * size)
  }
})

test('the decoder checks its options', () => {
  assert.throws(() => new protobuf.DelimitedDecoder(Note, null), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => new protobuf.DelimitedDecoder(Note, { maxSize: '1' }), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('the object side is always in object mode', async () => {
  const decoder = new protobuf.DelimitedDecoder(Note, { objectMode: true })
  assert.throws(() => decoder.write({}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.strictEqual(decoder.destroyed, false)
  const encoder = new protobuf.DelimitedEncoder(Note, { objectMode: true })
  assert.deepStrictEqual([encoder.readableObjectMode, encoder.writableObjectMode], [false, true])
  assert.deepStrictEqual([decoder.readableObjectMode, decoder.writableObjectMode], [true, false])
  for (const note of notes) encoder.write(note)
  encoder.end()
  assert.deepStrictEqual(await collect(encoder.pipe(decoder)), expected)
})
