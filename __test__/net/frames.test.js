'use strict'

// Messages of sockets, of ours and of Node's.

const test = require('node:test')
const assert = require('node:assert/strict')
const nodeNet = require('node:net')
const { AsyncLocalStorage } = require('node:async_hooks')
const { createHash, randomBytes } = require('node:crypto')
const { once } = require('node:events')
const { spawnSync } = require('node:child_process')
const { setTimeout: sleep } = require('node:timers/promises')
const { net, codec } = require('../../index.js')
const { listening } = require('./support.js')

const framing = { length: 'u32be' }
const framer = codec.framer(framing)
const bytesOf = (text) => Buffer.from(text, 'latin1')

/** The message streams of a server's first connection and of a client. */
async function connected(t, options, { module = net, ...server } = {}) {
  const open = (socket) => socket.frames?.(options) ?? codec.framer(options).over(socket)
  const listener = module.createServer(server)
  const port = await listening(t, listener)
  const accepted = once(listener, 'connection')
  const socket = module.connect(port, '127.0.0.1')
  const client = open(socket)
  t.after(() => socket.destroy())
  const [other] = await accepted
  t.after(() => other.destroy())
  return { client, socket, other, open: () => open(other) }
}

for (const module of [net, nodeNet]) {
  const kind = module === net ? 'ours' : "Node's"

  test(`round trip, over sockets that are ${kind}`, async (t) => {
    const { client, open } = await connected(t, framing, { module })
    const server = open()
    server.on('data', (message) => server.write(Buffer.from(message).reverse()))
    const words = ['abc', '', 'x'.repeat(300_000), 'yz']
    for (const word of words) client.write(bytesOf(word))
    client.end()
    const seen = []
    for await (const message of client) seen.push(String(message))
    assert.deepEqual(seen, ['cba', '', 'x'.repeat(300_000), 'zy'])
  })

  test(`messages can be split anywhere, over sockets that are ${kind}`, async (t) => {
    const { client, other, socket } = await connected(t, framing, { module })
    const sent = Array.from({ length: 400 }, (_, i) =>
      randomBytes(Math.floor(Math.random() ** 4 * (i % 50 ? 3000 : 200_000))),
    )
    const bytes = framer.encodeMany(sent)
    const hash = createHash('sha256')
    for (const message of sent) hash.update(`${message.length}:`).update(message)
    async function write() {
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + Math.floor(Math.random() ** 2 * 30_000)
        if (!other.write(bytes.subarray(at, end))) await once(other, 'drain')
        if (Math.random() < 0.2) await sleep(1)
        at = end
      }
      other.end()
    }
    const [got] = await Promise.all([
      (async () => {
        const seen = createHash('sha256')
        for await (const message of client) {
          seen.update(`${message.length}:`).update(message)
          if (Math.random() < 0.05) await sleep(1)
        }
        return seen.digest('hex')
      })(),
      write(),
    ])
    assert.equal(got, hash.digest('hex'))
    assert.equal(socket.bytesRead, bytes.length)
  })

  test(`a message that is too long destroys the socket and the stream, over sockets that are ${kind}`, async (t) => {
    const { client, socket, other } = await connected(t, { ...framing, maxLength: 3 }, { module })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const seen = []
    client.on('data', (message) => seen.push(String(message)))
    other.write(Buffer.concat([framer.encode(bytesOf('abc')), framer.encode(bytesOf('abcd'))]))
    const [error] = await once(client, 'error')
    assert.equal(error.code, 'IRONWIRE_FRAME_TOO_LARGE')
    assert.match(error.message, /4 bytes is above the limit of 3/)
    await closed
    assert.equal(socket.errored, error)
    assert.deepEqual(seen, ['abc'])
  })

  test(`an end within a message is an error, over sockets that are ${kind}`, async (t) => {
    const { client, other } = await connected(t, framing, { module })
    client.resume()
    other.end(framer.encode(bytesOf('abc')).subarray(0, 5))
    const [error] = await once(client, 'error')
    assert.equal(error.code, 'IRONWIRE_FRAME_INCOMPLETE')
    assert.match(error.message, /inside a frame of 7 bytes, 5 bytes after its start$/)
  })

  test(`half-close: an answer to the last message is still sent, over sockets that are ${kind}`, async (t) => {
    // What Node's sockets receive is read ahead, the end with it: there only one that may stay open can answer.
    const { client, open } = await connected(t, framing, { module, allowHalfOpen: module === nodeNet })
    client.write(bytesOf('a'))
    client.end(bytesOf('b'))
    const server = open()
    const answer = (async () => {
      for await (const message of server) {
        await sleep(20)
        server.write(bytesOf(`answer to ${message}`))
      }
      server.end()
    })()
    const seen = []
    for await (const message of client) seen.push(String(message))
    await answer
    assert.deepEqual(seen, ['answer to a', 'answer to b'])
  })

  test(`backpressure: a slow reader holds the other side back, over sockets that are ${kind}`, async (t) => {
    const { client, other, socket } = await connected(t, framing, { module })
    const chunk = framer.encodeMany(Array.from({ length: 600 }, () => Buffer.alloc(100)))
    let sent = 0
    while (other.writableLength < 4_000_000 && sent < 400) {
      other.write(chunk)
      sent++
      await new Promise(setImmediate)
    }
    await once(client, 'readable')
    await sleep(50)
    assert.ok(client.readableLength <= client.readableHighWaterMark)
    assert.ok(socket.bytesRead < (sent * chunk.length) / 2, `${socket.bytesRead} of ${sent * chunk.length}`)
    other.end()
    let count = 0
    for await (const _message of client) count++
    assert.equal(count, sent * 600)
  })

  test(`leaving an iterator destroys the socket, over sockets that are ${kind}`, async (t) => {
    const { client, other, socket } = await connected(t, framing, { module })
    other.write(framer.encodeMany(['a', 'b'].map(bytesOf)))
    other.on('error', () => {})
    for await (const message of client) {
      assert.equal(String(message), 'a')
      break
    }
    assert.ok(socket.destroyed)
    await once(other, 'close')
  })

  test(`a reset is an error of the messages, over sockets that are ${kind}`, async (t) => {
    const { client, other } = await connected(t, framing, { module })
    client.resume()
    const failed = once(client, 'error')
    client.write(bytesOf('x'))
    await once(other, 'data')
    other.resetAndDestroy()
    assert.equal((await failed)[0].code, 'ECONNRESET')
  })
}

