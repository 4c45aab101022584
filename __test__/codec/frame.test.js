'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { pipeline } = require('node:stream/promises')
const { Readable } = require('node:stream')
const { randomBytes } = require('node:crypto')
const { codec } = require('../../index.js')

const prefixes = { u8: 1, u16le: 2, u16be: 2, u24le: 3, u24be: 3, u32le: 4, u32be: 4 }

/** The naive twin: joins everything first. */
function splitAll(bytes, prefix) {
  const size = prefixes[prefix]
  const frames = []
  let at = 0
  while (bytes.length - at >= size) {
    const length = prefix.endsWith('le') ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
    if (bytes.length - at - size < length) break
    frames.push(bytes.subarray(at + size, at + size + length))
    at += size + length
  }
  return { frames, left: bytes.length - at }
}

test('encode writes the length before the bytes', () => {
  const body = Buffer.from('abc')
  assert.equal(codec.frame.encode(body).toString('hex'), '00000003616263')
  assert.equal(codec.frame.encode(body, { prefix: 'u24le' }).toString('hex'), '030000616263')
  assert.equal(codec.frame.encode(new Uint8Array(0), { prefix: 'u8' }).toString('hex'), '00')
  assert.equal(codec.frame.encode(Buffer.alloc(255), { prefix: 'u8' }).length, 256)
  assert.throws(() => codec.frame.encode(Buffer.alloc(256), { prefix: 'u8' }), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => codec.frame.encode('abc'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => codec.frame.encode(body, { prefix: 'u64be' }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => codec.frame.encode(body, null), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('an option that there is not is refused, by its name and with the one that was meant', () => {
  const { FrameDecoder, FrameStream, frame } = codec
  const refused = (message) => ({ name: 'TypeError', code: 'IRONWIRE_UNKNOWN_OPTION', message })
  assert.throws(() => frame.encode(Buffer.alloc(1), { prefx: 'u8' }), refused(/"options\.prefx".*"prefix"/))
  assert.throws(() => new FrameDecoder({ maxLenght: 5 }), refused(/"options\.maxLenght".*"maxLength"/))
  assert.throws(() => new FrameStream({ maxLength: 5, highwaterMark: 5 }), refused(/"highWaterMark"/))
  for (const name of ['transform', 'flush', 'read', 'write', 'writev', 'final']) {
    assert.throws(() => new FrameStream({ [name]() {} }), refused(new RegExp(`options.${name}`)))
  }
  assert.throws(() => new FrameStream(null), { code: 'ERR_INVALID_ARG_TYPE' })
  const options = { objectMode: true, highWaterMark: 3, signal: new AbortController().signal, emitClose: true }
  assert.equal(new FrameStream({ ...options, prefix: 'u8' }).writableObjectMode, false)
  assert.equal(new FrameDecoder({ prefix: undefined, other: undefined }).buffered, 0)
})

test('bytes that are gone are an error, not a frame of nothing; a false length brings out no memory of others', () => {
  const gone = new Uint8Array(5)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  assert.throws(() => codec.frame.encode(gone), { code: 'ERR_INVALID_ARG_VALUE', message: /"body".*detached/ })
  assert.throws(() => new codec.FrameDecoder().push(gone), { code: 'ERR_INVALID_ARG_VALUE', message: /"chunk"/ })
  const liar = Object.defineProperty(Buffer.from('abc'), 'length', { value: 1000 })
  assert.equal(codec.frame.encode(liar, { prefix: 'u8' }).toString('latin1'), '\x03abc')
  const foreign = require('node:vm').runInNewContext('new Uint8Array([1, 7])')
  assert.deepEqual([...new codec.FrameDecoder({ prefix: 'u8' }).push(foreign)[0]], [7])
  for (const fake of [Object.create(Buffer.prototype), Object.create(Uint8Array.prototype)]) {
    assert.throws(() => codec.readUInt8(fake), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => codec.readUIntLE(fake, 0, 3), { code: 'ERR_INVALID_ARG_TYPE' })
  }
})

for (const prefix of Object.keys(prefixes)) {
  test(`${prefix}: any cutting gives the same frames`, () => {
    for (let round = 0; round < 60; round++) {
      const bodies = Array.from({ length: 1 + (round % 12) }, () => randomBytes(Math.floor(Math.random() ** 3 * 256)))
      const whole = Buffer.concat(bodies.map((body) => codec.frame.encode(body, { prefix })))
      const bytes = whole.subarray(0, whole.length - (round % 3))
      const decoder = new codec.FrameDecoder({ prefix })
      const frames = []
      let at = 0
      while (at < bytes.length) {
        const end = Math.min(bytes.length, at + (round % 4 === 0 ? 1 : 1 + Math.floor(Math.random() * 300)))
        frames.push(...decoder.push(bytes.subarray(at, end)))
        at = end
      }
      const expected = splitAll(bytes, prefix)
      assert.deepEqual(frames, expected.frames)
      assert.equal(decoder.buffered, expected.left)
      if (expected.left === 0) decoder.end()
      else assert.throws(() => decoder.end(), { code: 'IRONWIRE_FRAME_INCOMPLETE' })
    }
  })
}

test('split at every byte', () => {
  const bytes = Buffer.concat(['', 'a', 'bc', ''].map((text) => codec.frame.encode(Buffer.from(text))))
  for (let cut = 0; cut <= bytes.length; cut++) {
    const decoder = new codec.FrameDecoder()
    const frames = [...decoder.push(bytes.subarray(0, cut)), ...decoder.push(bytes.subarray(cut))]
    assert.deepEqual(frames.map(String), ['', 'a', 'bc', ''])
  }
})

test('a frame that came in one chunk is a view of it', () => {
  const chunk = codec.frame.encode(Buffer.from('view'))
  const [frame] = new codec.FrameDecoder().push(chunk)
  assert.equal(frame.buffer, chunk.buffer)
  const [other] = new codec.FrameDecoder().push(new Uint8Array(chunk))
  assert.ok(Buffer.isBuffer(other))
})

test('a length above the limit is refused before its bytes come', () => {
  const decoder = new codec.FrameDecoder({ maxLength: 10 })
  const good = codec.frame.encode(Buffer.alloc(10, 'x'))
  const bad = Buffer.from('0000000b', 'hex')
  assert.throws(
    () => decoder.push(Buffer.concat([good, bad])),
    (error) => {
      assert.equal(error.code, 'IRONWIRE_FRAME_TOO_LARGE')
      assert.match(error.message, /11 bytes is above the limit of 10/)
      assert.deepEqual(error.frames.map(String), ['xxxxxxxxxx'])
      return true
    },
  )
  assert.throws(() => decoder.push(good), { code: 'IRONWIRE_FRAME_TOO_LARGE' })
  assert.throws(() => decoder.end(), { code: 'IRONWIRE_FRAME_TOO_LARGE' })
  assert.throws(() => new codec.FrameDecoder().push(Buffer.from('01000001', 'hex')), {
    code: 'IRONWIRE_FRAME_TOO_LARGE',
  })
})

test('an announced length allocates nothing, a trickle no more than its bytes', () => {
  const decoder = new codec.FrameDecoder({ maxLength: 2 ** 32 - 1 })
  const before = process.memoryUsage().arrayBuffers
  decoder.push(Buffer.from('ffffffff', 'hex'))
  for (let i = 0; i < 100_000; i++) decoder.push(Buffer.from([i & 255]))
  assert.equal(decoder.buffered, 100_004)
  assert.ok(process.memoryUsage().arrayBuffers - before < 4_000_000)
})

test('options are checked', () => {
  for (const options of [
    { prefix: 'u64' },
    { prefix: 5 },
    { maxLength: -1 },
    { maxLength: 1.5 },
    { maxLength: '5' },
    { prefix: 'u8', maxLength: 256 },
    5,
    null,
  ]) {
    assert.throws(() => new codec.FrameDecoder(options), { code: /^ERR_/ })
  }
  assert.throws(() => new codec.FrameDecoder().push('text'), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('as a stream: a Buffer per frame, and its errors', async () => {
  const bodies = Array.from({ length: 200 }, () => randomBytes(Math.floor(Math.random() * 5000)))
  const bytes = Buffer.concat(bodies.map((body) => codec.frame.encode(body)))
  const chunks = []
  for (let at = 0; at < bytes.length; at += 1777) chunks.push(bytes.subarray(at, at + 1777))
  const stream = Readable.from(chunks).pipe(new codec.FrameStream())
  const frames = []
  for await (const frame of stream) frames.push(frame)
  assert.deepEqual(frames, bodies)

  const end = (source, options) =>
    pipeline(Readable.from(source), new codec.FrameStream(options), async (frames) => {
      for await (const frame of frames) assert.ok(Buffer.isBuffer(frame))
      return 'end'
    }).catch((error) => error.code)
  const ok = codec.frame.encode(Buffer.from('ok'))
  assert.equal(await end([ok, ok]), 'end')
  assert.equal(await end([ok, ok.subarray(0, 5)]), 'IRONWIRE_FRAME_INCOMPLETE')
  assert.equal(await end([ok, codec.frame.encode(Buffer.alloc(9))], { maxLength: 8 }), 'IRONWIRE_FRAME_TOO_LARGE')
})

test('framing on a socket of net', async (t) => {
  const { net } = require('../../index.js')
  const { once } = require('node:events')
  const server = net.createServer((socket) => {
    const frames = socket.pipe(new codec.FrameStream({ prefix: 'u16be' }))
    frames.on('data', (frame) => socket.write(codec.frame.encode(frame.reverse(), { prefix: 'u16be' })))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect(server.address().port, '127.0.0.1')
  t.after(() => {
    socket.destroy()
    server.close()
  })
  const replies = socket.pipe(new codec.FrameStream({ prefix: 'u16be' }))
  for (const word of ['abc', '', 'xy']) socket.write(codec.frame.encode(Buffer.from(word), { prefix: 'u16be' }))
  const seen = []
  for await (const reply of replies) {
    seen.push(String(reply))
    if (seen.length === 3) break
  }
  assert.deepEqual(seen, ['cba', '', 'yx'])
})
