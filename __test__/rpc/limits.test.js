'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { rpc } = require('../../index.js')
const { pair, handServer, handClient, frame, Kind, sleep, until, method, listening } = require('./tools.js')

const request = (sequence, number, body) => frame(Kind.REQUEST, sequence, { code: number, body })

test("calls above the server's limit wait at the client", async (t) => {
  const { server, client } = await pair(t, { maxCallsPerConnection: 3 })
  let most = 0
  server.method('slow', async (request) => {
    most = Math.max(most, server.running)
    await sleep(2)
    return request
  })
  const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => client.call('slow', Buffer.from([i]))))
  assert.deepEqual(
    replies.map((reply) => reply[0]),
    Array.from({ length: 30 }, (_, i) => i),
  )
  assert.equal(most, 3)
  assert.equal(server.stats.refused, 0)
})

test("the client's own limit holds too, and its queue is bounded", async (t) => {
  const { server, client } = await pair(t, {}, { maxInFlight: 2, maxQueuedCalls: 3 })
  server.method('slow', async () => sleep(5))
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => client.call('slow')))
  const failed = results.filter(({ status }) => status === 'rejected')
  assert.equal(failed.length, 3)
  for (const { reason } of failed) {
    assert.equal(reason.code, 'IRONWIRE_RPC_TOO_MANY_CALLS')
    assert.equal(reason.sent, false)
    assert.match(reason.message, /3 calls wait already/)
  }
})

test('the queue is bounded in bytes', async (t) => {
  const client = rpc.connect('127.0.0.1:1', { maxQueuedBytes: 100, timeout: 50 })
  t.after(() => client.destroy())
  const first = client.call('x', Buffer.alloc(60))
  await assert.rejects(client.call('x', Buffer.alloc(41)), { code: 'IRONWIRE_RPC_TOO_MANY_CALLS', sent: false })
  const second = client.call('x', Buffer.alloc(40))
  await assert.rejects(first, { code: 'IRONWIRE_RPC_TIMEOUT' })
  await assert.rejects(second, { code: 'IRONWIRE_RPC_TIMEOUT' })
  assert.equal(client.waiting.bytes, 0)
})

test('queue: false refuses calls above the window', async (t) => {
  const { server, client } = await pair(t, { maxCallsPerConnection: 2 }, { queue: false })
  server.method('slow', async () => sleep(5))
  const results = await Promise.allSettled([client.call('slow'), client.call('slow'), client.call('slow')])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  assert.equal(results[2].reason.code, 'IRONWIRE_RPC_TOO_MANY_CALLS')
})

test('handlers are bounded, connections take turns', async (t) => {
  const { server, port } = await listening(t, { maxConcurrency: 2 })
  let most = 0
  const order = []
  const held = []
  server.method('held', (request, callback) => {
    order.push(String(request))
    most = Math.max(most, server.running)
    held.push(() => callback(null, request))
  })
  const first = rpc.connect(port)
  const second = rpc.connect(port)
  t.after(() => {
    first.destroy()
    second.destroy()
  })
  const waiting = () => [...server.sessions].reduce((sum, session) => sum + session.waiting.size, 0)
  const greedy = Array.from({ length: 12 }, () => first.call('held', Buffer.from('a')))
  await until(() => held.length === 2 && waiting() === 10)
  const modest = Array.from({ length: 3 }, () => second.call('held', Buffer.from('b')))
  await until(() => waiting() === 13)
  for (let answered = 0; answered < 15; answered++) {
    await until(() => held.length > 0)
    held.shift()()
  }
  await Promise.all([...greedy, ...modest])
  assert.equal(most, 2)
  assert.equal(server.running, 0)
  assert.ok(order.lastIndexOf('b') < 11, `the modest caller is served in turn: ${order.join('')}`)
})

test('a synchronous handler at the limit does not nest', async (t) => {
  const { server, client } = await pair(t, { maxConcurrency: 1 })
  const held = []
  server.method('hold', (_request, callback) => held.push(callback))
  server.method('echo', (request, callback) => callback(null, request))
  const first = client.call('hold')
  const rest = Array.from({ length: 3000 }, (_, i) => client.call('echo', Buffer.from([i & 255])))
  await until(() => server.sessions.values().next().value?.waiting.size === 3000)
  held[0]()
  await first
  const replies = await Promise.all(rest)
  assert.ok(replies.every((reply, i) => reply[0] === (i & 255)))
})

test('a waiting call that is cancelled or overdue never reaches its handler', async (t) => {
  const { server, client } = await pair(t, { maxConcurrency: 1 })
  let calls = 0
  let release
  server.method('hold', (_request, callback) => {
    release = callback
  })
  server.method('count', (_request, callback) => {
    calls++
    callback()
  })
  const held = client.call('hold')
  await until(() => release !== undefined)
  const controller = new AbortController()
  const cancelled = client.call('count', null, { signal: controller.signal })
  const overdue = assert.rejects(client.call('count', null, { timeout: 10 }), { code: 'IRONWIRE_RPC_TIMEOUT' })
  await sleep(3)
  controller.abort()
  await assert.rejects(cancelled, { code: 'IRONWIRE_RPC_ABORTED' })
  await overdue
  await until(() => server.stats.timeouts !== 0)
  release()
  await held
  await client.call('count')
  assert.equal(calls, 1)
})

test('connections above maxConnections are dropped', async (t) => {
  const { server, port } = await listening(t, { maxConnections: 1 })
  server.method('echo', async (request) => request)
  const first = rpc.connect(port)
  await once(first, 'connect')
  const dropped = once(server, 'drop')
  const second = rpc.connect(port, { reconnect: false })
  second.on('error', () => {})
  await assert.rejects(second.call('echo'), { code: 'IRONWIRE_RPC_NOT_CONNECTED' })
  await dropped
  await first.close()
  await until(() => server.sessions.size === 0)
  const third = rpc.connect(port)
  t.after(() => third.destroy())
  assert.equal(String(await third.call('echo', Buffer.from('free again'))), 'free again')
})

