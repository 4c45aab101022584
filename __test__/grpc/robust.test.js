'use strict'

// What long-lived clients and servers meet: restarts, dead peers, pings, age limits, and bursts of cancelled calls.

const assert = require('node:assert/strict')
const net = require('node:net')
const { test } = require('node:test')
const { grpc, peer, missing, service, serve, bind, connect } = require('./support.js')
const { kAcceptors, kLinks } = require('../../lib/grpc/symbols.js')

const { status, connectivityState } = grpc
const { IDLE, READY } = connectivityState

const one = (client, ...args) =>
  new Promise((resolve, reject) =>
    client.one(...args, (error, value) => (error === null ? resolve(value) : reject(error))),
  )

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

const echo = { one: ({ request }, callback) => callback(null, request), many() {}, chat: (call) => call.pipe(call) }

/** Callers that make calls until `stop()`, which returns how the calls ended. */
function load(client, callers, metadata = new grpc.Metadata()) {
  const ends = {}
  let stopped = false
  const call = async () => {
    while (!stopped) {
      const end = await one(client, 'x', metadata, { deadline: Date.now() + 20_000 }).then(
        () => 'OK',
        ({ code }) => status[code],
      )
      ends[end] = (ends[end] ?? 0) + 1
      // Refused calls end at once, so other work must get its turn.
      await turn()
    }
  }
  const all = Array.from({ length: callers }, call)
  return {
    ends,
    async stop() {
      stopped = true
      await Promise.all(all)
      return ends
    },
  }
}

test('a server restarts under load, and no call hangs', async (t) => {
  const options = { 'grpc.initial_reconnect_backoff_ms': 5, 'grpc.max_reconnect_backoff_ms': 20 }
  let { server, port } = await serve(t, grpc, echo)
  const patient = load(connect(t, grpc, port, options), 20, new grpc.Metadata({ waitForReady: true }))
  const eager = load(connect(t, grpc, port, options), 20)
  for (const how of ['forceShutdown', 'tryShutdown', 'forceShutdown']) {
    const before = patient.ends.OK ?? 0
    await until(() => (patient.ends.OK ?? 0) > before + 40)
    const gone = new Promise((resolve) => server.tryShutdown(resolve))
    if (how === 'forceShutdown') server.forceShutdown()
    await gone
    const refused = eager.ends.UNAVAILABLE ?? 0
    await until(() => (eager.ends.UNAVAILABLE ?? 0) > refused + 20)
    server = new grpc.Server()
    t.after(() => server.forceShutdown())
    server.addService(service, echo)
    await bind(grpc, server, `127.0.0.1:${port}`)
  }
  const before = [patient.ends.OK, eager.ends.OK]
  await until(() => patient.ends.OK > before[0] + 40 && eager.ends.OK > before[1] + 40)
  for (const { stop } of [patient, eager]) {
    for (const end of Object.keys(await stop())) assert.match(end, /^(OK|UNAVAILABLE|CANCELLED)$/)
  }
})

/** A relay to a port that can be cut without either side noticing. */
async function relay(t, port) {
  const sockets = []
  let cut = false
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.push(from.on('error', () => {}))
      from.on('data', (data) => cut || to.write(data))
      from.on('end', () => cut || to.end())
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: server.address().port,
    cut(value) {
      cut = value
    },
  }
}

test('both ends notice a peer that vanished, and the client connects again', async (t) => {
  const keepalive = { 'grpc.keepalive_time_ms': 50, 'grpc.keepalive_timeout_ms': 100 }
  const ended = []
  const handlers = { ...echo, many: (call) => call.on('cancelled', () => ended.push('server')) }
  const { port, server } = await serve(t, grpc, handlers, keepalive)
  const way = await relay(t, port)
  const client = connect(t, grpc, way.port, { ...keepalive, 'grpc.initial_reconnect_backoff_ms': 10 })
  const stream = client.many('x')
  let error
  stream.on('error', (value) => {
    error = value
  })
  // On a machine that stalls, the call may fail before this.
  await until(() => error !== undefined || [...server[kLinks]].some(({ calls }) => calls.size > 0))
  way.cut(true)
  await until(() => error !== undefined)
  assert.equal(error.code, status.UNAVAILABLE)
  await until(() => server[kLinks].size === 0)
  assert.ok(ended.length <= 1)
  way.cut(false)
  const again = async () => {
    try {
      return await one(client, 'y', new grpc.Metadata({ waitForReady: true }))
    } catch ({ code }) {
      assert.equal(code, status.UNAVAILABLE)
      return again()
    }
  }
  assert.equal(await again(), 'y')
})

test('a client without calls notices as well, if it sends pings', async (t) => {
  const { port } = await serve(t, grpc, echo)
  const way = await relay(t, port)
  const options = { 'grpc.keepalive_time_ms': 30, 'grpc.keepalive_timeout_ms': 30 }
  const client = connect(t, grpc, way.port, { ...options, 'grpc.keepalive_permit_without_calls': 1 })
  client.getChannel().getConnectivityState(true)
  await until(() => client.getChannel().getConnectivityState(false) === READY)
  way.cut(true)
  await until(() => client.getChannel().getConnectivityState(false) === IDLE)
})