test('data received before frames() was called is split, too', async (t) => {
  const { socket, other } = await connectedPlain(t)
  socket.write(framer.encodeMany(['early', 'bird'].map(bytesOf)).subarray(0, 12))
  await once(other, 'readable')
  assert.ok(other.readableLength > 0)
  other.removeAllListeners('readable')
  const messages = other.frames(framing)
  socket.end(framer.encodeMany(['early', 'bird'].map(bytesOf)).subarray(12))
  const seen = []
  for await (const message of messages) seen.push(String(message))
  assert.deepEqual(seen, ['early', 'bird'])
})

async function connectedPlain(t) {
  const server = net.createServer()
  const port = await listening(t, server)
  const accepted = once(server, 'connection')
  const socket = net.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const [other] = await accepted
  return { socket, other }
}

test('one read may contain many messages, also empty ones', async (t) => {
  const { socket, other } = await connectedPlain(t)
  const messages = other.frames({ length: 'varint' })
  let count = 0
  messages.on('data', (message) => {
    assert.equal(message.length, 0)
    count++
  })
  socket.end(Buffer.alloc(200_000))
  await once(messages, 'end')
  assert.equal(count, 200_000)
})

test('all kinds of framing', async (t) => {
  const words = ['one', 'two', 'x'.repeat(9000), 'end']
  for (const options of [
    { length: 'u16le', counts: 'frame', trailer: 1 },
    { delimiter: '\r\n' },
    { stuffing: 'cobs' },
    { stuffing: 'slip' },
    { delimiter: '\n', unterminated: true },
  ]) {
    const { client, open } = await connected(t, options)
    const server = open()
    const seen = []
    server.on('data', (message) => seen.push(String(message)))
    for (const word of words) client.write(bytesOf(word))
    await new Promise((resolve) => client.write(bytesOf('!'), resolve))
    if (options.unterminated) client.stream.end('last')
    else client.end()
    await once(server, 'end')
    assert.deepEqual(seen, [...words, '!', ...(options.unterminated ? ['last'] : [])])
  }
})