test('a peer that does not read answers to calls in progress is dropped at the limit', async (t) => {
  const { server, port } = await listening(t, { maxOutgoingBytes: 4 * 2 ** 20 })
  const held = []
  server.method('hold', (_request, callback) => held.push(callback))
  const { socket } = await handClient(t, port)
  socket.pause()
  socket.write(method(0, 'hold'))
  for (let i = 0; i < 200; i++) socket.write(request(i, 0, ''))
  await until(() => held.length >= 200)
  const dropped = once(server, 'protocolError')
  const reply = Buffer.alloc(256 * 1024)
  for (const callback of held) {
    const [session] = server.sessions
    if (session) assert.ok(session.wire.queued <= 4 * 2 ** 20 + reply.length + 20)
    callback(null, reply)
  }
  const [error] = await dropped
  assert.match(error.message, /does not read its answers/)
})

test('a peer that stops reading altogether is not read either, and dropped as silent', async (t) => {
  const { server, port } = await listening(t, { pingInterval: 20, pingTimeout: 20 })
  const reply = Buffer.alloc(256 * 1024)
  let calls = 0
  server.method('big', (_request, callback) => {
    calls++
    callback(null, reply)
  })
  const { socket } = await handClient(t, port)
  socket.pause()
  socket.write(method(0, 'big'))
  const dropped = once(server, 'protocolError')
  for (let i = 0; i < 400; i++) {
    socket.write(request(i, 0, ''))
    if (i % 20 === 0) await sleep(1)
  }
  const [error] = await dropped
  assert.match(error.message, /ping/)
  assert.ok(calls < 100, `${calls} calls were handled`)
})

test('a peer that reads late gets everything', async (t) => {
  const { server, port } = await listening(t)
  const body = Buffer.alloc(300_000, 'abc')
  server.method('big', (_request, callback) => callback(null, body))
  const { socket, next } = await handClient(t, port)
  socket.pause()
  socket.write(method(0, 'big'))
  for (let i = 0; i < 60; i++) socket.write(request(i, 0, ''))
  await until(() => server.sessions.size === 1)
  const [session] = server.sessions
  await until(() => session.paused)
  assert.ok(session.wire.queued < 60 * body.length)
  socket.resume()
  for (let i = 0; i < 60; i++) {
    const unit = await next((unit) => unit.sequence === i)
    assert.ok(unit.payload.equals(body))
  }
  assert.equal(session.paused, false)
})

test('requests that wait for handlers stop the reading', async (t) => {
  const { server, client } = await pair(t, { maxPendingBytes: 1_000_000 })
  const held = []
  server.method('hold', (request, callback) => held.push(() => callback(null, Buffer.from([request[0]]))))
  const calls = Array.from({ length: 100 }, (_, i) => client.call('hold', Buffer.alloc(100_000, i)))
  const [session] = server.sessions
  await until(() => session.paused)
  await sleep(20)
  assert.ok(held.length < 20, `${held.length} handlers hold requests`)
  let answered = 0
  while (answered < 100) {
    while (held.length > 0) {
      held.shift()()
      answered++
    }
    await sleep(1)
  }
  const replies = await Promise.all(calls)
  assert.ok(replies.every((reply, i) => reply[0] === i))
  assert.equal(session.pendingBytes, 0)
})

test('a server that reads slowly makes calls wait, within bounds', async (t) => {
  const { port, sockets } = await handServer(t, (unit, socket) => {
    if (unit.kind === Kind.REQUEST)
      socket.write(frame(Kind.REPLY, unit.sequence, { body: String(unit.payload.length) }))
  })
  const client = rpc.connect(port, { maxQueuedBytes: 2_000_000 })
  t.after(() => client.destroy())
  await once(client, 'connect')
  for (const socket of sockets) socket.pause()
  const results = []
  for (let i = 0; i < 200; i++) {
    results.push(client.call('x', Buffer.alloc(100_000)).then(String, (error) => error.code))
    if (i % 10 === 0) await new Promise(setImmediate)
  }
  const [link] = client.links
  assert.equal(link.out.congested, true)
  assert.ok(link.wire.queued < 2_000_000, `${link.wire.queued} bytes are queued below`)
  assert.ok(client.waiting.bytes <= 2_000_000)
  for (const socket of sockets) socket.resume()
  const ended = await Promise.all(results)
  assert.ok(ended.includes('IRONWIRE_RPC_TOO_MANY_CALLS'))
  assert.ok(ended.filter((end) => end === '100006').length >= 20)
  assert.ok(ended.every((end) => end === '100006' || end === 'IRONWIRE_RPC_TOO_MANY_CALLS'))
})

test('a request that was not sent when the connection broke says so', async (t) => {
  const { port, sockets } = await handServer(t, () => {})
  const client = rpc.connect(port, { reconnect: false })
  client.on('error', () => {})
  await once(client, 'connect')
  for (const socket of sockets) socket.pause()
  const outcomes = []
  for (let i = 0; i < 100; i++) {
    outcomes.push(client.call('x', Buffer.alloc(200_000)).catch(({ code, sent }) => ({ code, sent })))
  }
  await sleep(20)
  for (const socket of sockets) socket.resetAndDestroy()
  const ended = await Promise.all(outcomes)
  assert.deepEqual(ended[0], { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true })
  assert.equal(ended.at(-1).sent, false)
  const firstUnsent = ended.findIndex(({ sent }) => !sent)
  assert.ok(ended.slice(firstUnsent).every(({ sent }) => sent === false))
})
