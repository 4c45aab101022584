'use strict'

// Every byte arrives, in order, whatever the chunking: random writes, between our sockets and Node's, over TCP and pipes, past slow
// readers. Node's own net tests would hardly notice a lost or doubled chunk.

const { once } = require('node:events')
const { test } = require('node:test')
const assert = require('node:assert')
const crypto = require('node:crypto')
const os = require('node:os')
const path = require('node:path')
const nodeNet = require('node:net')
const { net } = require('../..')
const { randomOf } = require('../chance')

const ENCODINGS = ['utf8', 'latin1', 'hex', 'base64', 'utf16le']

/** Sends `total` bytes in chunks of every kind, with corks, pauses and back-pressure; resolves with what was sent. */
async function send(socket, total, next) {
  const chunks = []
  let sent = 0
  const note = (chunk) => {
    chunks.push(chunk)
    sent += chunk.length
  }
  while (sent < total) {
    const size = next() < 0.1 ? Math.floor(next() * 300_000) : Math.floor(next() * 2_000)
    let chunk = crypto.randomBytes(size)
    let encoding
    if (next() < 0.4) {
      encoding = ENCODINGS[Math.floor(next() * ENCODINGS.length)]
      const text = encoding === 'utf8' ? chunk.toString('latin1') + '€😀' : chunk.toString(encoding)
      note(Buffer.from(text, encoding))
      chunk = text
    } else {
      note(chunk)
    }
    const corked = next() < 0.2
    if (corked) socket.cork()
    let more = socket.write(chunk, encoding)
    if (corked) {
      const tail = Buffer.from('tail')
      note(tail)
      more = socket.write(tail)
      socket.uncork()
    }
    if (!more) await new Promise((resolve) => socket.once('drain', resolve))
    else if (next() < 0.1) await new Promise(setImmediate)
  }
  return Buffer.concat(chunks)
}

/** Reads to the end, stopping now and then; resolves with what came. */
function receive(socket, next) {
  const chunks = []
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      if (next() < 0.02) {
        socket.pause()
        setTimeout(() => socket.resume(), 2)
      }
    })
    socket.on('end', () => resolve(Buffer.concat(chunks)))
  })
}

function assertSame(received, sent, what) {
  if (received.equals(sent)) return
  const at = sent.findIndex((byte, index) => received[index] !== byte)
  const near = (bytes) => bytes.subarray(Math.max(0, at - 16), at + 16).toString('hex')
  assert.fail(
    `${what}: ${received.length} bytes of ${sent.length}; from ${at} on ${near(received)} instead of ${near(sent)}`,
  )
}

async function exchange(server, client, listen, connect, seed) {
  const next = randomOf(seed)
  const listener = server.createServer({ allowHalfOpen: true })
  await new Promise((resolve) => listener.listen(listen, resolve))
  const accepted = new Promise((resolve) => listener.once('connection', resolve))
  const near = client.connect({ ...connect(listener), allowHalfOpen: true })
  const far = await accepted
  // A test that fails ends, too.
  listener.close()
  const results = Promise.all([receive(far, next), receive(near, next)])
  const sent = await Promise.all(
    [near, far].map(async (socket) => {
      const result = await send(socket, 3_000_000, next)
      socket.end()
      return result
    }),
  )
  const [atFar, atNear] = await results
  assertSame(atFar, sent[0], `seed ${seed}, the client's output`)
  assertSame(atNear, sent[1], `seed ${seed}, the server's output`)
  assert.strictEqual(near.bytesWritten, sent[0].length)
  assert.strictEqual(near.bytesRead, sent[1].length)
}

const pairs = [
  ['ours to ours', net, net],
  ["ours to Node's", nodeNet, net],
  ["Node's to ours", net, nodeNet],
]

for (const [name, server, client] of pairs) {
  test(`TCP, ${name}`, () =>
    exchange(
      server,
      client,
      { port: 0, host: '127.0.0.1' },
      (listener) => ({ ...listener.address(), host: '127.0.0.1' }),
      7,
    ))

  test(`pipe, ${name}`, () => {
    const name = `ironwire-${process.pid}-${Math.random()}`
    const pipe = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : path.join(os.tmpdir(), name)
    return exchange(server, client, { path: pipe }, () => ({ path: pipe }), 11)
  })
}

test('strings of every length that end in a wide character at the end of the memory', async () => {
  const pieces = ['a', 'é', '€'].flatMap((filler) =>
    Array.from({ length: 600 }, (_, length) => `${filler.repeat(length)}😀 and more`),
  )
  const listener = net.createServer(async (socket) => {
    for (const piece of pieces) {
      // Each in a turn of its own: what the one before needed is gone.
      if (!socket.write(piece)) await once(socket, 'drain')
      await new Promise(setImmediate)
    }
    socket.end()
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const socket = nodeNet.connect(listener.address().port, '127.0.0.1')
  socket.once('connect', () => listener.close())
  assertSame(await receive(socket, () => 1), Buffer.from(pieces.join('')), 'text')
})

test('backpressure: a peer that stops reading holds the writer up', async () => {
  const server = net.createServer((peer) => {
    peer.pause()
    server.once('done', () => peer.destroy())
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const socket = net.connect(server.address().port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const chunk = Buffer.alloc(64 * 1024)
  let written = 0
  let callbacks = 0
  while (written < 64 * 1024 * 1024) {
    written += chunk.length
    const more = socket.write(chunk, () => callbacks++)
    await new Promise(setImmediate)
    if (!more && socket.writableLength > 4 * 1024 * 1024) break
  }
  assert.ok(socket.writableNeedDrain)
  assert.ok(callbacks < written / chunk.length, 'writes that have not left are not called done')
  socket.destroy()
  server.emit('done')
  await new Promise((resolve) => server.close(resolve))
})
