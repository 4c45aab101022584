'use strict'

// Calls over UDP, through real sockets.

const assert = require('node:assert')
const dgram = require('node:dgram')
const { spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { protobuf, rpc } = require('../../index.js')
const { Pace } = require('../../lib/rpc/udp/pace.js')
const { until } = require('./tools')
const { randomOf } = require('../chance')
const { freeUdpPort } = require('../ports')

const V6 = Object.values(require('node:os').networkInterfaces())
  .flat()
  .some(({ address }) => address === '::1')

const bind = (server, where = 0) => promisify(server.bindUdp).call(server, where)

/** A server over UDP and a client of it, both closed after the test. */
async function pair(t, serverOptions, clientOptions, host = '127.0.0.1') {
  const server = rpc.createServer(serverOptions)
  server.method('echo', (request, callback) => callback(null, request))
  await bind(server, { port: 0, host })
  const { port } = server.udpAddress()
  const client = rpc.connect(`udp://${host.includes(':') ? `[${host}]` : host}:${port}`, clientOptions)
  t.after(async () => {
    client.destroy()
    server.closeAllConnections()
    if (server.listening) await server.close()
  })
  return { server, client, port }
}

test('calls and answers: bodies, metadata, errors with all their parts, unknown methods', async (t) => {
  const { server, client } = await pair(t)
  assert.strictEqual(String(await client.call('echo', Buffer.from('hello'))), 'hello')
  assert.strictEqual((await client.call('echo')).length, 0)
  server.method('meta', (_request, callback, call) => {
    callback(null, Buffer.from(call.metadata.get('from')), { to: 'you', 'raw-bin': Buffer.from([0, 255]) })
  })
  const [error, reply, trailers] = await new Promise((resolve) => {
    client.call('meta', null, { metadata: { from: 'me' } }, (...all) => resolve(all))
  })
  assert.deepStrictEqual([error, String(reply)], [null, 'me'])
  assert.deepStrictEqual([trailers.get('to'), trailers.get('raw-bin')], ['you', Buffer.from([0, 255])])
  server.method('fails', (_request, callback) => {
    const details = Buffer.from('d')
    callback(new rpc.StatusError(rpc.status.NOT_FOUND, 'no such', { code: 'ENOENT', details, metadata: { why: 'so' } }))
  })
  await assert.rejects(client.call('fails'), (failed) => {
    assert.deepStrictEqual(
      [failed.code, failed.statusName, failed.message, String(failed.details), failed.metadata.get('why'), failed.sent],
      ['ENOENT', 'NOT_FOUND', 'no such', 'd', 'so', true],
    )
    return true
  })
  await assert.rejects(client.call('nothing'), { code: 'IRONWIRE_RPC_UNKNOWN_METHOD' })
  server.method('nothing', () => Buffer.from('something'))
  assert.strictEqual(String(await client.call('nothing')), 'something')
  let peer
  server.method('who', (_request, callback, call) => {
    peer = call.peer
    callback()
  })
  await client.call('who')
  assert.deepStrictEqual([peer.address, peer.family, typeof peer.port], ['127.0.0.1', 'IPv4', 'number'])
})

test('services of a schema, interceptors on both sides, several calls at once', async (t) => {
  const { server, client } = await pair(t)
  const messages = protobuf(`
    message Id { required uint32 id = 1; }
    message Course { optional string title = 1; }
    service Catalog { rpc Title (Id) returns (Course); rpc Watch (Id) returns (stream Course); }
  `)
  server.addService(messages.Catalog, {
    title: ({ id }, callback) => callback(null, { title: `course ${id}` }),
    async *watch() {},
  })
  const seen = []
  server.use(async (call, next) => {
    seen.push(`server ${call.method} ${call.metadata.get('token')}`)
    return next()
  })
  client.use((call, next) => {
    call.metadata.set('token', 'secret')
    return next()
  })
  const catalog = client.service(messages.Catalog)
  const courses = await client.all([1, 2, 3].map((id) => [catalog.title, { id }]))
  assert.deepStrictEqual(
    courses.map(({ title }) => title),
    ['course 1', 'course 2', 'course 3'],
  )
  assert.deepStrictEqual(seen, Array(3).fill('server /Catalog/Title secret'))
  // Streams need TCP; the error says so.
  const refusal = { code: 'IRONWIRE_RPC_UNSUPPORTED', sent: false, message: /no streams over UDP.*over TCP$/ }
  const stream = catalog.watch({ id: 1 })
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, refusal)
  await assert.rejects(client.stream('echo', [], { clientStreaming: true, serverStreaming: false }), refusal)
})

