'use strict'

// Peers written by hand that break the protocol in every possible way.

const test = require('node:test')
const assert = require('node:assert/strict')
const net = require('node:net')
const { once } = require('node:events')
const { rpc } = require('../../index.js')
const { pair, handServer, handClient, preface, frame, Kind, sleep, until, method } = require('./tools.js')

/** A server with a few methods, and a hand-written client of it. */
async function withServer(t, options, clientOptions) {
  const server = rpc.createServer(options)
  server.on('handlerError', () => {})
  server.method('echo', (request, callback) => callback(null, request))
  server.method('never', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close(() => {})
    server.closeAllConnections()
  })
  const { port } = server.address()
  return { server, port, ...(await handClient(t, port, clientOptions)) }
}

const request = (sequence, number, body, remaining) => frame(Kind.REQUEST, sequence, { code: number, body, remaining })
const text = (unit) => unit.payload.toString()

test('the documented exchange, written by hand', async (t) => {
  const { socket, next } = await withServer(t)
  const { preface: greeting } = await next((unit) => unit.preface)
  assert.equal(greeting.toString('latin1', 0, 4), 'IWRP')
  assert.equal(greeting[4], 2)
  assert.equal(greeting.readUInt16BE(6), 1024)
  assert.equal(greeting.readUInt32BE(8), 16 * 2 ** 20)
  assert.equal(greeting.readUInt32BE(12), 4096)
  socket.write(Buffer.concat([method(0, 'echo'), request(7, 0, 'hello', 1000), request(0xffffffff, 0, '')]))
  const reply = await next((unit) => unit.sequence === 7)
  assert.deepEqual([reply.kind, reply.flags, text(reply)], [Kind.REPLY, 0, 'hello'])
  const empty = await next((unit) => unit.sequence === 0xffffffff)
  assert.deepEqual([empty.kind, text(empty)], [Kind.REPLY, ''])
})

test('a server takes a request byte by byte', async (t) => {
  const { socket, next } = await withServer(t)
  const bytes = Buffer.concat([method(0, 'echo'), request(1, 0, 'slowly'), request(2, 0, 'x')])
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  assert.equal(text(await next((unit) => unit.sequence === 1)), 'slowly')
  assert.equal(text(await next((unit) => unit.sequence === 2)), 'x')
})

test('unknown methods, cancelled and overdue calls are answered with their status', async (t) => {
  const { socket, next } = await withServer(t, { maxMethods: 3 })
  const status = (unit) => unit.payload.readUInt16BE(0)
  socket.write(Buffer.concat([method(0, 'nothing'), request(1, 0, ''), request(2, 9, '')]))
  assert.equal(status(await next((unit) => unit.sequence === 1)), 2)
  assert.equal(status(await next((unit) => unit.sequence === 2)), 2)
  socket.write(Buffer.concat([method(1, 'never'), request(3, 1, ''), frame(Kind.CANCEL, 3), frame(Kind.CANCEL, 77)]))
  assert.equal(status(await next((unit) => unit.sequence === 3)), 5)
  socket.write(request(4, 1, '', 10))
  assert.equal(status(await next((unit) => unit.sequence === 4)), 3)
  socket.write(request(5, 1, '', 0))
  assert.equal(status(await next((unit) => unit.sequence === 5)), 3)
  // A name above maxMethods is an unknown method, not the end of the connection.
  socket.write(Buffer.concat([method(2, 'echo'), method(3, 'echo'), request(6, 3, ''), request(7, 2, 'ok')]))
  assert.equal(status(await next((unit) => unit.sequence === 6)), 2)
  assert.equal(text(await next((unit) => unit.sequence === 7)), 'ok')
})

test('more calls than announced are refused one by one', async (t) => {
  const { server, socket, next } = await withServer(t, { maxCallsPerConnection: 2 })
  socket.write(Buffer.concat([method(0, 'never'), request(1, 0, ''), request(2, 0, ''), request(3, 0, '')]))
  const refused = await next((unit) => unit.sequence === 3)
  assert.equal(refused.kind, Kind.ERROR)
  assert.equal(refused.payload.readUInt16BE(0), 4)
  socket.write(Buffer.concat([frame(Kind.CANCEL, 1), request(3, 0, '', 5)]))
  assert.equal((await next((unit) => unit.sequence === 3)).payload.readUInt16BE(0), 3)
  assert.equal(server.stats.refused, 1)
})