for (const [name, C] of [
  ['ours', grpc],
  ['of @grpc/grpc-js', peer],
]) {
  test(`a client (${name}) that pings too often is told so, and then pings half as often`, {
    skip: missing,
  }, async (t) => {
    const options = { 'grpc.http2.min_ping_interval_without_data_ms': 60_000, 'grpc.keepalive_permit_without_calls': 1 }
    const { port, server } = await serve(t, grpc, echo, options)
    const keepalive = { 'grpc.keepalive_time_ms': 10, 'grpc.keepalive_permit_without_calls': 1 }
    const client = connect(t, C, port, keepalive)
    await one(client, 'x')
    const stream = client.many('x')
    const failed = new Promise((resolve) => stream.on('error', resolve))
    assert.equal((await failed).code, status.RESOURCE_EXHAUSTED)
    await until(() => server[kLinks].size === 0)
    assert.equal(await one(client, 'x'), 'x')
    if (C === grpc) assert.equal(client.getChannel().picker.pick().keepaliveTime, 20)
  })
}

test('a client may ping as often as the server allows', async (t) => {
  const options = { 'grpc.http2.min_ping_interval_without_data_ms': 1, 'grpc.http2.max_ping_strikes': 1 }
  const { port, server } = await serve(t, grpc, echo, options)
  const client = connect(t, grpc, port, { 'grpc.keepalive_time_ms': 5 })
  const stream = client.many('x')
  stream.on('error', () => {})
  await until(() => server[kLinks].size === 1)
  const [link] = server[kLinks]
  let pings = 0
  const { onAlive } = link
  link.onAlive = function (isAnswer) {
    if (!isAnswer) pings++
    return onAlive.call(this, isAnswer)
  }
  await until(() => pings > 10)
  assert.equal(server[kLinks].size, 1)
  stream.cancel()
})

test('no call is lost when connections reach their age limit under load', async (t) => {
  const handlers = { ...echo, many: (call) => setTimeout(() => call.end(), 1) }
  const options = { 'grpc.max_connection_age_ms': 15, 'grpc.max_connection_age_grace_ms': 20_000 }
  const { port, server } = await serve(t, grpc, handlers, options)
  let connections = 0
  for (const acceptor of server[kAcceptors])
    acceptor.links.add = function (link) {
      connections++
      return Set.prototype.add.call(this, link)
    }
  const calls = load(connect(t, grpc, port), 20)
  await until(() => connections > 20)
  assert.deepEqual(Object.keys(await calls.stop()), ['OK'])
})

test('a burst of calls that are cancelled, or have run out of time, does not end the connection', {
  timeout: 60_000,
}, async (t) => {
  const { port, server } = await serve(t, grpc, {
    ...echo,
    one: (call, callback) => call.request === 'x' && callback(null, 'x'),
  })
  const client = connect(t, grpc, port)
  await one(client, 'x')
  const [link] = server[kLinks]
  const codes = new Set()
  const burst = (begin) =>
    Promise.all(
      Array.from({ length: 1500 }, () => new Promise((resolve) => begin((error) => resolve(codes.add(error.code))))),
    )
  const stream = client.chat()
  const calls = []
  const cancelled = burst((callback) => calls.push(client.one('no answer', callback)))
  await until(() => link.calls.size === 1501)
  for (const call of calls) call.cancel()
  await cancelled
  const deadline = Date.now() + 200
  await burst((callback) => client.one('no answer', { deadline }, callback))
  await burst((callback) => client.one('no answer', { deadline: Date.now() + 5 }, callback))
  assert.deepEqual(codes, new Set([status.CANCELLED, status.DEADLINE_EXCEEDED]))
  const answer = new Promise((resolve) => stream.once('data', resolve))
  stream.write('still there')
  assert.equal(await answer, 'still there')
  stream.end()
  await new Promise((resolve) => stream.on('end', resolve))
  assert.deepEqual([...server[kLinks]], [link])
  assert.equal(client.getChannel().getConnectivityState(false), READY)
})

test('many streams leave nothing behind', async (t) => {
  const many = (call) => {
    call.write('x')
    call.end()
  }
  const { port, server } = await serve(t, grpc, { ...echo, many })
  const client = connect(t, grpc, port)
  const round = async () => {
    const streams = Array.from({ length: 200 }, async (_, i) => {
      if (i % 4 === 3) {
        const stream = client.chat()
        stream.on('error', () => {})
        stream.write('x')
        await new Promise((resolve) => stream.once('data', resolve))
        stream.cancel()
        return new Promise((resolve) => stream.once('status', resolve))
      }
      for await (const _ of client.many('x'));
    })
    await Promise.all(streams)
  }
  for (let i = 0; i < 5; i++) await round()
  const [link] = server[kLinks]
  await until(() => link.calls.size === 0)
  const channel = client.getChannel()
  const mine = channel.picker.pick()
  assert.deepEqual([mine.calls.size, mine.unread.bytes, link.unread.bytes], [0, 0, 0])
  assert.deepEqual([channel.active, channel.pending.size, channel.retained, mine.waiters.size], [0, 0, 0, 0])
})