test('a socket that is destroyed after its end just closes', async (t) => {
  const { socket, other } = await connectedPlain(t)
  const messages = other.frames(framing)
  messages.resume().on('end', () => other.destroy())
  socket.end()
  await once(messages, 'close')
  assert.equal(messages.errored, null)
})

test('other listeners of the socket get its bytes', async (t) => {
  const { socket, other } = await connectedPlain(t)
  const chunks = []
  other.on('data', (chunk) => chunks.push(chunk))
  const messages = other.frames({ delimiter: '\n' })
  socket.end('a\nb\n')
  const seen = []
  for await (const message of messages) seen.push(String(message))
  assert.deepEqual(seen, ['a', 'b'])
  assert.equal(Buffer.concat(chunks).toString(), 'a\nb\n')
})

test('a socket with an encoding cannot be framed', async (t) => {
  const { socket, other } = await connectedPlain(t)
  socket.on('error', () => {})
  const messages = other.frames({ delimiter: '\n' })
  messages.resume()
  const failed = once(messages, 'error')
  other.setEncoding('latin1')
  socket.write('a\n')
  const [{ code, message }] = await failed
  assert.equal(code, 'ERR_INVALID_ARG_TYPE')
  assert.match(message, /"chunk" argument must be an instance of Buffer or Uint8Array. Received type string/)
  assert.ok(other.destroyed)
  const { other: another } = await connectedPlain(t)
  another.setEncoding('utf8')
  assert.throws(() => another.frames({ delimiter: '\n' }), { code: 'ERR_INVALID_ARG_VALUE', message: /gives strings/ })
})

test('options are checked', async (t) => {
  const { other } = await connectedPlain(t)
  assert.throws(() => other.frames(), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => other.frames({ length: 'u7' }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => other.frames({ ...framing, maxLenght: 1 }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  other.frames(framing)
  assert.throws(() => other.frames(framing), { code: 'ERR_INVALID_ARG_VALUE', message: /already/ })
})

test('an exception in a listener affects its message only, also the last one', () => {
  const program = `
    const { net, codec } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const framing = { delimiter: ' ', unterminated: true }
    process.on('uncaughtException', (error) => console.log('threw ' + error.message))
    const server = net.createServer((socket) => {
      const messages = socket.frames(framing)
      messages.on('data', (message) => {
        if (/[bd]/.test(message)) throw new Error(message)
        console.log('got ' + message)
      })
      messages.on('end', () => {
        console.log('end')
        messages.end()
      })
    })
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1')
      socket.resume()
      socket.end('a b1 b2 c d')
      socket.on('close', () => server.close())
    })
  `
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 120_000 })
  assert.equal(stderr, '')
  assert.deepEqual(stdout.trim().split('\n'), ['got a', 'threw b1', 'threw b2', 'got c', 'threw d', 'end'])
})

test('messages are delivered in the async context of the socket', async (t) => {
  const storage = new AsyncLocalStorage()
  const server = net.createServer((socket) => socket.end(framer.encode(bytesOf('x'))))
  const port = await listening(t, server)
  const messages = storage.run('mine', () => net.connect(port, '127.0.0.1').frames(framing))
  const seen = []
  messages.on('data', () => seen.push(storage.getStore()))
  await once(messages, 'close')
  assert.deepEqual(seen, ['mine'])
})
