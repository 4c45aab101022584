'use strict'

// Servers that break the rules, or bend them. The state machine's own tests (src/http2/tests) have each kind of frame; here is that a client lives
// through it, and that its requests end.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const test = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { KIND, PREFACE, frame, literal, split, word } = require('./frames.js')
const { core, ours } = require('./support.js')
const { usage } = require('../../lib/engine.js')

const END_STREAM = 1
const END_HEADERS = 4
/** `:status 200`, of the static table. */
const OK = Buffer.from([0x88])
const SETTINGS = frame(KIND.settings, 0, 0)
const ACK = frame(KIND.settings, 1, 0)
const answer = (stream, fields = OK, flags = END_HEADERS) => frame(KIND.headers, flags, stream, fields)

/** A server that says what `script` has for each stream that is opened, and gathers what it is told; for as long as `use` takes. */
async function serve(script, use) {
  const told = []
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    let bytes = Buffer.alloc(0)
    let begun = false
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      if (!begun && bytes.length < PREFACE.length) return
      if (!begun) {
        begun = true
        assert.deepEqual(bytes.subarray(0, PREFACE.length), PREFACE)
        bytes = bytes.subarray(PREFACE.length)
        socket.write(SETTINGS)
      }
      const { frames, rest } = split(bytes)
      bytes = rest
      for (const one of frames) {
        told.push(one)
        if (one.kind === KIND.settings && one.flags === 0) socket.write(ACK)
        if (one.kind === KIND.headers) script(socket, one.stream)
      }
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  try {
    return await use(server.address().port, told)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

/** What becomes of a session and of one request. */
async function visit(module, port, options) {
  const client = module.connect(`http://127.0.0.1:${port}`, options)
  const seen = {}
  const closed = new Promise((resolve) => client.once('close', resolve))
  client.on('error', (error) => {
    seen.session = [error.code, error.message]
  })
  const stream = client.request({ ':method': 'POST' })
  stream.on('response', (headers) => {
    seen.status = headers[':status']
  })
  stream.on('error', (error) => {
    seen.stream = [error.code, error.message]
  })
  const chunks = []
  stream.on('data', (chunk) => chunks.push(chunk))
  await new Promise((resolve) => stream.on('close', resolve))
  client.destroy()
  await closed
  return { ...seen, body: String(Buffer.concat(chunks)), code: stream.rstCode }
}

/** What ends the request alone, and what the whole session. */
const wrong = {
  'DATA before the response': (stream) => frame(KIND.data, 0, stream, Buffer.from('x')),
  'DATA without a stream': () => frame(KIND.data, 0, 0),
  'a response on a stream that was never opened': () => answer(99),
  'a stream that it opened itself': () => answer(2),
  'a response without a status': (stream) => answer(stream, literal('a', 'b')),
  'an invalid status': (stream) => answer(stream, literal(':status', 'xyz')),
  'a status twice': (stream) => answer(stream, Buffer.concat([OK, OK])),
  'a name in upper case': (stream) => answer(stream, Buffer.concat([OK, literal('A', 'b')])),
  'a connection-specific field': (stream) => answer(stream, Buffer.concat([OK, literal('connection', 'close')])),
  'a header block that cannot be decoded': (stream) =>
    answer(stream, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
  'CONTINUATION without HEADERS': (stream) => frame(KIND.continuation, 4, stream, OK),
  'a window update of 0': () => frame(KIND.window, 0, 0, word(0)),
  'a window that is too large': () => Buffer.concat([1, 2].map(() => frame(KIND.window, 0, 0, word(0x7fffffff)))),
  'invalid settings': () => frame(KIND.settings, 0, 0, Buffer.from([0, 5, 0, 0, 0, 0])),
  'settings on a stream': (stream) => frame(KIND.settings, 0, stream),
  'a push although it was refused': (stream) =>
    frame(KIND.push, 4, stream, Buffer.concat([word(2), Buffer.from([0x82, 0x86, 0x84])])),
  'a frame that is too long': (stream) => frame(KIND.data, 0, stream, Buffer.alloc(20_000)),
  'a ping of the wrong size': () => frame(KIND.ping, 0, 0, word(1)),
}

const ENDS_STREAM = new Set([
  'DATA before the response',
  'a response without a status',
  'an invalid status',
  'a status twice',
  'a name in upper case',
  'a connection-specific field',
])

for (const [name, make] of Object.entries(wrong)) {
  test(`a server sends ${name}`, async () => {
    const script = (socket, stream) => socket.write(make(stream))
    const found = await serve(script, (port, told) =>
      visit(ours, port, { settings: { enablePush: false } }).then((seen) => ({ ...seen, told })),
    )
    if (ENDS_STREAM.has(name)) {
      assert.deepEqual(found.stream, ['ERR_HTTP2_STREAM_ERROR', 'Stream closed with error code NGHTTP2_PROTOCOL_ERROR'])
      assert.equal(found.session, undefined)
      assert.ok(found.told.some(({ kind, payload }) => kind === KIND.reset && payload.readUInt32BE() === 1))
    } else {
      assert.deepEqual([found.stream, found.session], Array(2).fill(['ERR_HTTP2_ERROR', 'Protocol error']))
    }
  })
}

test('responses can be split anywhere', async () => {
  const whole = (stream) =>
    Buffer.concat([
      answer(stream, Buffer.concat([literal(':status', '103'), literal('link', '</a>')])),
      frame(KIND.headers, 0, stream, OK),
      frame(KIND.continuation, END_HEADERS, stream, literal('x-a', 'b')),
      frame(KIND.data, 0, stream, Buffer.from('some ')),
      frame(KIND.data, 8, stream, Buffer.from('\x02text\0\0')),
      frame(KIND.headers, END_HEADERS | END_STREAM, stream, literal('x-t', 'u')),
    ])
  const script = async (socket, stream) => {
    for (const octet of whole(stream)) {
      socket.write(Buffer.from([octet]))
      await turn()
    }
    socket.write(frame(KIND.reset, 0, stream, word(0)))
  }
  assert.deepEqual(await serve(script, (port) => visit(ours, port)), { status: 200, body: 'some text', code: 0 })
})

test('a server ends with GOAWAY, and unprocessed requests fail', async () => {
  const script = (socket, stream) => {
    if (stream < 5) return
    socket.write(frame(KIND.goaway, 0, 0, Buffer.concat([word(3), word(0), Buffer.from('why')])))
    for (const id of [1, 3]) socket.write(answer(id, OK, END_HEADERS | END_STREAM))
  }
  const run = (module) =>
    serve(script, async (port) => {
      const client = module.connect(`http://127.0.0.1:${port}`)
      const goodbye = once(client, 'goaway')
      const ends = [1, 2, 3].map(() => {
        const stream = client.request()
        stream.resume()
        let failure
        stream.on('error', (error) => {
          failure = error.message
        })
        return new Promise((resolve) => stream.on('close', () => resolve([stream.rstCode, failure])))
      })
      const closed = once(client, 'close')
      const [code, last, data] = await goodbye
      const results = await Promise.all(ends)
      const state = [client.goawayCode, client.goawayLastStreamID]
      await closed
      return [code, last, String(data), results, state]
    })
  const expected = await run(core)
  assert.deepEqual(expected[3], [
    [0, undefined],
    [0, undefined],
    [7, 'Stream closed with error code NGHTTP2_REFUSED_STREAM'],
  ])
  assert.deepEqual(await run(ours), expected)
})

test('a server that disconnects without GOAWAY', async () => {
  for (const end of ['end', 'destroy']) {
    const script = (socket) => socket[end]()
    const run = (module) => serve(script, (port) => visit(module, port))
    const { stream, session, code } = await run(ours)
    const expected = await run(core)
    assert.deepEqual([session, stream?.[0], code], [expected.session, expected.stream?.[0], expected.code], end)
  }
  // Whether a reset is an error depends on who hears of it first, who reads or who writes.
  const { stream, session } = await serve(
    (socket) => socket.resetAndDestroy(),
    (port) => visit(ours, port),
  )
  assert.equal(stream?.[0], session?.[0])
  assert.ok(session === undefined || session[0] === 'ECONNRESET', `${session}`)
})

const floods = {
  pings: () => frame(KIND.ping, 0, 0, Buffer.alloc(8)),
  settings: () => SETTINGS,
  'empty data': (stream) => frame(KIND.data, 0, stream),
  'informational responses': (stream) => answer(stream, literal(':status', '103')),
  origins: () => frame(KIND.origin, 0, 0),
  'frames of an unknown type': () => frame(99, 0, 0),
  'window updates that are not needed': () => frame(KIND.window, 0, 0, word(1)),
}

for (const [name, make] of Object.entries(floods)) {
  test(`a flood of ${name}`, async () => {
    const script = (socket, stream) => {
      if (name === 'empty data') socket.write(answer(stream))
      const many = Buffer.concat(Array.from({ length: 200 }, () => make(stream)))
      const go = () => {
        while (!socket.destroyed && socket.write(many));
      }
      socket.on('drain', go)
      socket.on('end', () => socket.destroy())
      go()
    }
    await serve(script, async (port, told) => {
      const { session } = await visit(ours, port)
      assert.equal(session[0], 'ERR_HTTP2_ERROR')
      const goodbye = told.find(({ kind }) => kind === KIND.goaway)
      // It may have been gone before it could read that.
      if (goodbye !== undefined) assert.equal(goodbye.payload.readUInt32BE(4), 11)
    })
  })
}

test('header lists that are too large end their stream, also if they were compressed', async () => {
  // An entry of the table, 4000 bytes long, and many mentions of it.
  const entry = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'x')])
  const bomb = Buffer.concat([OK, entry, Buffer.alloc(9000, 0xbe)])
  const script = (socket, stream) => socket.write(answer(stream, bomb))
  const { stream, session } = await serve(script, (port) => visit(ours, port))
  assert.deepEqual([stream[1], session], ['Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM', undefined])
  const pairs = Buffer.concat([OK, ...Array.from({ length: 40 }, () => literal('a', 'b'))])
  const many = (socket, id) => socket.write(answer(id, pairs))
  const limited = await serve(many, (port) => visit(ours, port, { maxHeaderListPairs: 20 }))
  assert.equal(limited.stream[1], 'Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM')
})