const violations = {
  'another protocol': [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 3, { greeting: null }],
  'version 0': [preface({ version: 0 }), 3, { greeting: null }],
  'a tiny frame limit': [preface({ maxFrame: 1023 }), 1, { greeting: null }],
  'an oversized length': [Buffer.from('7fffffff0200', 'hex'), 2],
  'a length without room for a header': [Buffer.from('000000050200000000', 'hex'), 1],
  'an unknown kind': [frame(99, 1), 1],
  'a reply to a server': [frame(Kind.REPLY, 1), 1],
  'an unknown flag': [frame(Kind.REQUEST, 1, { code: 0, flags: 128 }), 1],
  'a method number out of turn': [method(1, 'echo'), 1],
  'a nameless method': [method(0, ''), 1],
  'a name that is too long': [method(0, 'x'.repeat(256)), 1],
  'a body on a cancellation': [frame(Kind.CANCEL, 1, { body: 'x' }), 1],
  'a sequence number in flight': [Buffer.concat([method(0, 'never'), request(1, 0, ''), request(1, 0, '')]), 1],
}
for (const [name, [bytes, reason, options]] of Object.entries(violations)) {
  test(`a client with ${name} is told so and dropped`, async (t) => {
    const { server, socket, next, port } = await withServer(t, { maxFrameBytes: 4096 }, options)
    const reported = once(server, 'protocolError')
    const closed = once(socket, 'close')
    socket.write(bytes)
    const farewell = await next((unit) => unit.kind === Kind.GOAWAY)
    assert.equal(farewell.payload.readUInt16BE(0), reason)
    assert.ok(farewell.payload.length > 10, 'it explains itself')
    await closed
    await reported
    const client = rpc.connect(port)
    t.after(() => client.destroy())
    assert.equal(String(await client.call('echo', Buffer.from('still'))), 'still', 'others are served')
  })
}

test('garbage never brings a server down', async (t) => {
  const { server, port } = await withServer(t)
  let random = 99
  const next = () => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    return random >>> 8
  }
  for (let round = 0; round < 100; round++) {
    const bytes = Buffer.concat([
      method(0, 'echo'),
      method(1, 'never'),
      request(1, 0, 'abc'),
      request(2, 1, ''),
      frame(Kind.CANCEL, 2),
    ])
    for (let flips = next() % 4; flips >= 0; flips--) bytes[next() % bytes.length] = next()
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.write(preface())
    socket.end(bytes.subarray(0, next() % (bytes.length + 1)))
    await once(socket, 'close')
  }
  const client = rpc.connect(port)
  t.after(() => client.destroy())
  assert.equal(String(await client.call('echo', Buffer.from('alive'))), 'alive')
  await until(() => server.sessions.size <= 2)
  assert.equal(server.running, 0, 'calls of dropped connections hold no place')
})

test('a peer that closes in the middle of a frame', async (t) => {
  const { server, socket, port } = await withServer(t)
  const disconnected = once(server, 'disconnect')
  socket.end(request(1, 0, 'x'.repeat(100)).subarray(0, 50))
  await disconnected
  const client = rpc.connect(port)
  t.after(() => client.destroy())
  assert.equal(String(await client.call('echo', Buffer.from('next'))), 'next')
})

test('a lost connection aborts its handlers', async (t) => {
  const { server, socket } = await withServer(t)
  const aborted = new Promise((resolve) => {
    server.method('watch', (_request, _callback, call) => call.signal.addEventListener('abort', resolve))
  })
  socket.write(Buffer.concat([method(0, 'watch'), request(1, 0, '')]))
  await until(() => server.running !== 0)
  socket.destroy()
  await aborted
  assert.equal(server.running, 0)
})

// ---- servers that break the rules

test('a server that closes in the middle of a reply', async (t) => {
  const { port } = await handServer(t, (unit, socket) => {
    if (unit.kind === Kind.REQUEST)
      socket.end(frame(Kind.REPLY, unit.sequence, { body: 'x'.repeat(50) }).subarray(0, 30))
  })
  const client = rpc.connect(port, { reconnect: false })
  client.on('error', () => {})
  await assert.rejects(client.call('x'), { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true })
})

