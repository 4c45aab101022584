'use strict'

// Peers that break the rules, or bend them, byte by byte. The state machine's own tests (src/http2/tests.rs) have each kind of frame; here is
// that a server lives through it, and serves others meanwhile.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const test = require('node:test')
const { KIND, PREFACE, frame, literal, word } = require('./frames.js')
const { ask, core, ours } = require('./support.js')
const { usage } = require('../../lib/engine.js')

/** `:method GET`, `:scheme http`, `:path /`, `:authority a`, all of the static table or spelled out. */
const GET = Buffer.from([0x82, 0x86, 0x84, 0x01, 0x01, 0x61])
const POST = Buffer.from([0x83, 0x86, 0x84, 0x01, 0x01, 0x61])

async function listen(handler, options = {}) {
  const server = ours.createServer(options, handler)
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function stop(server) {
  const closed = once(server, 'close')
  server.close()
  await closed
}

/** Opens a connection that has said the preface and empty settings. */
function open(server, settings = Buffer.alloc(0)) {
  const socket = net.connect(server.address().port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(PREFACE)
  socket.write(frame(KIND.settings, 0, 0, settings))
  return socket
}

/** The code of the GOAWAY that a peer gets. */
function goaway(socket) {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    let code
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const length = bytes.readUIntBE(0, 3)
        if (bytes[3] === KIND.goaway) code ??= bytes.readUInt32BE(13)
        bytes = bytes.subarray(9 + length)
      }
    })
    socket.on('close', () => resolve(code))
  })
}

/** Sends what `attack` makes, again and again, until the server has had enough. */
async function until(server, attack, settings) {
  const socket = open(server, settings)
  const ended = goaway(socket)
  let count = 0
  const send = () => {
    while (!socket.destroyed && count < 200_000) {
      const parts = []
      for (let i = 0; i < 100; i++) parts.push(attack(count++))
      if (!socket.write(Buffer.concat(parts))) {
        socket.once('drain', send)
        return
      }
    }
    socket.end()
  }
  send()
  return [await ended, count]
}

const { NGHTTP2_ENHANCE_YOUR_CALM: CALM } = core.constants

const floods = {
  'rapid resets': (i) =>
    Buffer.concat([frame(KIND.headers, 5, 2 * i + 1, GET), frame(KIND.reset, 0, 2 * i + 1, word(8))]),
  'resets that the server is made to send': (i) =>
    Buffer.concat([frame(KIND.headers, 5, 2 * i + 1, GET), frame(KIND.window, 0, 2 * i + 1, word(0))]),
  'zero-length names': (i) => frame(KIND.headers, 5, 2 * i + 1, Buffer.concat([GET, literal('', 'x')])),
  'fields of connections': (i) =>
    frame(KIND.headers, 5, 2 * i + 1, Buffer.concat([GET, literal('connection', 'close')])),
  settings: () => frame(KIND.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), word(1)])),
  pings: () => frame(KIND.ping, 0, 0, Buffer.alloc(8)),
  priorities: (i) => frame(KIND.priority, 0, 2 * i + 1, Buffer.alloc(5)),
  'empty data': (i) => (i === 0 ? frame(KIND.headers, 4, 1, POST) : frame(KIND.data, 0, 1)),
  'empty continuations': (i) => (i === 0 ? frame(KIND.headers, 0, 1, POST) : frame(KIND.continuation, 0, 1)),
  'long continuations': (i) =>
    i === 0 ? frame(KIND.headers, 0, 1, POST) : frame(KIND.continuation, 0, 1, literal('a', 'x'.repeat(100))),
  goaways: () => frame(KIND.goaway, 0, 0, Buffer.concat([word(0), word(0)])),
  'unknown frames': () => frame(99, 0, 0),
}

test('a flood ends its connection, and no other', async () => {
  let handled = 0
  const server = await listen((req, res) => {
    handled++
    if (req.url === '/other') res.end('served')
    else req.resume()
  })
  const other = core.connect(`http://127.0.0.1:${server.address().port}`)
  try {
    for (const [name, attack] of Object.entries(floods)) {
      const [code] = await until(server, attack)
      // The end can overtake what tells of it, when more is sent meanwhile.
      // Who says GOAWAY gets one.
      const right = code === CALM || (name === 'goaways' && code === 0)
      assert.ok(right || code === undefined, `${name}: ${code}`)
      assert.equal((await ask(other, { ':path': '/other' })).body, 'served', name)
    }
    assert.ok(handled > 0)
  } finally {
    other.destroy()
    await stop(server)
  }
})