test('a name, of which every address is tried', async (t) => {
  const { server, port } = await pair(t)
  const named = rpc.connect(`udp://localhost:${port}`)
  t.after(() => named.destroy())
  assert.strictEqual(String(await named.call('echo', Buffer.from('by name'))), 'by name')
  const other = rpc.createServer()
  await bind(other, { host: 'localhost' })
  assert.match(other.udpAddress().address, /^(127\.0\.0\.1|::1)$/)
  await other.close()
  assert.strictEqual(server.listening, true)
})

test('IPv6', { skip: !V6 }, async (t) => {
  const { server, client } = await pair(t, {}, {}, '::1')
  assert.strictEqual(String(await client.call('echo', Buffer.from('six'))), 'six')
  assert.strictEqual(server.udpAddress().family, 'IPv6')
  const only = rpc.createServer()
  await bind(only, { ipv6Only: true })
  assert.strictEqual(only.udpAddress().address, '::1')
  await only.close()
})

test('beside TCP on one server, which closes with both', async (t) => {
  const { server, client } = await pair(t)
  server.listen(0)
  await once(server, 'listening')
  const tcp = rpc.connect(server.address().port)
  t.after(() => tcp.destroy())
  assert.strictEqual(String(await tcp.call('echo', Buffer.from('a'))), 'a')
  assert.strictEqual(String(await client.call('echo', Buffer.from('b'))), 'b')
  assert.strictEqual(server.stats.connections, 2)
  let closes = 0
  server.on('close', () => closes++)
  await server.close()
  assert.deepStrictEqual([closes, server.listening, server.udpAddress(), server.sessions.size], [1, false, null, 0])
  await assert.rejects(server.close(), { code: 'ERR_SERVER_NOT_RUNNING' })
  // The same once more.
  await bind(server)
  await server.close()
  assert.strictEqual(closes, 2)
})

test('a datagram of exactly the limit passes, one more byte is refused, at either end', async (t) => {
  const { server, client } = await pair(t, { udp: { maxDatagramBytes: 700 } }, { udp: { maxDatagramBytes: 1000 } })
  const room = (limit, name) => limit - 44 - name.length
  await client.call('echo')
  server.method('size', (request) => Buffer.from(`${request.length}`))
  // The server accepts less than the client would send.
  const most = room(700, 'size')
  assert.strictEqual(String(await client.call('size', Buffer.alloc(most))), `${most}`)
  const tooLarge = (length, limit) => ({
    code: 'IRONWIRE_RPC_FRAME_TOO_LARGE',
    statusName: 'RESOURCE_EXHAUSTED',
    sent: false,
    message: new RegExp(`its datagram of ${length} bytes is above the limit of ${limit} .*over TCP$`),
  })
  await assert.rejects(client.call('size', Buffer.alloc(most + 1)), tooLarge(701, 700))
  // What the client itself would not send is refused even without a server.
  const alone = rpc.connect('udp://127.0.0.1:9')
  t.after(() => alone.destroy())
  await assert.rejects(alone.call('size', Buffer.alloc(1200)), tooLarge(1248, 1200))
  const metadata = { a: 'x'.repeat(700) }
  await assert.rejects(client.call('size', null, { metadata }), tooLarge(44 + 4 + 2 + 704, 700))

  server.method('give', (request) => Buffer.alloc(request.readUInt16BE(0), 1))
  const ask = (size) => client.call('give', Buffer.from([size >> 8, size & 255]))
  assert.strictEqual((await ask(700 - 21)).length, 700 - 21)
  await assert.rejects(ask(700 - 20), {
    code: 'IRONWIRE_RPC_FRAME_TOO_LARGE',
    statusName: 'RESOURCE_EXHAUSTED',
    sent: true,
    message: /a reply of 680 bytes does not fit into a datagram of 700 .*TCP/,
  })
  // The text of an error is cut instead.
  server.method('talks', (_request, callback) => callback(new Error('é'.repeat(5000))))
  await assert.rejects(client.call('talks'), (error) => /^é+$/.test(error.message) && error.message.length > 300)
})

