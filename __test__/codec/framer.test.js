'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { pipeline } = require('node:stream/promises')
const { PassThrough, Readable } = require('node:stream')
const { randomBytes } = require('node:crypto')
const { setImmediate } = require('node:timers/promises')
const v8 = require('node:v8')
const { runInNewContext } = require('node:vm')
const { codec, net } = require('../../index.js')

const random = (n) => Math.floor(Math.random() * n)

/** Framings, what they may carry, and a frame written in the plainest way: a twin of the encoder. */
const lengths = ['u8', ...[16, 24, 32, 40, 48, 56, 64].flatMap((bits) => [`u${bits}be`, `u${bits}le`])]
function lengthBytes(length, value) {
  if (length === 'varint') {
    const bytes = []
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
    return Buffer.from([...bytes, value])
  }
  const bytes = Buffer.alloc(Number.parseInt(length.slice(1), 10) / 8)
  let left = BigInt(value)
  for (let i = 0; i < bytes.length; i++, left >>= 8n)
    bytes[length.endsWith('le') ? i : bytes.length - 1 - i] = Number(left & 255n)
  return bytes
}

function byLength(options) {
  const { length, counts = 'message', offset = 0, gap = 0, trailer = 0 } = options
  return {
    options,
    message: () => randomBytes(random(3) === 0 ? 0 : random(200)),
    frame(message) {
      const rest = gap + message.length + trailer
      let prefix = lengthBytes(length, counts === 'message' ? message.length : rest)
      if (counts === 'frame') {
        for (let own = 1; ; own++) {
          prefix = lengthBytes(length, offset + own + rest)
          if (prefix.length === own) break
        }
      }
      return Buffer.concat([Buffer.alloc(offset), prefix, Buffer.alloc(gap), message, Buffer.alloc(trailer)])
    },
  }
}

const framings = [
  ...[...lengths, 'varint'].map((length) => byLength({ length })),
  byLength({ length: 'u16be', counts: 'rest', offset: 3, gap: 2, trailer: 4 }),
  byLength({ length: 'u32le', counts: 'frame', offset: 1, gap: 1, trailer: 1 }),
  byLength({ length: 'varint', counts: 'frame', offset: 2 }),
  ...['\n', '\r\n', '--=--'].map((delimiter) => ({
    options: { delimiter },
    message: () => Buffer.from(randomBytes(random(60)).toString('base64')),
    frame: (message) => Buffer.concat([message, Buffer.from(delimiter)]),
  })),
  { options: { size: 7 }, message: () => randomBytes(7), frame: (message) => message },
  {
    options: { stuffing: 'slip' },
    message: () =>
      Buffer.from(Array.from({ length: 1 + random(300) }, () => [0, 0xc0, 0xdb, 0xdc, 0xdd][random(6)] ?? 7)),
    frame: (message) =>
      Buffer.from([
        0xc0,
        ...[...message].flatMap((byte) => (byte === 0xc0 ? [0xdb, 0xdc] : byte === 0xdb ? [0xdb, 0xdd] : [byte])),
        0xc0,
      ]),
  },
  {
    options: { stuffing: 'cobs' },
    message: () =>
      Buffer.from(Array.from({ length: random(600) }, () => (random(random(2) ? 3 : 400) ? 1 + random(255) : 0))),
    frame(message) {
      const out = [0]
      let code = 0
      for (const [i, byte] of message.entries()) {
        if (byte !== 0) out.push(byte)
        if (byte === 0 || (out.length - code === 255 && i < message.length - 1)) {
          out[code] = out.length - code
          code = out.push(0) - 1
        }
      }
      out[code] = out.length - code
      return Buffer.from([...out, 0])
    },
  },
]

const title = (options) => JSON.stringify(options)