test('a flood causes the error of node:http2', async () => {
  for (const name of ['settings', 'pings', 'priorities']) {
    const server = await listen(() => {})
    try {
      const failed = once(server, 'sessionError')
      await until(server, floods[name])
      const [{ code, errno, message, reason }] = await failed
      assert.deepEqual([code, errno], ['ERR_HTTP2_ERROR', -904])
      assert.equal(message, 'Flooding was detected in this HTTP/2 session, and it must be closed')
      assert.equal(reason, 'too many frames carry no data')
    } finally {
      await stop(server)
    }
  }
})

test('requests that could smuggle others into HTTP/1 do not reach handlers', async () => {
  const server = await listen(() => assert.fail('it was handled'))
  const attacks = [
    [literal('a', 'b\r\nc: d')],
    [literal('a\r\nb', 'c')],
    [literal('content-length', '1'), literal('content-length', '2')],
    [literal('content-length', '5')],
    [literal('transfer-encoding', 'chunked')],
    [literal('connection', 'x')],
    [literal('upgrade', 'h2c')],
    [literal('Upper', 'x')],
    [literal('host', 'a'), literal('host', 'b')],
  ]
  try {
    for (const fields of attacks) {
      const socket = open(server)
      const reset = new Promise((resolve) => {
        let bytes = Buffer.alloc(0)
        socket.on('data', (chunk) => {
          bytes = Buffer.concat([bytes, chunk])
          // The server's settings, an answer to ours, and then this.
          if (bytes.includes(frame(KIND.reset, 0, 1, word(1)))) resolve()
        })
      })
      socket.write(frame(KIND.headers, 5, 1, Buffer.concat([GET, ...fields])))
      await reset
      socket.destroy()
    }
  } finally {
    await stop(server)
  }
})

/** A connection whose owner asks and asks, and does not read. */
function greedy(server, requests) {
  const socket = open(server, Buffer.concat([Buffer.from([0, 4]), word(2 ** 30)]))
  socket.pause()
  socket.write(frame(KIND.window, 0, 0, word(2 ** 30)))
  for (let i = 0; i < requests; i += 100) {
    const parts = []
    for (let j = i; j < i + 100; j++) parts.push(frame(KIND.headers, 5, 2 * j + 1, GET))
    socket.write(Buffer.concat(parts))
  }
  return socket
}

test('a client that does not read is not read either, until it reads again, and loses nothing', async () => {
  const requests = 9_000
  let handled = 0
  // Heads, which no window holds back; each is another one, which no table makes short.
  const server = await listen(
    (_req, res) => {
      handled++
      res.writeHead(204, { 'x-long': String(handled).padEnd(4000, 'x') }).end()
    },
    // More at once than is usual, so that it is the output that limits them.
    { settings: { maxConcurrentStreams: 1_000_000 } },
  )
  const socket = greedy(server, requests)
  try {
    // Until nothing moves any more.
    for (let before = -1, still = 0; still < 20; ) {
      still = before === handled && handled > 0 ? still + 1 : 0
      before = handled
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.ok(handled < requests, String(handled))
    socket.resume()
    while (handled < requests) await new Promise(setImmediate)
  } finally {
    socket.destroy()
    await stop(server)
  }
})

test('unread bodies keep their streams open, and the number of streams is limited', async () => {
  let handled = 0
  const server = await listen((_req, res) => {
    handled++
    res.end(Buffer.alloc(64 * 1024))
  })
  const ended = new Promise((resolve) => server.once('session', (session) => session.on('close', resolve)))
  const socket = greedy(server, 3_000)
  try {
    await ended
    assert.ok(handled < 2000, String(handled))
  } finally {
    socket.destroy()
    await stop(server)
  }
})

test('connections that break at any point leave nothing behind', async () => {
  const server = await listen((req, res) => {
    req.on('error', () => {})
    res.on('error', () => {})
    req.pipe(res)
  })
  const whole = Buffer.concat([
    PREFACE,
    frame(KIND.settings, 0, 0),
    frame(KIND.headers, 4, 1, POST),
    frame(KIND.data, 0, 1, Buffer.from('hello')),
    frame(KIND.headers, 5, 3, GET),
    frame(KIND.data, 1, 1, Buffer.from('bye')),
  ])
  const before = usage().slots
  for (let length = 0; length <= whole.length; length += 3) {
    const socket = net.connect(server.address().port, '127.0.0.1')
    socket.resume()
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.end(whole.subarray(0, length))
    await once(socket, 'close')
  }
  while (usage().slots > before) await new Promise(setImmediate)
  await stop(server)
})

test('a client that does not speak HTTP/2 gets an error', async () => {
  const server = await listen(() => assert.fail('it was handled'))
  const errors = []
  server.on('sessionError', (error) => errors.push(error.code))
  try {
    const socket = net.connect(server.address().port, '127.0.0.1')
    const code = goaway(socket)
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    assert.equal(await code, core.constants.NGHTTP2_PROTOCOL_ERROR)
    assert.deepEqual(errors, ['ERR_HTTP2_ERROR'])
  } finally {
    await stop(server)
  }
})