test('pushes are limited, and an invalid one ends only itself', async () => {
  const request = Buffer.from([0x82, 0x86, 0x84, 0x01, 0x01, 0x61])
  const script = (socket, stream) => {
    for (let id = 2; id <= 20; id += 2) socket.write(frame(KIND.push, 4, stream, Buffer.concat([word(id), request])))
    socket.write(answer(stream, OK, END_HEADERS | END_STREAM))
    socket.write(frame(KIND.ping, 0, 0, Buffer.alloc(8)))
  }
  await serve(script, async (port, told) => {
    const client = ours.connect(`http://127.0.0.1:${port}`, { maxReservedRemoteStreams: 3 })
    const pushed = []
    client.on('stream', (stream) => pushed.push(stream.on('error', () => {})))
    const stream = client.request()
    stream.resume()
    await Promise.all([once(client, 'ping'), once(stream, 'close')])
    assert.equal(pushed.length, 3)
    const resets = () => told.filter(({ kind }) => kind === KIND.reset).map(({ stream: id }) => id)
    while (resets().length < 7) await turn()
    assert.deepEqual(resets(), [8, 10, 12, 14, 16, 18, 20])
    for (const one of pushed) one.close(8)
    client.close()
    await once(client, 'close')
  })
})

test('the number of origins is limited', async () => {
  const name = (i) => {
    const text = Buffer.from(`https://a${i}.example`)
    return Buffer.concat([word(text.length).subarray(2), text])
  }
  const payload = Buffer.concat(Array.from({ length: 5 }, (_, i) => name(i)))
  // Without TLS nobody's word counts.
  const script = (socket, stream) => {
    socket.write(frame(KIND.origin, 0, 0, payload))
    socket.write(frame(KIND.altsvc, 0, 0, Buffer.from([0])))
    socket.write(frame(KIND.altsvc, 0, 0, Buffer.from([0, 200, 1])))
    socket.write(answer(stream, OK, END_HEADERS | END_STREAM))
    socket.write(frame(KIND.reset, 0, stream, word(0)))
  }
  const found = await serve(script, async (port) => {
    const client = ours.connect(`http://127.0.0.1:${port}`, { maxOriginSetSize: 3 })
    client.on('origin', () => assert.fail('it has no TLS'))
    client.on('altsvc', () => assert.fail('it is cut'))
    const stream = client.request()
    stream.resume()
    await once(stream, 'close')
    client.destroy()
    return stream.rstCode
  })
  assert.equal(found, 0)
})

test('a server that does not read cannot fill the memory', async () => {
  let peer
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    // Windows as wide as can be.
    socket.write(Buffer.concat([frame(KIND.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])), ACK]))
    socket.write(frame(KIND.window, 0, 0, word(0x7fff0000 - 65_535)))
    socket.pause()
    peer = socket
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = ours.connect(`http://127.0.0.1:${server.address().port}`)
  client.on('error', () => {})
  await once(client, 'remoteSettings')
  const stream = client.request({ ':method': 'POST' })
  stream.on('error', () => {})
  const chunk = Buffer.alloc(256 * 1024)
  let written = 0
  // More than any kernel takes.
  while (written < 200 * 1024 * 1024 && stream.write(chunk)) {
    written += chunk.length
    await turn()
  }
  assert.ok(written < 100 * 1024 * 1024, `${written}`)
  const closed = once(client, 'close')
  client.destroy()
  await closed
  peer.destroy()
  await new Promise((resolve) => server.close(resolve))
})

test('the attacks leave nothing behind', async () => {
  while (usage().slots > 0) await turn()
  assert.deepEqual(usage(), { slots: 0, handles: usage().handles })
})