test('deadlines, cancellation and signals reach the handler', async (t) => {
  const { server, client } = await pair(t)
  await client.call('echo')
  const ended = []
  server.method('waits', (_request, _callback, call) => {
    call.signal.addEventListener('abort', () => ended.push(call.signal.reason.statusName))
  })
  await assert.rejects(client.call('waits', null, { timeout: 30 }), { code: 'IRONWIRE_RPC_TIMEOUT', sent: true })
  await until(() => ended.length === 1)
  const controller = new AbortController()
  const aborted = client.call('waits', null, { signal: controller.signal })
  await until(() => server.running === 1)
  controller.abort(new Error('enough'))
  await assert.rejects(aborted, { name: 'AbortError', code: 'IRONWIRE_RPC_ABORTED' })
  await until(() => ended.length === 2)
  const error = await new Promise((resolve) => {
    const call = client.call('waits', null, resolve)
    until(() => server.running === 1).then(() => call.cancel())
  })
  assert.strictEqual(error.code, 'IRONWIRE_RPC_ABORTED')
  await until(() => ended.length === 3)
  assert.deepStrictEqual(ended, ['DEADLINE_EXCEEDED', 'CANCELLED', 'CANCELLED'])
  // A client that leaves takes its calls with it.
  const gone = client.call('waits')
  await until(() => server.running === 1)
  client.destroy()
  await assert.rejects(gone, { code: 'IRONWIRE_RPC_CLOSED', sent: true })
  await until(() => ended.length === 4)
  await until(() => server.sessions.size === 0)
})

test('a client that keeps cancelling its calls is dropped, and comes back', async (t) => {
  const { server, client } = await pair(t, { maxCancelsPerSecond: 3 })
  await client.call('echo')
  const errors = []
  server.on('protocolError', (error) => errors.push(error.message))
  server.method('waits', () => {})
  // Also if only the next call in the slot says that the last one is over: none of these cancels reaches the server.
  const core = [...client.links][0].core
  core.cancel = () => {}
  const disconnected = once(client, 'disconnect')
  for (let i = 0; errors.length === 0 && i < 100; i++) {
    const before = server.stats.calls
    client.call('waits', null, { idempotent: false }, () => {}).cancel()
    await until(() => server.stats.calls > before || errors.length > 0)
  }
  assert.match(errors[0], /cancelled more than 3 calls within a second/)
  assert.strictEqual(server.stats.cancelFloods, 1)
  await disconnected
  assert.strictEqual(String(await client.call('echo', Buffer.from('again'))), 'again')
  assert.strictEqual(
    server.udp.core.bytes,
    [...server.udp.core.answered].reduce((sum, { cost }) => sum + cost, 0),
  )
})

test('connections end at their age limit, and no call fails', async (t) => {
  const { server, client } = await pair(t, { maxConnectionAge: 30 }, { reconnect: { initialDelay: 1 } })
  for (let i = 0; server.stats.aged < 3; i++) {
    assert.strictEqual(String(await client.call('echo', Buffer.from(`${i}`), { idempotent: false })), `${i}`)
    await new Promise(setImmediate)
  }
  assert.ok(client.stats.connections >= 2)
})

test('over UDP, a call without a deadline gets one', async (t) => {
  const { server, client } = await pair(t, {}, { timeout: Infinity })
  let remaining
  server.method('time', (_request, callback, call) => {
    remaining = call.remaining
    callback()
  })
  await client.call('time', null, { timeout: 0 })
  assert.ok(remaining > 20_000 && remaining <= 30_000, `${remaining}`)
})

test('one-way calls, and calls that may not run twice', async (t) => {
  const { server, client } = await pair(t)
  const got = []
  server.method('note', (request) => void got.push(String(request)))
  for (const note of ['a', 'b', 'c']) await client.call('note', Buffer.from(note), { oneWay: true })
  await until(() => got.length === 3)
  assert.deepStrictEqual(got, ['a', 'b', 'c'])
  assert.strictEqual(client.stats.oneWay, 3)
  assert.strictEqual(String(await client.call('echo', Buffer.from('x'), { idempotent: false })), 'x')
})