test('a server that answers twice, or without a request', async (t) => {
  const { port } = await handServer(t, (unit, socket) => {
    if (unit.kind !== Kind.REQUEST) return
    const reply = (sequence, body) => frame(Kind.REPLY, sequence, { body })
    const failure = frame(Kind.ERROR, unit.sequence, { code: 1, body: '\0\0no' })
    socket.write(
      Buffer.concat([
        reply(unit.sequence ^ 0x40000000, 'other generation'),
        reply(unit.sequence + 1, 'other slot'),
        reply(0xffffffff, 'far away'),
        reply(unit.sequence, 'right'),
        reply(unit.sequence, 'again'),
        failure,
      ]),
    )
  })
  const client = rpc.connect(port)
  t.after(() => client.destroy())
  for (let i = 1; i <= 20; i++) {
    let ended = 0
    await new Promise((resolve) => {
      client.call('x', null, (error, reply) => {
        ended++
        assert.equal(error, null)
        assert.equal(String(reply), 'right')
        setImmediate(resolve)
      })
    })
    assert.equal(ended, 1)
    assert.equal(client.stats.unknownAnswers, 5 * i)
  }
})

const serverViolations = {
  'another protocol': [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), { greeting: null }],
  'a preface that allows no calls': [preface({ maxCalls: 0 }), { greeting: null }],
  'an oversized length': [Buffer.from('7fffffff0300', 'hex')],
  'a request to a client': [frame(Kind.REQUEST, 1, { code: 0 })],
  'an error with a code that does not fit': [frame(Kind.ERROR, 0, { code: 1, body: '\0\x09abc' })],
}
for (const [name, [bytes, options]] of Object.entries(serverViolations)) {
  test(`a server with ${name} is left, with the reason as cause`, async (t) => {
    let told
    const { port } = await handServer(
      t,
      (unit, socket) => {
        if (unit.kind === Kind.REQUEST) socket.write(bytes)
        if (unit.kind === Kind.GOAWAY) told = unit.payload.toString('utf8', 2)
        if (unit.preface && options) socket.write(bytes)
      },
      options,
    )
    const client = rpc.connect(port, { reconnect: false })
    const [error] = await Promise.all([
      client.call('x').catch((error) => error),
      once(client, 'error').then(([error]) => assert.equal(error.code, 'IRONWIRE_RPC_PROTOCOL')),
    ])
    assert.match(error.code, /CONNECTION_LOST|NOT_CONNECTED/)
    assert.equal(error.cause.code, 'IRONWIRE_RPC_PROTOCOL')
    await until(() => told !== undefined)
    assert.ok(told.length > 10)
  })
}

test("a server's farewell with a reason is the cause of what fails", async (t) => {
  const { port } = await handServer(t, (unit, socket) => {
    if (unit.kind === Kind.REQUEST) socket.end(frame(Kind.GOAWAY, 0, { code: 1, body: 'because I say so' }))
  })
  const client = rpc.connect(port, { reconnect: false })
  client.on('error', () => {})
  const error = await client.call('x').catch((error) => error)
  assert.equal(error.code, 'IRONWIRE_RPC_CONNECTION_LOST')
  assert.match(error.cause.message, /because I say so/)
})

test('a silent peer is pinged, and left when it does not answer', async (t) => {
  let pings = 0
  const { port } = await handServer(t, (unit) => {
    if (unit.kind === Kind.PING) pings++
  })
  const client = rpc.connect(port, { reconnect: false, pingInterval: 15, pingTimeout: 15 })
  const failed = once(client, 'error')
  const error = await client.call('x').catch((error) => error)
  assert.equal(error.code, 'IRONWIRE_RPC_CONNECTION_LOST')
  assert.match(error.cause.message, /ping within 15 ms/)
  await until(() => pings === 1)
  await failed
})

test('pings of a peer that does not read do not pile up answers', async (t) => {
  const { server, socket, next } = await withServer(t)
  socket.write(frame(Kind.PING, 77))
  assert.equal((await next((unit) => unit.kind === Kind.PONG)).sequence, 77)
  socket.pause()
  const pings = Buffer.concat(Array.from({ length: 10_000 }, (_, i) => frame(Kind.PING, i)))
  for (let i = 0; i < 400; i++) {
    socket.write(pings)
    if (i % 20 === 0) await sleep(1)
  }
  await sleep(30)
  const [session] = server.sessions
  assert.ok(session.wire.queued < 2_000_000, `${session.wire.queued} bytes are queued`)
})

test('pings keep a quiet connection, from both ends', async (t) => {
  const options = { pingInterval: 5, pingTimeout: 5000 }
  const { server, client } = await pair(t, options, options)
  server.method('echo', async (request) => request)
  await sleep(80)
  assert.equal(String(await client.call('echo', Buffer.from('x'))), 'x')
  assert.equal(client.stats.connections, 1)
})