for (const { options, message, frame } of framings) {
  test(`${title(options)}: encodes like a simple reference, and any split gives the same messages`, () => {
    const framer = codec.framer(options)
    for (let round = 0; round < 40; round++) {
      const messages = Array.from({ length: 1 + random(30) }, message)
      const stream = Buffer.concat(messages.map((each) => frame(each)))
      assert.deepEqual(framer.encodeMany(messages), stream)
      const found = []
      const positions = []
      for (let at = 0; at < stream.length; ) {
        const end = Math.min(stream.length, at + (round % 4 === 0 ? 1 : 1 + random(300)))
        const chunk = stream.subarray(at, end)
        if (round % 2) found.push(...framer.push(chunk))
        else framer.each(chunk, (bytes, start, end) => positions.push(Buffer.from(bytes.subarray(start, end))))
        at = end
      }
      assert.deepEqual(round % 2 ? found : positions, messages)
      assert.equal(framer.held, 0)
      assert.equal(framer.end(), undefined)
    }
  })

  test(`${title(options)}: split at every byte, and truncated at every byte`, () => {
    const messages = Array.from({ length: 4 }, message)
    const stream = Buffer.concat(messages.map((each) => frame(each)))
    const ends = new Set([0])
    for (let at = 0; at <= messages.length; at++)
      ends.add(Buffer.concat(messages.slice(0, at).map((each) => frame(each))).length)
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = codec.framer(options)
      const first = framer.push(stream.subarray(0, cut))
      // An end of SLIP stands before a message too, and is none of it.
      const between = ends.has(cut) || (options.stuffing === 'slip' && ends.has(cut - 1))
      if (between) assert.equal(framer.end(), undefined)
      else {
        const ended = codec.framer(options)
        ended.push(stream.subarray(0, cut))
        assert.throws(() => ended.end(), { code: 'IRONWIRE_FRAME_INCOMPLETE', message: /\d+ bytes after its start/ })
      }
      assert.deepEqual([...first, ...framer.push(stream.subarray(cut))], messages)
    }
  })
}

test('more messages in a chunk than a table has rows', () => {
  const framer = codec.framer({ length: 'u8' })
  const stream = Buffer.alloc(40_000)
  stream[0] = 2
  const messages = framer.push(stream)
  assert.equal(messages.length, 39_998)
  assert.deepEqual(messages[0], Buffer.alloc(2))
  const cobs = codec.framer({ stuffing: 'cobs' })
  assert.equal(cobs.push(Buffer.from('0100'.repeat(10_000), 'hex')).length, 10_000)
})

test('a message that arrived in one chunk is a view of it', () => {
  const framer = codec.framer({ length: 'u32be' })
  const chunk = framer.encode(Buffer.from('view'))
  const [message] = framer.push(chunk)
  assert.equal(message.buffer, chunk.buffer)
  const [other] = framer.push(new Uint8Array(chunk))
  assert.ok(Buffer.isBuffer(other))
  // One that came in pieces has memory of its own, which nothing writes to later.
  const pieces = [chunk.subarray(0, 6), chunk.subarray(6)].flatMap((piece) => framer.push(piece))
  framer.push(chunk.subarray(0, 6))
  framer.push(Buffer.from('xy'))
  assert.deepEqual(pieces.map(String), ['view'])
})

test('strip: false returns whole frames', () => {
  const framer = codec.framer({ length: 'u16be', offset: 1, gap: 1, trailer: 2, strip: false })
  const frame = framer.encode(Buffer.from('(--,body!)'))
  assert.equal(frame.toString('latin1'), '(\0\x04,body!)')
  for (const chunk of [frame, Buffer.concat([frame, frame])]) {
    assert.deepEqual(framer.push(chunk), Array(chunk.length / frame.length).fill(frame))
  }
  assert.deepEqual(
    [...frame].flatMap((byte) => framer.push(Buffer.from([byte]))),
    [frame],
  )
  assert.throws(() => framer.encode(Buffer.alloc(5)), { code: 'ERR_OUT_OF_RANGE' })
  const lines = codec.framer({ delimiter: '\r\n', strip: false })
  assert.deepEqual(lines.push(Buffer.from('a\r\n\r\nb')).map(String), ['a\r\n', '\r\n'])
  assert.equal(String(lines.encode(Buffer.from('a\r\n'))), 'a\r\n')
  assert.throws(() => lines.encode(Buffer.from('a')), { code: 'ERR_INVALID_ARG_VALUE' })
})