test('callbacks run once, never inside the call, and one that throws costs no other', async (t) => {
  const { client } = await pair(t)
  await client.call('echo')
  const thrown = []
  const handler = (error) => thrown.push(error.message)
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', handler)
  t.after(() => {
    process.off('uncaughtException', handler)
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
  const counts = Array(100).fill(0)
  let inside = true
  await new Promise((resolve) => {
    let left = counts.length
    for (const i of counts.keys()) {
      client.call('echo', Buffer.from(`${i}`), (error, reply) => {
        assert.strictEqual(inside, false)
        counts[i]++
        if (--left === 0) setImmediate(resolve)
        assert.deepStrictEqual([error, String(reply)], [null, `${i}`])
        if (i % 10 === 0) throw new Error(`thrown ${i}`)
      })
    }
    inside = false
  })
  assert.deepStrictEqual(counts, Array(100).fill(1))
  assert.strictEqual(thrown.length, 10)
})

test('as many handlers run as allowed, the other calls wait their turn', async (t) => {
  const { server, client } = await pair(t, { maxConcurrency: 2 }, { maxInFlight: 50 })
  let most = 0
  server.method('slow', async (request) => {
    most = Math.max(most, server.running)
    await new Promise(setImmediate)
    return request
  })
  const replies = await Promise.all(Array.from({ length: 40 }, (_, i) => client.call('slow', Buffer.from([i]))))
  assert.deepStrictEqual(
    replies.map(([i]) => i),
    Array.from({ length: 40 }, (_, i) => i),
  )
  assert.strictEqual(most, 2)
  assert.strictEqual(server.stats.calls, 40)
})

test('a call that ends makes room for the next, however it ends', async (t) => {
  const { server, client } = await pair(t, {}, { udp: { maxInFlight: 1 } })
  await client.call('echo')
  server.method('never', () => {})
  const failed = []
  for (let i = 0; i < 5; i++) {
    const call = client.call('never', null, { timeout: i === 4 ? 50 : 60_000 }, (error) => failed.push(error.code))
    const next = client.call('echo', Buffer.from(`${i}`))
    await until(() => server.running === 1)
    if (i < 4) call.cancel()
    assert.strictEqual(String(await next), `${i}`)
  }
  assert.deepStrictEqual(failed, [...Array(4).fill('IRONWIRE_RPC_ABORTED'), 'IRONWIRE_RPC_TIMEOUT'])
})

test('requests of a client that wait take no more memory than they may', async (t) => {
  const { server, client } = await pair(t, { maxPendingBytes: 1 })
  const finish = []
  server.method('waits', (_request, callback) => void finish.push(callback))
  const calls = [client.call('waits', Buffer.from('1'))]
  await until(() => finish.length === 1)
  await assert.rejects(client.call('waits', Buffer.from('2')), {
    code: 'IRONWIRE_RPC_TOO_MANY_CALLS',
    statusName: 'RESOURCE_EXHAUSTED',
    message: /too much of this connection waits already/,
  })
  finish[0](null, Buffer.from('done'))
  assert.strictEqual(String(await calls[0]), 'done')
  assert.strictEqual(String(await client.call('echo', Buffer.from('room'))), 'room')
})

test('datagrams that the system refuses are lost, and its errors end no connection', async (t) => {
  const { server, client } = await pair(t, { maxOutgoingBytes: 1000 }, { udp: { resendAfter: 5, maxResendAfter: 10 } })
  await client.call('echo')
  const { socket } = server.udp
  socket.emit('error', new Error('recvmsg ECONNRESET'))
  let queued = 1001
  socket.getSendQueueSize = () => queued
  const call = client.call('echo', Buffer.from('at last'))
  await until(() => server.stats.duplicates > 2)
  queued = 1000
  assert.strictEqual(String(await call), 'at last')
})

// ---- networks and servers that fail

/** A relay between client and server: `fate(bytes)` returns how often each datagram passes. Returns its port. */
async function relay(t, port, fate) {
  const front = dgram.createSocket('udp4')
  const backs = new Map()
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  const pass = (bytes, socket, to) => {
    for (let i = fate(bytes); i > 0; i--) socket.send(bytes, to, '127.0.0.1')
  }
  front.on('message', (bytes, from) => {
    let back = backs.get(from.port)
    if (back === undefined) {
      back = dgram.createSocket('udp4')
      back.on('message', (answer) => pass(answer, front, from.port))
      backs.set(from.port, back)
    }
    pass(bytes, back, port)
  })
  t.after(() => {
    front.close()
    for (const back of backs.values()) back.close()
  })
  /** Like a NAT, it uses another address for everything sent from now on. */
  const forget = () => {
    for (const back of backs.values()) back.close()
    backs.clear()
  }
  return { port: front.address().port, forget }
}

test('through a network that loses a tenth of the datagrams and doubles another tenth', async (t) => {
  const random = randomOf(3)
  const { server, port } = await pair(t)
  const runs = new Map()
  server.method('count', (request, callback) => {
    const name = String(request)
    runs.set(name, (runs.get(name) ?? 0) + 1)
    if (name.endsWith('5')) setImmediate(callback, null, request)
    else callback(null, request)
  })
  const { port: through } = await relay(t, port, () => (random() < 0.1 ? 0 : random() < 0.1 ? 2 : 1))
  const client = rpc.connect(`udp://127.0.0.1:${through}`, { udp: { resendAfter: 5, maxResendAfter: 40 } })
  t.after(() => client.destroy())
  const names = Array.from({ length: 100 }, (_, i) => `call ${i}`)
  const replies = await Promise.all(names.map((name) => client.call('count', Buffer.from(name))))
  assert.deepStrictEqual(replies.map(String), names)
  assert.deepStrictEqual([...runs.values()], Array(100).fill(1))
  assert.ok(client.stats.resends > 0 && server.stats.duplicates > 0)
})

test('the system reports that nobody listens, and the client reconnects by itself', async (t) => {
  const port = await freeUdpPort()
  const client = rpc.connect(`udp://127.0.0.1:${port}`, { reconnect: { initialDelay: 5, maxDelay: 20 } })
  t.after(() => client.destroy())
  const [{ error }] = await once(client, 'reconnect')
  assert.deepStrictEqual([error.code, error.address, error.port], ['ECONNREFUSED', '127.0.0.1', port])
  const early = client.call('echo', Buffer.from('early'))
  const why = ({ code, statusName, sent, cause }) => [code, statusName, sent, cause.code]
  await assert.rejects(client.call('echo', null, { timeout: 20 }), (error) => {
    assert.deepStrictEqual(why(error), ['IRONWIRE_RPC_TIMEOUT', 'DEADLINE_EXCEEDED', false, 'ECONNREFUSED'])
    return true
  })
  const proud = rpc.connect(`udp://127.0.0.1:${port}`, { queue: false, reconnect: { initialDelay: 1000 } })
  t.after(() => proud.destroy())
  await once(proud, 'reconnect')
  await assert.rejects(proud.call('echo'), (error) => {
    assert.deepStrictEqual(why(error), ['IRONWIRE_RPC_NOT_CONNECTED', 'UNAVAILABLE', false, 'ECONNREFUSED'])
    return true
  })
  const single = rpc.connect(`udp://127.0.0.1:${port}`, { reconnect: false })
  const [failed] = await once(single, 'error')
  assert.strictEqual(failed.code, 'ECONNREFUSED')
  const server = rpc.createServer()
  server.method('echo', (request) => request)
  await bind(server, port)
  t.after(() => {
    server.closeAllConnections()
    return server.close()
  })
  assert.strictEqual(String(await early), 'early')
})

test('a server that is replaced under load: each call ends once, and the errors of calls that must not run twice say whether they were sent', async (t) => {
  const port = await freeUdpPort()
  const runs = new Map()
  const create = async (name) => {
    const server = rpc.createServer()
    server.method('work', (request, callback) => {
      const key = `${name} ${request}`
      runs.set(key, (runs.get(key) ?? 0) + 1)
      setTimeout(callback, 1 + (request[0] % 4), null, Buffer.from(`${request}`))
    })
    await bind(server, port)
    return server
  }
  let server = await create(0)
  const client = rpc.connect(`udp://127.0.0.1:${port}`, {
    reconnect: { initialDelay: 2, maxDelay: 20 },
    udp: { resendAfter: 10, maxResendAfter: 50 },
  })
  t.after(async () => {
    client.destroy()
    server.closeAllConnections()
    await server.close()
  })
  const ends = new Map()
  let made = 0
  const make = () => {
    const name = `call ${made++}`
    const idempotent = made % 5 !== 0
    client.call('work', Buffer.from(name), { idempotent }, (error, reply) => {
      ends.set(name, [...(ends.get(name) ?? []), error ?? String(reply)])
      if (error !== null) {
        assert.deepStrictEqual([error.code, error.sent], ['IRONWIRE_RPC_CONNECTION_LOST', true], error.message)
        assert.ok(!idempotent || error.statusName === 'UNAVAILABLE')
      }
    })
  }
  for (let life = 1; life <= 4; life++) {
    const next = ends.size + 60
    for (let i = 0; i < 80; i++) make()
    await until(() => ends.size >= next)
    // To its clients, this looks as if it was killed.
    const old = server
    const closed = old.close()
    old.closeAllConnections()
    await closed
    server = await create(life)
  }
  await until(() => ends.size === made)
  for (const [name, results] of ends) {
    assert.strictEqual(results.length, 1, name)
    assert.ok(results[0] === name || results[0].code === 'IRONWIRE_RPC_CONNECTION_LOST')
  }
  for (const [key, times] of runs) assert.strictEqual(times, 1, key)
  assert.ok([...ends.values()].filter(([end]) => typeof end === 'string').length > made / 2)
})

test('closeAllConnections() ends running calls, and the clients notice', async (t) => {
  const { server, client } = await pair(t, {}, { udp: { resendAfter: 10, maxResendAfter: 20 } })
  let runs = 0
  server.method('once', (_request, callback) => {
    if (++runs === 2) callback(null, Buffer.from('second'))
  })
  let neverRuns = 0
  server.method('never', () => {
    neverRuns++
  })
  const twice = client.call('once')
  const never = client.call('never', null, { idempotent: false })
  await until(() => runs === 1 && neverRuns === 1)
  server.closeAllConnections()
  await assert.rejects(never, { code: 'IRONWIRE_RPC_CONNECTION_LOST', statusName: 'UNAVAILABLE', sent: true })
  assert.strictEqual(String(await twice), 'second')
  assert.deepStrictEqual([server.stats.connections, neverRuns], [2, 1])
})

test('without retries, no call is repeated at a restarted server', async (t) => {
  const { server, client } = await pair(t, {}, { retry: false, udp: { resendAfter: 10, maxResendAfter: 20 } })
  let runs = 0
  server.method('once', () => {
    runs++
  })
  const once = client.call('once')
  await until(() => runs === 1)
  server.closeAllConnections()
  await assert.rejects(once, { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true })
  assert.strictEqual(runs, 1)
})

test('a client whose address changes is recognized', async (t) => {
  const { server, port } = await pair(t)
  const peers = []
  let finish
  server.method('where', (_request, callback, call) => {
    peers.push(call.peer.port)
    finish = callback
  })
  const { port: through, forget } = await relay(t, port, () => 1)
  const client = rpc.connect(`udp://127.0.0.1:${through}`, { udp: { resendAfter: 10, maxResendAfter: 20 } })
  t.after(() => client.destroy())
  const first = client.call('where')
  await until(() => finish !== undefined)
  forget()
  // Nobody has the old address any more, so the client asks again from the new one.
  await until(
    () => server.stats.duplicates > 0 && server.udp.core.connections.values().next().value.from.port !== peers[0],
  )
  finish(null, Buffer.from('found'))
  assert.strictEqual(String(await first), 'found')
  const second = client.call('where', null, { idempotent: false })
  await until(() => peers.length === 2)
  finish()
  await second
  assert.notStrictEqual(peers[1], peers[0])
  assert.deepStrictEqual([server.stats.connections, server.stats.calls], [1, 2])
})

test('a closing server answers running calls; later ones go to the next server', async (t) => {
  const { server, client, port } = await pair(t, {}, { reconnect: { initialDelay: 2, maxDelay: 20 } })
  let finish
  server.method('slow', (_request, callback) => {
    finish = () => callback(null, Buffer.from('old'))
  })
  const slow = client.call('slow')
  await until(() => finish !== undefined)
  let isClosed = false
  const closed = server.close().then(() => {
    isClosed = true
  })
  await once(client, 'disconnect')
  const later = client.call('slow', null, { idempotent: false })
  await new Promise(setImmediate)
  assert.strictEqual(isClosed, false)
  finish()
  assert.strictEqual(String(await slow), 'old')
  await closed
  const next = rpc.createServer()
  next.method('slow', () => Buffer.from('new'))
  await bind(next, port)
  t.after(() => {
    next.closeAllConnections()
    return next.close()
  })
  assert.strictEqual(String(await later), 'new')
})

test('a client closes when its calls have ended, and its server forgets it', async (t) => {
  const { server, client } = await pair(t)
  let finish
  server.method('slow', (_request, callback) => {
    finish = callback
  })
  const slow = client.call('slow')
  await until(() => finish !== undefined)
  const closed = client.close()
  await assert.rejects(client.call('echo'), { code: 'IRONWIRE_RPC_CLOSED', sent: false })
  finish(null, Buffer.from('done'))
  assert.strictEqual(String(await slow), 'done')
  await closed
  await until(() => server.sessions.size === 0)
})

// ---- refusals

test('several servers on one port, where Node can do it', async (t) => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const servers = [rpc.createServer(), rpc.createServer()]
  if (major < 22 || (major === 22 && minor < 12) || (major === 23 && minor < 1) || process.platform !== 'linux') {
    if (process.platform !== 'linux') return t.skip()
    return assert.throws(() => servers[0].bindUdp({ reusePort: true }), { message: /needs Node 22\.12/ })
  }
  let port = 0
  for (const [i, server] of servers.entries()) {
    server.method('who', () => Buffer.from([i]))
    await bind(server, { port, reusePort: true })
    port = server.udpAddress().port
  }
  const clients = Array.from({ length: 20 }, () => rpc.connect(`udp://127.0.0.1:${port}`))
  t.after(async () => {
    for (const client of clients) client.destroy()
    for (const server of servers) {
      server.closeAllConnections()
      await server.close()
    }
  })
  for (const client of clients) {
    const [first, second] = [await client.call('who'), await client.call('who')]
    assert.strictEqual(first[0], second[0])
  }
  assert.strictEqual(servers[0].stats.calls + servers[1].stats.calls, 40)
})

test('calls, bytes, limits and refusals are counted as over TCP', async (t) => {
  // Nothing is sent twice, however slow this machine is.
  t.mock.method(Pace.prototype, 'measured', () => {})
  const { server, client } = await pair(
    t,
    { udp: { maxAnswers: 1 } },
    { udp: { resendAfter: 60_000, maxResendAfter: 60_000 } },
  )
  const drops = []
  await client.call('echo', Buffer.from('12345'))
  await client.call('nothing').catch(() => {})
  // Hello, request, request; welcome, reply, error.
  assert.deepStrictEqual([server.stats.bytesIn, server.stats.bytesOut], [1200 + 44 + 9 + 44 + 7, 43 + 21 + 5 + 21 + 4])
  assert.deepStrictEqual([client.stats.bytesOut, client.stats.bytesIn], [server.stats.bytesIn, server.stats.bytesOut])
  server.method('slow', (_request, callback) => void drops.push(callback))
  const slow = client.call('slow')
  await until(() => drops.length === 1)
  await assert.rejects(client.call('echo'), { code: 'IRONWIRE_RPC_TOO_MANY_CALLS', statusName: 'RESOURCE_EXHAUSTED' })
  drops[0](null, Buffer.from('done'))
  await slow
  await assert.rejects(client.call('echo', Buffer.alloc(1200)), { code: 'IRONWIRE_RPC_FRAME_TOO_LARGE' })
  const { methods, limits, refusals } = server.stats()
  assert.deepStrictEqual(refusals, { unknownMethod: 1, 'udp.maxAnswers': 1 })
  assert.deepStrictEqual(limits, { 'udp.maxAnswers': 1 })
  assert.deepStrictEqual(
    Object.entries(methods).map(([name, { started, pending, statuses }]) => [name, started, pending, statuses]),
    [
      ['echo', 2, 0, { OK: 1, RESOURCE_EXHAUSTED: 1 }],
      ['_OTHER', 1, 0, { UNIMPLEMENTED: 1 }],
      ['slow', 1, 0, { OK: 1 }],
    ],
  )
  assert.deepStrictEqual(client.stats().limits, { 'udp.maxDatagramBytes': 1 })
  assert.deepStrictEqual(
    [client.stats.calls, client.stats.replies, client.stats.errors, client.stats.pending],
    [5, 2, 3, 0],
  )
  const text = rpc.metrics()
  for (const name of ['client_resends_total', 'client_ignored_datagrams_total', 'server_duplicates_total']) {
    assert.match(text, new RegExp(`^ironwire_rpc_${name} \\d+$`, 'm'))
  }
})

test('a server with its maximum of clients says so, and accepts the next one later', async (t) => {
  const { server, client, port } = await pair(t, { udp: { maxConnections: 1 } })
  await client.call('echo')
  const drop = once(server, 'drop')
  const next = rpc.connect(`udp://127.0.0.1:${port}`, { reconnect: { initialDelay: 5, maxDelay: 10 } })
  t.after(() => next.destroy())
  const [{ error }] = await once(next, 'reconnect')
  assert.match(error.message, /The server has 1 connections already/)
  assert.strictEqual((await drop)[0].remoteAddress, '127.0.0.1')
  assert.ok(server.stats.connectionsRefused > 0)
  const call = next.call('echo', Buffer.from('now'))
  await client.close()
  assert.strictEqual(String(await call), 'now')
})

test('invalid options and targets are refused by name', async (t) => {
  for (const [options, message] of [
    [{ udp: { maxDatagramBytes: 100 } }, /options\.udp\.maxDatagramBytes.*>= 512/],
    [{ udp: { maxDatagramBytes: 70_000 } }, /<= 65_?507/],
    [{ udp: { resendAfter: 0 } }, /options\.udp\.resendAfter/],
    [{ udp: { resendAfter: 5000 } }, /<= 4000, which is maxResendAfter/],
    [{ udp: { maxInFlight: 70_000 } }, /options\.udp\.maxInFlight/],
    [{ udp: { maxAnswers: 1 } }, /There is no option "options\.udp\.maxAnswers"/],
    [{ udp: 5 }, /options\.udp/],
  ]) {
    assert.throws(() => rpc.connect('udp://127.0.0.1:1', options), { message }, message.source)
  }
  for (const [options, message] of [
    [{ udp: { maxConnections: 0 } }, /options\.udp\.maxConnections/],
    [{ udp: { maxAnswers: '1' } }, /options\.udp\.maxAnswers/],
    [{ udp: { maxAnswerBytes: 1 } }, /options\.udp\.maxAnswerBytes/],
    [{ udp: { answerLifetime: 5 } }, /options\.udp\.answerLifetime/],
    [{ udp: { resendAfter: 5 } }, /There is no option/],
  ]) {
    assert.throws(() => rpc.createServer(options), { message }, message.source)
  }
  assert.throws(() => rpc.connect('udp://localhost:0'), { code: 'ERR_INVALID_ARG_VALUE', message: /a port from 1 on/ })
  assert.throws(() => rpc.connect('127.0.0.1:1', { udp: {} }), {
    message: /is for a client of 'udp:\/\/host:port' only/,
  })
  for (const target of ['udp://', 'udp://host', 'udp:///run/sock', 'udp://host:1/x', 'udp://[1::2:3']) {
    assert.throws(() => rpc.connect(target), { code: 'ERR_INVALID_ARG_VALUE', message: /'udp:\/\/host:port'/ }, target)
  }
  assert.throws(() => rpc.connect(['udp://a:1']), { message: /is over UDP: .* not in a list/ })
  assert.throws(() => new rpc.Client('udp://a:1'), { message: /is over UDP: 'rpc.connect' takes it alone/ })
  // A secret would protect nothing over UDP.
  const refusal = { code: 'ERR_INVALID_ARG_VALUE', message: /'options.secret' works over TCP only/ }
  const secret = 'correct horse battery staple'
  assert.throws(() => rpc.connect('udp://127.0.0.1:1', { secret }), refusal)
  assert.throws(() => rpc.createServer({ secret }).bindUdp(0), refusal)
  const server = rpc.createServer()
  assert.throws(() => server.bindUdp({ path: '/tmp/x' }), { code: 'IRONWIRE_UNKNOWN_OPTION' })
  assert.throws(() => server.bindUdp(70_000), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => server.bindUdp(0, 'x'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => server.bindUdp({ host: 5 }), { code: 'ERR_INVALID_ARG_TYPE' })
  await bind(server)
  t.after(() => server.close())
  assert.throws(() => server.bindUdp(0), { code: 'ERR_SERVER_ALREADY_LISTEN' })
  const second = rpc.createServer()
  second.bindUdp(server.udpAddress().port)
  const [error] = await once(second, 'error')
  assert.strictEqual(error.code, 'EADDRINUSE')
  assert.strictEqual(second.listening, false)
})

test('foreign datagrams are counted and ignored, by servers and clients', async (t) => {
  const { server, client, port } = await pair(t)
  await client.call('echo')
  const socket = dgram.createSocket('udp4')
  t.after(() => socket.close())
  for (const text of ['', 'x', 'GET / HTTP/1.1\r\n\r\n', 'IWRU', 'IWRU\x01\x02']) socket.send(text, port, '127.0.0.1')
  await until(() => server.stats.ignored === 5)
  assert.strictEqual(String(await client.call('echo', Buffer.from('still'))), 'still')
})

// ---- processes

function child(program) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['-e', `const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))});${program}`],
    { timeout: 60_000, encoding: 'utf8' },
  )
  assert.deepStrictEqual([status, signal, stderr], [0, null, ''])
  return stdout
}

test('a process ends when its servers and clients are closed or unref’d', () => {
  const begin = `const server = rpc.createServer(); server.method('echo', (r) => r)
    server.bindUdp(0, async () => {
      const client = rpc.connect('udp://127.0.0.1:' + server.udpAddress().port)
      console.log(String(await client.call('echo', Buffer.from('hi'))))`
  assert.strictEqual(
    child(`${begin}; await client.close(); await server.close(); console.log('closed') })`),
    'hi\nclosed\n',
  )
  assert.strictEqual(
    child(`${begin}; client.unref(); server.unref(); client.call('nothing').catch(() => {}) })`),
    'hi\n',
  )
  child('rpc.createServer().unref().bindUdp(0)')
})
