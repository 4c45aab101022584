'use strict'

// Listening, the age of connections, concurrent calls per connection, and limits of cancelled and timed-out calls.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const os = require('node:os')
const test = require('node:test')
const { rpc } = require('../../index.js')
const { pair, listening, Kind, frame, method, handClient, handServer, sleep, until } = require('./tools.js')

const hasIPv6 = Object.values(os.networkInterfaces()).some((list) => list.some(({ address }) => address === '::1'))

const call = (sequence) => frame(Kind.REQUEST, sequence, { code: 0 })

test('without a host, a server is reached from this machine only', async (t) => {
  const places = {
    '127.0.0.1': [
      [],
      [0],
      ['0'],
      [0, null, 5],
      [0, undefined],
      [0, ''],
      [0, 5],
      [null],
      [{ port: 0 }],
      [{ port: 0, host: '' }],
    ],
    '0.0.0.0': [[0, '0.0.0.0'], [{ port: 0, host: '0.0.0.0' }]],
  }
  if (hasIPv6) places['::1'] = [[{ port: 0, ipv6Only: true }], [0, '::1']]
  for (const [address, forms] of Object.entries(places)) {
    for (const form of forms) {
      for (const withCallback of [false, true]) {
        const server = rpc.createServer()
        t.after(() => server.listening && server.close(() => {}))
        let called = 0
        assert.equal(server.listen(...form, ...(withCallback ? [() => called++] : [])), server)
        await once(server, 'listening')
        assert.equal(server.address().address, address, `listen(${JSON.stringify(form)})`)
        assert.equal(called, withCallback ? 1 : 0)
        await server.close()
      }
    }
  }
})

test('invalid listen addresses give the errors of net', () => {
  for (const form of [[-1], [70_000], [{}], [{ port: 'x' }]]) {
    assert.throws(() => rpc.createServer().listen(...form), { code: /^ERR_(SOCKET_BAD_PORT|INVALID_ARG_VALUE)$/ })
  }
})

test('connections are replaced at their age limit, and no call fails', async (t) => {
  const { server, client } = await pair(t, { maxConnectionAge: 20 }, { reconnect: { initialDelay: 1 } })
  server.method('slow', async (body) => {
    await sleep(5)
    return body
  })
  let made = 0
  const caller = async () => {
    while (server.stats.aged < 5) {
      const body = Buffer.from(String(made++))
      assert.deepEqual(await client.call('slow', body), body)
    }
  }
  await Promise.all(Array.from({ length: 8 }, caller))
  assert.equal(client.stats.errors, 0)
  assert.ok(server.stats.connections >= 5, `${server.stats.connections} connections`)
  await until(() => server.sessions.size <= 1)
})

test('a call that outlives its connection and the grace period fails', async (t) => {
  const { server, client } = await pair(t, { maxConnectionAge: 10, maxConnectionAgeGrace: 10 })
  server.method('never', () => {})
  await assert.rejects(client.call('never', null), { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true })
  await until(() => client.connected)
})