test('messages that cannot be framed are refused', () => {
  const refused = (options, message, code) =>
    assert.throws(() => codec.framer(options).encode(Buffer.from(message)), { code })
  refused({ length: 'u8' }, 'x'.repeat(256), 'ERR_OUT_OF_RANGE')
  refused({ length: 'u32be', maxLength: 3 }, 'four', 'ERR_OUT_OF_RANGE')
  refused({ size: 3 }, 'four', 'ERR_OUT_OF_RANGE')
  refused({ delimiter: '\n' }, 'a\nb', 'ERR_INVALID_ARG_VALUE')
  // The message's end and the delimiter's beginning are one, too.
  refused({ delimiter: 'aa' }, 'xa', 'ERR_INVALID_ARG_VALUE')
  refused({ stuffing: 'slip' }, '', 'ERR_INVALID_ARG_VALUE')
  refused({ stuffing: 'cobs', maxLength: 3 }, 'four', 'ERR_OUT_OF_RANGE')
  for (const message of ['text', 5, null, [1]]) {
    assert.throws(() => codec.framer({ length: 'u8' }).encode(message), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.throws(() => codec.framer({ length: 'u8' }).push(message), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  assert.throws(() => codec.framer({ length: 'u8' }).encodeMany(5), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('invalid options throw, and an unknown one is named', () => {
  for (const options of [
    {},
    { length: 'u32be', size: 4 },
    { length: 'u12be' },
    { length: 'u16' },
    { length: 5 },
    { length: 'u8', maxLength: 256 },
    { length: 'u8', counts: 'all' },
    { length: 'u8', counts: 'frame', offset: 255 },
    { length: 'u8', offset: -1 },
    { length: 'u8', gap: 65_536 },
    { length: 'u32be', maxLength: 1.5 },
    { length: 'u32be', maxLength: '5' },
    { length: 'u32be', strip: 1 },
    { delimiter: '' },
    { delimiter: Buffer.alloc(257) },
    { delimiter: 5 },
    { size: 0 },
    { size: 2 ** 31 },
    { stuffing: 'hdlc' },
    5,
    null,
  ]) {
    assert.throws(
      () => codec.framer(options),
      { code: /^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/ },
      title(options),
    )
  }
  const refused = (options, message) =>
    assert.throws(() => codec.framer(options), { name: 'TypeError', code: 'IRONWIRE_UNKNOWN_OPTION', message })
  refused({ length: 'u8', maxLenght: 5 }, /"options\.maxLenght".*"maxLength"/)
  refused({ size: 4, maxLength: 5 }, /options\.maxLength/)
  refused({ stuffing: 'cobs', strip: false }, /options\.strip/)
  const framer = codec.framer({ length: 'u8' })
  for (const name of ['transform', 'flush', 'read', 'write', 'final']) {
    assert.throws(() => framer.decoder({ [name]() {} }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  }
})

test('a length above the limit is refused before its bytes arrive, after the messages before it', () => {
  const framer = codec.framer({ length: 'u32be', maxLength: 10 })
  const good = framer.encode(Buffer.alloc(10, 'x'))
  const bad = Buffer.from('0000000b', 'hex')
  const tooLarge = (error) => {
    assert.equal(error.code, 'IRONWIRE_FRAME_TOO_LARGE')
    assert.match(error.message, /11 bytes is above the limit of 10/)
    return true
  }
  assert.throws(
    () => framer.push(Buffer.concat([good, bad])),
    (error) => {
      assert.deepEqual(error.messages.map(String), ['xxxxxxxxxx'])
      return tooLarge(error)
    },
  )
  assert.throws(() => framer.push(good), tooLarge)
  assert.throws(() => framer.end(), tooLarge)
  framer.reset()
  assert.equal(framer.push(good).length, 1)
  const seen = []
  assert.throws(
    () => framer.each(Buffer.concat([good, good, bad]), (_bytes, start, end) => seen.push(end - start)),
    tooLarge,
  )
  assert.deepEqual(seen, [10, 10])
  // A byte at a time, too.
  framer.reset()
  for (const byte of bad.subarray(0, 3)) framer.push(Buffer.from([byte]))
  assert.throws(() => framer.push(bad.subarray(3)), tooLarge)

  for (const [options, bytes] of [
    [{ delimiter: '\n', maxLength: 3 }, 'four'],
    [{ stuffing: 'cobs', maxLength: 3 }, '\x05four'],
    [{ stuffing: 'slip', maxLength: 3 }, 'four'],
    [{ length: 'u64le' }, '\xff'.repeat(8)],
  ]) {
    assert.throws(() => codec.framer(options).push(Buffer.from(bytes, 'latin1')), { code: 'IRONWIRE_FRAME_TOO_LARGE' })
  }
})

test('an invalid stream is an error', () => {
  for (const [options, hex, message] of [
    [{ length: 'u8', counts: 'frame', trailer: 2 }, '02', /length is 2, but it must be at least 3/],
    [{ length: 'varint' }, '80'.repeat(11), /ten bytes/],
    [{ stuffing: 'cobs' }, '0500', /^Not valid COBS/],
    [{ stuffing: 'slip' }, 'db01', /^Not valid SLIP: .* 0x01 /],
  ]) {
    const framer = codec.framer(options)
    assert.throws(() => framer.push(Buffer.from(hex, 'hex')), { code: 'IRONWIRE_FRAME_INVALID', message })
    assert.throws(() => framer.push(Buffer.alloc(0)), { code: 'IRONWIRE_FRAME_INVALID' })
  }
})

test('unterminated: the last line without its delimiter is a message', () => {
  const framer = codec.framer({ delimiter: '\n', unterminated: true })
  assert.deepEqual(framer.push(Buffer.from('a\nb')).map(String), ['a'])
  assert.equal(String(framer.end()), 'b')
  assert.equal(framer.end(), undefined)
})

test('an announced length allocates nothing, and slow input no more than its bytes', () => {
  const framer = codec.framer({ length: 'u32be', maxLength: 2 ** 30 })
  const before = process.memoryUsage().rss
  framer.push(Buffer.from('3fffffff', 'hex'))
  for (let i = 0; i < 100_000; i++) framer.push(Buffer.from([i & 255]))
  assert.equal(framer.held, 100_004)
  assert.ok(process.memoryUsage().rss - before < 2 ** 28)
})

for (const framing of [{ length: 'u32be' }, { delimiter: '\n' }, { stuffing: 'slip' }]) {
  test(`${title(framing)}: V8 knows the memory of framers, and collects unused ones in time`, async (t) => {
    const functions = require('../../lib/codec/native.js')()
    const { framer, framerDrop } = functions
    const made = new Set()
    let dropped = 0
    t.after(() => Object.assign(functions, { framer, framerDrop }))
    functions.framer = (options) => {
      const id = framer(options)
      made.add(id)
      return id
    }
    functions.framerDrop = (id) => {
      dropped += made.has(id)
      framerDrop(id)
    }
    const chunk = Buffer.alloc(2 ** 23)
    // Four gigabytes, if V8 did not.
    for (let i = 0; i < 500 && dropped === 0; i++) {
      const each = codec.framer(framing)
      each.push(Buffer.from('00ffffff', 'hex'))
      each.push(chunk)
      await setImmediate()
    }
    assert.ok(dropped > 0)
  })
}

test('unused framers are freed', async () => {
  const functions = require('../../lib/codec/native.js')()
  const { framerDrop } = functions
  const dropped = new Set()
  functions.framerDrop = (id) => {
    dropped.add(id)
    framerDrop(id)
  }
  try {
    const made = 2000
    for (let i = 0; i < made; i++) codec.framer({ delimiter: 'x'.repeat(200) }).push(Buffer.from('abc'))
    v8.setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    for (let i = 0; i < 100 && dropped.size < made / 2; i++) {
      gc()
      await setImmediate()
    }
    assert.ok(dropped.size >= made / 2, `${dropped.size} of ${made}`)
  } finally {
    functions.framerDrop = framerDrop
  }
})

test('a callback that throws or is reentrant affects its own chunk only', () => {
  const framer = codec.framer({ length: 'u8' })
  const chunk = framer.encodeMany(Array.from({ length: 5000 }, (_, i) => Buffer.from([i & 255])))
  let calls = 0
  assert.throws(() => framer.each(chunk, () => calls++ === 2 && assert.fail('mine')), /mine/)
  assert.equal(calls, 3)
  assert.equal(framer.push(chunk).length, 5000)
  assert.throws(() => framer.each(chunk, () => framer.push(chunk)), { code: 'ERR_INVALID_ARG_VALUE' })
  const other = codec.framer({ length: 'u8' })
  let inner = 0
  framer.each(chunk.subarray(0, 200), () => (inner += other.push(chunk.subarray(0, 200)).length))
  assert.equal(inner, 100 * 100)
})

test('detached bytes are an error; a false length exposes no other memory', () => {
  const framer = codec.framer({ length: 'u8' })
  const gone = new Uint8Array(5)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  assert.throws(() => framer.encode(gone), { code: 'ERR_INVALID_ARG_VALUE', message: /"message".*detached/ })
  assert.throws(() => framer.push(gone), { code: 'ERR_INVALID_ARG_VALUE', message: /"chunk"/ })
  const liar = Object.defineProperty(Buffer.from('\x02abc'), 'length', { value: 1000 })
  assert.deepEqual(framer.push(liar).map(String), ['ab'])
  framer.reset()
  const foreign = require('node:vm').runInNewContext('new Uint8Array([1, 7])')
  assert.deepEqual([...framer.push(foreign)[0]], [7])
})

test('streams: one Buffer per message, errors, backpressure', async () => {
  const framer = codec.framer({ length: 'u32be' })
  const messages = Array.from({ length: 200 }, () => randomBytes(random(5000)))
  const found = []
  await pipeline(Readable.from(messages), framer.encoder(), new PassThrough(), framer.decoder(), async (stream) => {
    for await (const message of stream) found.push(message)
  })
  assert.deepEqual(found, messages)
  const bytes = framer.encodeMany(messages)
  const chunks = []
  for (let at = 0; at < bytes.length; at += 1777) chunks.push(bytes.subarray(at, at + 1777))
  assert.deepEqual((await Array.fromAsync?.(framer.decode(chunks))) ?? messages, messages)

  const end = (source, options) =>
    pipeline(Readable.from(source), codec.framer({ length: 'u32be', ...options }).decoder(), async (stream) => {
      for await (const message of stream) assert.ok(Buffer.isBuffer(message))
      return 'end'
    }).catch((error) => error.code)
  const ok = framer.encode(Buffer.from('ok'))
  assert.equal(await end([ok, ok]), 'end')
  assert.equal(await end([ok, ok.subarray(0, 5)]), 'IRONWIRE_FRAME_INCOMPLETE')
  assert.equal(await end([ok, framer.encode(Buffer.alloc(9))], { maxLength: 8 }), 'IRONWIRE_FRAME_TOO_LARGE')

  // No more messages are made than the reader has room for.
  const slow = framer.decoder({ readableHighWaterMark: 4 })
  slow.write(framer.encodeMany(Array(1000).fill(Buffer.from('x'))))
  assert.ok(slow.readableLength <= 4)
  let count = 0
  slow.end()
  for await (const _message of slow) count++
  assert.equal(count, 1000)

  const bad = framer.encoder()
  bad.write('text')
  assert.equal((await once(bad, 'error'))[0].code, 'ERR_INVALID_ARG_TYPE')
})

test('iterators: leaving early closes the source', async () => {
  const framer = codec.framer({ delimiter: '\n' })
  const source = Readable.from([Buffer.from('a\nb\n'), Buffer.from('c\n')])
  for await (const message of framer.decode(source)) if (String(message) === 'b') break
  assert.ok(source.destroyed)
  await assert.rejects(
    async () => {
      for await (const _message of framer.decode([Buffer.from('a')])) assert.fail()
    },
    { code: 'IRONWIRE_FRAME_INCOMPLETE' },
  )
})

for (const [name, module] of [
  ['ironwire', net],
  ['node:net, by framer.over', require('node:net')],
]) {
  const over = (socket, options) => (socket.frames ? socket.frames(options) : codec.framer(options).over(socket))

  test(`a socket of ${name} as a stream of messages`, async (t) => {
    const framing = { length: 'u16be', maxLength: 1000 }
    const errors = []
    const server = module.createServer((socket) => {
      const messages = over(socket, framing)
      assert.equal(messages.stream, socket)
      messages.on('data', (message) => messages.write(Buffer.from(message).reverse()))
      messages.on('error', (error) => errors.push(error.code))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const connect = () => module.connect(server.address().port, '127.0.0.1')

    const messages = over(connect(), framing)
    const words = Array.from({ length: 500 }, (_, i) => `word ${i}`)
    for (const word of words) messages.write(Buffer.from(word))
    messages.end()
    const found = []
    for await (const message of messages) found.push(String(message))
    assert.deepEqual(
      found,
      words.map((word) => [...word].reverse().join('')),
    )
    assert.ok(messages.stream.destroyed || messages.stream.readableEnded)

    // What is no message ends the connection, on the side that sees it.
    const raw = connect()
    raw.on('error', () => {})
    raw.write(Buffer.from('ffff', 'hex'))
    raw.resume()
    await once(raw, 'close')
    assert.deepEqual(errors, ['IRONWIRE_FRAME_TOO_LARGE'])

    // A connection that is not there is an error of the messages, too.
    const refused = over(module.connect(1, '127.0.0.1'), framing)
    const [error] = await once(refused, 'error')
    assert.equal(error.code, 'ECONNREFUSED')
  })

  test(`late answers reach a peer of ${name} that has ended its side`, async (t) => {
    const framing = { length: 'u16be' }
    const server = module.createServer(async (socket) => {
      const messages = over(socket, framing)
      assert.throws(() => over(socket, framing), { code: 'ERR_INVALID_ARG_VALUE', message: /already/ })
      for await (const message of messages) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        messages.write(message)
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const messages = over(
      module.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true }),
      framing,
    )
    for (const word of ['one', 'two', 'three']) messages.write(Buffer.from(word))
    messages.end()
    const found = []
    for await (const message of messages) found.push(String(message))
    assert.deepEqual(found, ['one', 'two', 'three'])
  })

  test(`backpressure: a slow reader of ${name} holds the peer back`, async (t) => {
    const framing = { length: 'u32be' }
    let reading
    const server = module.createServer((socket) => {
      reading = over(socket, framing)
      reading.on('error', () => {})
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const messages = over(module.connect(server.address().port, '127.0.0.1'), framing)
    t.after(() => {
      messages.destroy()
      reading.destroy()
      server.close()
    })
    messages.on('error', () => {})
    let sent = 0
    const message = Buffer.alloc(65_536)
    await once(messages.stream, 'connect')
    for (let stalled = 0; stalled < 20; ) {
      if (messages.write(message)) sent++
      else {
        const drained = once(messages, 'drain', { signal: AbortSignal.timeout(10) })
        stalled = await drained.then(
          () => 0,
          () => stalled + 1,
        )
      }
      assert.ok(sent < 2000, 'it is never told to wait')
    }
    assert.ok(reading.readableLength <= 17, `${reading.readableLength}`)
    // Once somebody reads, all of it comes.
    let received = 0
    reading.on('data', ({ length }) => (received += length))
    messages.end()
    await once(reading, 'end')
    assert.ok(received >= sent * message.length)
  })
}