test('half duplex: a call is sent when the previous one is answered', async (t) => {
  const requests = []
  const hand = await handServer(t, ({ kind, sequence }, socket) => {
    if (kind !== Kind.REQUEST) return
    requests.push(sequence)
    // Everything else that was sent with it has arrived by then.
    setTimeout(() => {
      assert.equal(requests.length, 1)
      requests.length = 0
      socket.write(frame(Kind.REPLY, sequence, { body: 'x' }))
    }, 2)
  })
  const client = rpc.connect(`127.0.0.1:${hand.port}`, { maxInFlight: 1 })
  t.after(() => client.destroy())
  const order = []
  await Promise.all(Array.from({ length: 10 }, (_, i) => client.call('x', null).then(() => order.push(i))))
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

/** A server that never answers. `maxCancelsPerSecond` calls may be cancelled, or `Infinity`. */
async function holding(t, maxCancelsPerSecond) {
  const made = await listening(t, { maxCancelsPerSecond })
  made.server.method('hold', () => {})
  return made
}

/** `count` calls, each cancelled at once. */
function cancels(from, count) {
  const frames = []
  for (let i = from; i < from + count; i++) frames.push(call(i), frame(Kind.CANCEL, i))
  return Buffer.concat(frames)
}

const ended = (number) => (unit) => unit.kind === Kind.ERROR && unit.sequence === number

test('a client that cancels too many calls at once is dropped; as many over a longer time are allowed', async (t) => {
  const { server, port } = await holding(t, 100)
  const protocolErrors = []
  server.on('protocolError', (error) => protocolErrors.push(error))

  const patient = await handClient(t, port)
  patient.socket.write(Buffer.concat([method(0, 'hold'), cancels(0, 70)]))
  await patient.next(ended(69))
  await sleep(500)
  patient.socket.write(cancels(70, 70))
  await patient.next(ended(139))
  assert.equal(server.stats.cancelFloods, 0)

  const flood = await handClient(t, port)
  const closed = once(flood.socket, 'close')
  flood.socket.write(Buffer.concat([method(0, 'hold'), cancels(0, 150)]))
  const goaway = await flood.next(({ kind }) => kind === Kind.GOAWAY)
  assert.equal(goaway.payload.readUInt16BE(0), 6)
  assert.match(goaway.payload.toString('utf8', 2), /^The peer cancelled more than 100 calls within a second$/)
  await closed
  assert.equal(server.stats.cancelFloods, 1)
  await until(() => protocolErrors.length === 1)
  // The other connection is served as before.
  patient.socket.write(Buffer.concat([call(1), frame(Kind.CANCEL, 1)]))
  await patient.next(ended(1))
})

test('Infinity removes the limit, 0 is invalid', async (t) => {
  const { server, port } = await holding(t, Infinity)
  const { socket, next } = await handClient(t, port)
  socket.write(Buffer.concat([method(0, 'hold'), cancels(0, 9_000)]))
  await next(ended(8_999))
  assert.equal(server.stats.cancelFloods, 0)
  assert.throws(() => rpc.createServer({ maxCancelsPerSecond: 0 }), { code: 'ERR_OUT_OF_RANGE' })
})

/**
 * A server whose handlers end with their calls, so that none continues afterwards. `maxTimeoutsPerSecond` calls may run
 * out of time.
 */
async function ending(t, maxTimeoutsPerSecond) {
  const { server, port } = await listening(t, { maxTimeoutsPerSecond })
  server.started = 0
  server.method('patient', (_request, callback, { signal }) => {
    server.started++
    signal.addEventListener('abort', () => callback())
  })
  server.method('echo', (request, callback) => callback(null, request))
  const client = await handClient(t, port)
  client.socket.write(Buffer.concat([method(0, 'patient'), method(1, 'echo')]))
  return { server, port, ...client }
}

/** `count` calls that have `remaining` milliseconds. */
const hasty = (from, count, remaining) =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) => frame(Kind.REQUEST, from + i, { code: 0, remaining, body: '' })),
  )

test('a client with too many timed-out calls has to wait', async (t) => {
  const { server, port, socket, next } = await ending(t, 1)
  socket.write(hasty(0, 50, 1))
  await next(ended(49))
  assert.deepEqual([server.started, server.stats.timeoutFloods], [50, 1])
  // These calls run out of time before a handler is called.
  socket.write(hasty(50, 50, 1))
  await next(ended(99))
  assert.deepEqual([server.started, server.stats.timeoutFloods, server.stats.timeouts], [50, 1, 100])
  socket.write(hasty(100, 50, 60_000))
  const [session] = server.sessions
  await until(() => session.waiting.size === 50)
  // Another connection is not affected.
  const other = rpc.connect(port)
  t.after(() => other.destroy())
  assert.equal(String(await other.call('echo', Buffer.from('at once'))), 'at once')
  socket.destroy()
  await until(() => server.sessions.size === 1)
  assert.deepEqual([server.started, server.running, server.queue.size], [50, 0, 0])
})

test('a client that had to wait is served in its turn', async (t) => {
  const { server, socket, next } = await ending(t, 200)
  for (let from = 0; server.stats.timeoutFloods === 0; from += 100) {
    socket.write(hasty(from, 100, 1))
    await next(ended(from + 99))
  }
  const [session] = server.sessions
  socket.write(frame(Kind.REQUEST, 5, { code: 1, body: 'later' }))
  const { payload } = await next((unit) => unit.kind === Kind.REPLY)
  assert.equal(String(payload), 'later')
  assert.deepEqual([session.busy, server.queue.size], [false, 0])
})

test('calls that are answered in time do not count as timed out, and Infinity removes the limit', async (t) => {
  const { server, socket, next } = await ending(t, 1)
  for (let i = 0; i < 100; i++) socket.write(frame(Kind.REQUEST, i, { code: 1, remaining: 60_000, body: 'x' }))
  await next((unit) => unit.sequence === 99)
  assert.equal(server.stats.timeoutFloods, 0)
  const { server: unlimited, socket: flood, next: of } = await ending(t, Infinity)
  flood.write(hasty(0, 100, 1))
  await of(ended(99))
  assert.deepEqual([unlimited.started, unlimited.stats.timeoutFloods], [100, 0])
  assert.throws(() => rpc.createServer({ maxTimeoutsPerSecond: 0 }), { code: 'ERR_OUT_OF_RANGE' })
})
