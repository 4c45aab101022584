'use strict'

// Every call is counted and published exactly once at each end, however it ends.

const assert = require('node:assert/strict')
const diagnostics = require('node:diagnostics_channel')
const { once } = require('node:events')
const net = require('node:net')
const test = require('node:test')
const { inspect, promisify } = require('node:util')
const { protobuf, rpc } = require('../../index.js')
const {
  Flag,
  Kind,
  connectedTo,
  frame,
  handClient,
  handServer,
  listening,
  method,
  pair,
  preface,
} = require('./tools.js')
const { sleep, until } = require('./tools.js')
const { freePort } = require('../ports.js')

/**
 * Collects what a client or server publishes on a channel until the test ends. Earlier tests may still publish for
 * other clients and servers.
 */
function heard(t, who, name) {
  const side = who instanceof rpc.Server ? 'server' : 'client'
  const full = `ironwire.rpc.${side}.${name}`
  const messages = []
  const listener = (message, channel) => {
    assert.equal(channel, full)
    if (message[side] === who) messages.push(message)
  }
  diagnostics.subscribe(full, listener)
  t.after(() => diagnostics.unsubscribe(full, listener))
  return messages
}

/** The statuses of all methods together, from a snapshot that must be consistent. */
function statusesOf({ methods, calls, pending }) {
  const all = {}
  let started = 0
  for (const series of Object.values(methods)) {
    started += series.started
    let ended = 0
    for (const [status, count] of Object.entries(series.statuses)) {
      all[status] = (all[status] ?? 0) + count
      ended += count
    }
    assert.equal(series.started, ended + series.pending)
    assert.equal(series.latency.count, ended, 'each that has ended was timed')
    assert.ok(series.latency.max >= series.latency.p99 && series.latency.p99 >= series.latency.p50)
  }
  assert.equal(started, calls)
  assert.equal(pending, 0)
  return all
}

const sumOf = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0)

/** Checks that each start has one end, in an object that was published before. */
function paired(starts, ends) {
  assert.equal(new Set(starts).size, starts.length)
  assert.equal(new Set(ends).size, ends.length)
  assert.deepEqual(new Set(ends), new Set(starts))
  const statuses = {}
  for (const { statusName, status, duration } of ends) {
    assert.equal(rpc.status[statusName], status)
    assert.ok(duration >= 0)
    statuses[statusName] = (statuses[statusName] ?? 0) + 1
  }
  return statuses
}

const service = protobuf(`
  message Id { required uint32 id = 1; }
  message Other { required string text = 1; }
  service S { rpc Get (Id) returns (Id); rpc List (Id) returns (stream Id); }
`)
const other = protobuf(`
  message Id { required string id = 2; }
  service S { rpc Get (Id) returns (Id); }
`)

/** A handler that answers when the test says so. */
function gate(server, name) {
  const answers = []
  server.method(name, (_request, callback) => answers.push(callback))
  return answers
}

const take = async (stream) => {
  const messages = []
  for await (const message of stream) messages.push(String(message))
  return messages
}

const fails = (promise, code) => assert.rejects(promise, { code })

/** Ways in which calls end: what is done, with which options, and which statuses each end counts. */
const cases = {
  'answered, by callback and by promise': {
    async run({ client }) {
      await new Promise((resolve) => client.call('echo', Buffer.from('a'), resolve))
      await client.call('echo')
      await client.all([['echo'], ['echo', Buffer.from('b')]])
    },
    counts: { OK: 4 },
  },
  'with metadata': {
    async run({ client, server }) {
      server.method('meta', (_request, callback) => callback(null, null, { a: 'b' }))
      await client.call('meta', null, { metadata: { c: 'd' } })
    },
    counts: { OK: 1 },
  },
  'with an error of its handler': {
    async run({ client, server }) {
      server.method('missing', (_request, callback) => callback(new rpc.StatusError(rpc.status.NOT_FOUND, 'no')))
      server.method('thrower', () => {
        throw new Error('oh')
      })
      server.method('rejecter', async () => {
        throw new rpc.StatusError(rpc.status.ABORTED)
      })
      server.method('twice', (_request, callback) => {
        callback()
        callback(new Error('too late'))
      })
      server.on('handlerError', () => {})
      await fails(client.call('missing'), 'IRONWIRE_RPC_REMOTE')
      await fails(client.call('thrower'), 'IRONWIRE_RPC_REMOTE')
      await fails(client.call('rejecter'), 'IRONWIRE_RPC_REMOTE')
      await client.call('twice')
    },
    counts: { NOT_FOUND: 1, UNKNOWN: 1, ABORTED: 1, OK: 1 },
  },
  'of an unknown method': {
    run: ({ client }) => fails(client.call('nothing'), 'IRONWIRE_RPC_UNKNOWN_METHOD'),
    counts: { UNIMPLEMENTED: 1 },
  },
  'with other streams than the method has': {
    run: ({ client }) => fails(take(client.stream('echo')), 'IRONWIRE_RPC_UNSUPPORTED'),
    counts: { UNIMPLEMENTED: 1 },
  },
  'past its deadline': {
    async run({ client, server }) {
      gate(server, 'never')
      await fails(client.call('never', null, { timeout: 20 }), 'IRONWIRE_RPC_TIMEOUT')
    },
    counts: { DEADLINE_EXCEEDED: 1 },
  },
  'past its deadline before it was sent': {
    run: ({ client }) => fails(client.call('echo', null, { deadline: 1 }), 'IRONWIRE_RPC_TIMEOUT'),
    client: { DEADLINE_EXCEEDED: 1 },
    server: {},
  },
  'past its deadline while it waits': {
    clientOptions: { maxInFlight: 1 },
    async run({ client, server }) {
      const answers = gate(server, 'first')
      const first = client.call('first')
      await fails(client.call('echo', null, { timeout: 20 }), 'IRONWIRE_RPC_TIMEOUT')
      await until(() => answers.length === 1)
      answers[0]()
      await first
    },
    client: { OK: 1, DEADLINE_EXCEEDED: 1 },
    server: { OK: 1 },
  },
  cancelled: {
    async run({ client, server }) {
      const answers = gate(server, 'never')
      const controller = new AbortController()
      const call = client.call('never', null, { signal: controller.signal })
      await until(() => answers.length === 1)
      controller.abort()
      await fails(call, 'IRONWIRE_RPC_ABORTED')
      // An answer after the call has ended does not count.
      await until(() => server.stats.pending === 0)
      answers[0]()
    },
    counts: { CANCELLED: 1 },
  },
  'cancelled before it was sent, and while it waits': {
    clientOptions: { maxInFlight: 1 },
    async run({ client, server }) {
      const answers = gate(server, 'first')
      await fails(client.call('echo', null, { signal: AbortSignal.abort() }), 'IRONWIRE_RPC_ABORTED')
      const first = client.call('first')
      const ended = new Promise((resolve) => client.call('echo', null, resolve).cancel())
      assert.equal((await ended).code, 'IRONWIRE_RPC_ABORTED')
      await until(() => answers.length === 1)
      answers[0]()
      await first
    },
    client: { OK: 1, CANCELLED: 2 },
    server: { OK: 1 },
  },
  'with its connection': {
    async run({ client, server }) {
      const answers = gate(server, 'never')
      const calls = [client.call('never'), client.call('never')]
      await until(() => answers.length === 2)
      server.closeAllConnections()
      for (const call of calls) await fails(call, 'IRONWIRE_RPC_CONNECTION_LOST')
      answers[0]()
    },
    client: { UNAVAILABLE: 2 },
    server: { CANCELLED: 2 },
  },
  'with the client': {
    async run({ client, server }) {
      const answers = gate(server, 'never')
      const call = client.call('never')
      await until(() => answers.length === 1)
      client.destroy()
      await fails(call, 'IRONWIRE_RPC_CLOSED')
      await fails(client.call('echo'), 'IRONWIRE_RPC_CLOSED')
      await until(() => server.stats.connectionsClosed === 1)
    },
    client: { CANCELLED: 2 },
    server: { CANCELLED: 1 },
  },
  'in its handler, which ends the connection': {
    async run({ client, server }) {
      server.method('end', (_request, callback) => {
        server.closeAllConnections()
        callback()
      })
      await fails(client.call('end'), 'IRONWIRE_RPC_CONNECTION_LOST')
    },
    client: { UNAVAILABLE: 1 },
    server: { CANCELLED: 1 },
  },
  'where nobody is': {
    clientOptions: { queue: false, reconnect: { initialDelay: 60_000 } },
    async run({ client, server }) {
      server.closeAllConnections()
      await once(client, 'reconnect')
      await fails(client.call('echo'), 'IRONWIRE_RPC_NOT_CONNECTED')
    },
    client: { UNAVAILABLE: 1 },
    server: {},
  },
  'at the limits of a client': {
    clientOptions: { maxInFlight: 1, maxQueuedCalls: 1, maxQueuedBytes: 10 },
    serverOptions: { maxFrameBytes: 1024 },
    async run({ client, server }) {
      await fails(client.call('echo', Buffer.alloc(2000)), 'IRONWIRE_RPC_FRAME_TOO_LARGE')
      const answers = gate(server, 'first')
      const first = client.call('first')
      await fails(client.call('echo', Buffer.alloc(11)), 'IRONWIRE_RPC_TOO_MANY_CALLS')
      const second = client.call('echo')
      await fails(client.call('echo'), 'IRONWIRE_RPC_TOO_MANY_CALLS')
      await until(() => answers.length === 1)
      answers[0]()
      await Promise.all([first, second])
      assert.deepEqual(client.stats().limits, { maxFrameBytes: 1, maxQueuedBytes: 1, maxQueuedCalls: 1 })
      assert.equal(client.stats.queued, 1)
    },
    client: { OK: 2, RESOURCE_EXHAUSTED: 3 },
    server: { OK: 2 },
  },
  'at the limits of the other end': {
    serverOptions: { maxMetadataBytes: 100 },
    clientOptions: { maxFrameBytes: 1024, maxMetadataEntries: 2 },
    async run({ client, server }) {
      server.method('large', () => Buffer.alloc(2000))
      server.method('many', (_request, callback) => callback(null, null, { a: ['1', '2', '3'] }))
      const long = { metadata: { a: 'b'.repeat(200) } }
      await fails(client.call('echo', null, long), 'IRONWIRE_RPC_METADATA_TOO_LARGE')
      await fails(client.call('large'), 'IRONWIRE_RPC_FRAME_TOO_LARGE')
      await fails(client.call('many'), 'IRONWIRE_RPC_METADATA_TOO_LARGE')
      assert.deepEqual(server.stats().limits, { maxMetadataBytes: 1, maxFrameBytes: 1 })
      assert.deepEqual(client.stats().limits, { maxMetadataEntries: 1 })
    },
    client: { RESOURCE_EXHAUSTED: 3 },
    server: { RESOURCE_EXHAUSTED: 2, OK: 1 },
  },
  'with what is no message of its type': {
    async run({ client, server }) {
      server.addService(service.S, { get: (request) => request })
      await fails(client.service(other.S).get({ id: 'x' }), 'IRONWIRE_RPC_BAD_MESSAGE')
      await fails(client.call('/S/Get', Buffer.from([0xff])), 'IRONWIRE_RPC_BAD_MESSAGE')
      assert.deepEqual(server.stats().refusals, { message: 2 })
    },
    counts: { INTERNAL: 2 },
  },
  'with a reply that is no message of its type': {
    async run({ client, server }) {
      server.method('/S/Get', () => Buffer.from([0xff]))
      await fails(client.service(service.S).get({ id: 1 }), 'IRONWIRE_RPC_BAD_MESSAGE')
    },
    client: { INTERNAL: 1 },
    server: { OK: 1 },
  },
  'with a message in its stream that is none': {
    async run({ client, server }) {
      server.method('/S/List', { serverStreaming: true }, async function* () {
        yield Buffer.from([0xff])
        await new Promise(() => {})
      })
      await fails(take(client.service(service.S).list({ id: 1 })), 'IRONWIRE_RPC_BAD_MESSAGE')
    },
    client: { INTERNAL: 1 },
    server: { CANCELLED: 1 },
  },
  'one way': {
    async run({ client, server }) {
      let runs = 0
      server.method('note', () => {
        runs++
      })
      await client.call('note', null, { oneWay: true })
      await client.call('nothing', null, { oneWay: true })
      await client.call('note', Buffer.from('x'), { oneWay: true, idempotent: true, hedge: 1000 })
      await until(() => runs === 2 && server.stats.calls === 3)
      assert.equal(client.stats.oneWay, 3)
      assert.equal(client.stats.replies, 0)
    },
    client: { OK: 3 },
    server: { OK: 2, UNIMPLEMENTED: 1 },
  },
  'a stream from the server': {
    async run({ client, server }) {
      server.method('count', { serverStreaming: true }, function* () {
        for (let i = 0; i < 5; i++) yield Buffer.from(`${i}`)
      })
      assert.equal((await take(client.stream('count'))).length, 5)
      assert.equal(client.stats.messagesIn, 5)
      assert.equal(server.stats().methods.count.messagesOut, 5)
    },
    counts: { OK: 1 },
  },
  'a stream to the server': {
    async run({ client, server }) {
      server.method('sum', { clientStreaming: true }, async (requests) => {
        let count = 0
        for await (const _request of requests) count++
        return Buffer.from(`${count}`)
      })
      const options = { clientStreaming: true, serverStreaming: false }
      const bodies = ['a', 'b', 'c'].map((text) => Buffer.from(text))
      assert.equal(String(await client.stream('sum', bodies, options)), '3')
      const stream = client.stream('sum', null, options)
      stream.write(Buffer.from('d'))
      stream.end()
      assert.equal(String(await stream.reply), '1')
      assert.deepEqual([client.stats.messagesOut, server.stats.messagesIn], [4, 4])
    },
    counts: { OK: 2 },
  },
  'streams both ways': {
    async run({ client, server }) {
      server.method('talk', { clientStreaming: true, serverStreaming: true }, async function* (requests) {
        for await (const request of requests) yield request
      })
      const stream = client.stream('talk', [Buffer.from('a'), Buffer.from('b')], { clientStreaming: true })
      assert.deepEqual(await take(stream), ['a', 'b'])
      assert.deepEqual([client.stats.messagesOut, client.stats.messagesIn], [2, 2])
    },
    counts: { OK: 1 },
  },
  'a stream that is left, fails, or does': {
    async run({ client, server }) {
      server.method('forever', { serverStreaming: true }, async function* () {
        for (;;) {
          yield Buffer.from('x')
          await sleep(1)
        }
      })
      server.method('fails', { serverStreaming: true }, async function* () {
        yield Buffer.from('x')
        throw new rpc.StatusError(rpc.status.DATA_LOSS)
      })
      server.on('handlerError', () => {})
      for await (const _message of client.stream('forever')) break
      await assert.rejects(take(client.stream('fails')), { status: rpc.status.DATA_LOSS })
      await assert.rejects(take(client.stream('forever', null, { timeout: 20 })), { code: 'IRONWIRE_RPC_TIMEOUT' })
    },
    counts: { CANCELLED: 1, DATA_LOSS: 1, DEADLINE_EXCEEDED: 1 },
  },
  'within interceptors': {
    async run({ client, server }) {
      let tries = 0
      server.use((_call, next) => next())
      server.method('second', () => {
        if (++tries === 1) throw new Error('once more')
        return null
      })
      server.on('handlerError', () => {})
      client.use(async (call, next) => {
        if (call.method === 'never') return Buffer.from('made up')
        try {
          return await next()
        } catch {
          return next()
        }
      })
      await client.call('second')
      await client.call('never')
    },
    // Each attempt counts as a call.
    counts: { UNKNOWN: 1, OK: 1 },
  },
  'above a limit of handlers': {
    serverOptions: { maxConcurrency: 1 },
    async run({ client, server }) {
      const answers = gate(server, 'slow')
      const calls = [client.call('slow'), client.call('slow'), client.call('slow', null, { timeout: 20 })]
      await fails(calls[2], 'IRONWIRE_RPC_TIMEOUT')
      await until(() => server.stats.calls === 3 && server.stats.pending === 2)
      answers[0]()
      await until(() => answers.length === 2)
      answers[1]()
      await Promise.all(calls.slice(0, 2))
      assert.deepEqual(server.stats().limits, { maxConcurrency: 2 })
    },
    counts: { OK: 2, DEADLINE_EXCEEDED: 1 },
  },
}

for (const [name, { run, counts, client: ofClient = counts, server: ofServer = counts, ...options }] of Object.entries(
  cases,
)) {
  test(`a call that ends ${name} is counted once at each end`, async (t) => {
    const { client, server } = await pair(t, options.serverOptions, options.clientOptions)
    const [clientStarts, clientEnds] = [heard(t, client, 'call.start'), heard(t, client, 'call.end')]
    const [serverStarts, serverEnds] = [heard(t, server, 'call.start'), heard(t, server, 'call.end')]
    server.method('echo', (request, callback) => callback(null, request))
    await run({ client, server })
    // A call that has ended at the client may still be on its way to the server.
    await until(() => server.stats.calls === sumOf(ofServer))
    await until(() => client.stats.pending === 0 && server.stats.pending === 0)
    assert.deepEqual(statusesOf(client.stats()), ofClient)
    assert.deepEqual(statusesOf(server.stats()), ofServer)
    assert.deepEqual(paired(clientStarts, clientEnds), ofClient)
    assert.deepEqual(paired(serverStarts, serverEnds), ofServer)
    for (const message of clientEnds) {
      assert.equal(typeof message.sent, 'boolean')
      assert.equal(message.error === null, message.status === 0)
      assert.match(message.target, /^127\.0\.0\.1:\d+$/)
    }
    for (const { peer } of serverEnds) assert.equal(peer.address, '127.0.0.1')
    const { OK = 0, ...failures } = ofClient
    assert.equal(client.stats.errors, sumOf(failures))
    assert.equal(client.stats.replies + client.stats.oneWay, OK)
  })
}

/** What a client of `servers` counts and publishes, when all its calls have ended. */
async function counted(t, client, run, expected) {
  const ends = heard(t, client, 'call.end')
  const starts = heard(t, client, 'call.start')
  t.after(() => client.destroy())
  await run()
  await until(() => client.stats.pending === 0)
  assert.deepEqual(statusesOf(client.stats()), expected)
  assert.deepEqual(paired(starts, ends), expected)
  return ends
}

/** A server that answers nothing, or drops connections at the first request. */
async function bad(t, onRequest = () => {}) {
  const { port } = await handServer(t, ({ kind }, socket) => kind === Kind.REQUEST && onRequest(socket))
  return `127.0.0.1:${port}`
}

test('a hedged call counts as one, whichever attempt wins', async (t) => {
  const quiet = await bad(t)
  const { server, port } = await listening(t)
  server.method('echo', (request, callback) => callback(null, request))
  const client = rpc.connect([quiet, `127.0.0.1:${port}`], { balance: { policy: 'round-robin' } })
  await connectedTo(client, 2)
  const call = (hedge, timeout) => client.call('echo', null, { idempotent: true, hedge, timeout })
  const ends = await counted(t, client, () => Promise.all([call(20), call(20)]), { OK: 2 })
  assert.ok(client.stats().hedges >= 1)
  assert.deepEqual(
    new Set(ends.map(({ target }) => target)),
    new Set([`127.0.0.1:${port}`]),
    'where the answer is from',
  )
  assert.deepEqual([client.stats.replies, client.stats.errors], [2, 0])
})

test('a hedged call whose attempts both fail counts as one failed call', async (t) => {
  const places = [await bad(t), await bad(t)]
  const client = rpc.connect(places)
  await connectedTo(client, 2)
  const run = () =>
    fails(client.call('echo', null, { idempotent: true, hedge: 5, timeout: 60 }), 'IRONWIRE_RPC_TIMEOUT')
  await counted(t, client, run, { DEADLINE_EXCEEDED: 1 })
  assert.equal(client.stats.errors, 1)
})

test('a repeated call counts as one; attempts beyond the budget count as a limit', async (t) => {
  const { server, port } = await listening(t)
  let calls = 0
  server.method('third', (_request, callback) => {
    if (++calls < 3) server.closeAllConnections()
    else callback()
  })
  const again = { idempotent: true, timeout: 10_000 }
  const client = rpc.connect(port, { reconnect: { initialDelay: 1, maxDelay: 1 } })
  const ends = await counted(t, client, () => client.call('third', null, again), { OK: 1 })
  assert.deepEqual([client.stats.retries, ends[0].sent, ends[0].error], [2, true, null])
  await until(() => server.stats.pending === 0)
  assert.deepEqual(statusesOf(server.stats()), { CANCELLED: 2, OK: 1 })
  calls = -100
  const poor = rpc.connect(port, { retry: { ratio: 0, perSecond: 0 } })
  t.after(() => poor.destroy())
  await fails(poor.call('third', null, again), 'IRONWIRE_RPC_CONNECTION_LOST')
  assert.deepEqual(poor.stats().limits, { 'retry.ratio': 1 })
})

test('the probes of balancing do not count as calls', async (t) => {
  const quiet = await bad(t)
  const { server, port } = await listening(t)
  server.method('echo', () => null)
  const client = rpc.connect([{ address: quiet }, { address: `127.0.0.1:${port}` }], { balance: { ejectAfter: 1 } })
  t.after(() => client.destroy())
  await connectedTo(client, 2)
  while (client.stats.ejections === 0) await client.call('echo', null, { timeout: 5 }).catch(() => {})
  for (const member of client.members.values()) member.probe()
  await until(() => server.stats().methods['/grpc.health.v1.Health/Check']?.statuses.OK === 1)
  await until(() => client.pending === 0 || client.stats.lateAnswers > 0 || client.stats.pending === 0)
  assert.deepEqual(Object.keys(client.stats().methods), ['echo'])
})

test('a call that cannot be made at the end of the stack is not counted', async (t) => {
  const { client, server } = await pair(t)
  const starts = heard(t, client, 'call.start')
  const ends = heard(t, client, 'call.end')
  server.method('echo', (request, callback) => callback(null, request))
  let made = 0
  let called = 0
  const deeper = () => {
    try {
      deeper()
    } catch {}
    if (made + called > 200) return
    try {
      client.call('echo', null, () => called++)
      made++
    } catch (error) {
      assert.ok(error instanceof RangeError)
    }
  }
  deeper()
  await until(() => called === made)
  await until(() => client.stats.pending === 0 && server.stats.pending === 0)
  assert.deepEqual(statusesOf(client.stats()), { OK: made })
  assert.deepEqual(paired(starts, ends), { OK: made })
})

test('a server counts what peers that ignore its limits do, under names of its own', async (t) => {
  const { server, port } = await listening(t, { maxCallsPerConnection: 1, maxMethods: 3 })
  const limits = heard(t, server, 'limit')
  gate(server, 'slow')
  const { socket, next } = await handClient(t, port, { greeting: preface({ version: 2 }) })
  const ask = (sequence, number) => frame(Kind.REQUEST, sequence, { code: number, body: '' })
  const names = ['slow', 'made up', 'as well', 'one too many']
  socket.write(Buffer.concat(names.map((name, number) => method(number, name))))
  socket.write(Buffer.concat([0, 0, 1, 2, 3, 77].map((number, sequence) => ask(sequence, number))))
  for (let i = 0; i < 5; i++) await next(({ kind }) => kind === Kind.ERROR)
  socket.destroy()
  await until(() => server.stats.pending === 0)
  const { methods, refusals, limits: reached, refused, calls } = server.stats()
  assert.deepEqual(Object.keys(methods).sort(), ['_OTHER', 'slow'])
  assert.deepEqual(methods.slow.statuses, { CANCELLED: 1, RESOURCE_EXHAUSTED: 1 })
  assert.deepEqual(methods._OTHER.statuses, { UNIMPLEMENTED: 4 })
  assert.deepEqual(refusals, { maxCallsPerConnection: 1, unknownMethod: 4 })
  assert.deepEqual(reached, { maxMethods: 1, maxCallsPerConnection: 1 })
  assert.deepEqual([refused, calls], [5, 6])
  assert.deepEqual(
    limits.map(({ limit, value, peer }) => [limit, value, peer.address]),
    [
      ['maxMethods', 3, '127.0.0.1'],
      ['maxCallsPerConnection', 1, '127.0.0.1'],
    ],
  )
})

test('limits of connections are counted and reported', async (t) => {
  const reached = (limit) => until(() => limits.some((message) => message.limit === limit))
  const { server, port } = await listening(t, {
    maxFrameBytes: 1024,
    maxConnections: 2,
    maxCancelsPerSecond: 1,
    maxPendingBytes: 1,
  })
  const limits = heard(t, server, 'limit')
  server.method('never', { clientStreaming: true }, () => {})
  const { socket: large } = await handClient(t, port)
  large.write(frame(Kind.REQUEST, 0, { code: 0, body: Buffer.alloc(2000) }))
  await reached('maxFrameBytes')
  const greeting = preface({ version: 2, window: 16 })
  const { socket: fast } = await handClient(t, port, { greeting })
  const open = (sequence) => frame(Kind.REQUEST, sequence, { code: 0, flags: Flag.STREAMS })
  const cancel = (sequence) => frame(Kind.CANCEL, sequence)
  fast.write(Buffer.concat([method(0, 'never'), open(0), cancel(0), open(1), cancel(1), open(2), cancel(2)]))
  await reached('maxCancelsPerSecond')
  await until(() => server.stats.connectionsClosed === 2)
  gate(server, 'slow')
  await handClient(t, port)
  const { socket: full } = await handClient(t, port)
  full.write(Buffer.concat([method(0, 'slow'), frame(Kind.REQUEST, 0, { code: 0, body: 'x' })]))
  await reached('maxPendingBytes')
  const refused = net.connect(port, '127.0.0.1').on('error', () => {})
  t.after(() => refused.destroy())
  let localPort
  refused.on('connect', () => {
    localPort = refused.localPort
  })
  await until(() => localPort !== undefined)
  await reached('maxConnections')
  assert.equal(server.stats.connectionsRefused, 1)
  const last = limits.at(-1)
  assert.equal(last.peer.port, localPort)
  const counts = server.stats().limits
  for (const { limit } of limits) assert.ok(counts[limit] >= 1, limit)
})

test('a silent connection counts as a limit, too', async (t) => {
  const { server, port } = await listening(t, { handshakeTimeout: 5 })
  await handClient(t, port, { greeting: null })
  await until(() => server.stats.connectionsLost === 1)
  assert.deepEqual(server.stats().limits, { handshakeTimeout: 1 })
  const client = rpc.connect(await bad(t), { pingInterval: 5, pingTimeout: 5, reconnect: { initialDelay: 60_000 } })
  t.after(() => client.destroy())
  await until(() => client.stats.connectionsLost === 1)
  assert.deepEqual(client.stats().limits, { pingTimeout: 1 })
})

test('connections are counted, and published as they come and go', async (t) => {
  const { server, port } = await listening(t)
  const client = rpc.connect(port, { reconnect: { initialDelay: 1 } })
  const [clientOpen, clientClose] = [heard(t, client, 'connection.open'), heard(t, client, 'connection.close')]
  const [serverOpen, serverClose] = [heard(t, server, 'connection.open'), heard(t, server, 'connection.close')]
  await once(client, 'connect')
  server.closeAllConnections()
  await until(() => client.stats.connections === 2)
  client.close()
  await once(client, 'close')
  await until(() => serverClose.length === 2 && clientClose.length === 2)
  assert.deepEqual([clientOpen.length, serverOpen.length], [2, 2])
  assert.ok(clientOpen.every(({ target }) => target === `localhost:${port}`))
  assert.ok(serverOpen.every(({ peer }) => peer.address === '127.0.0.1'))
  assert.ok(clientClose[0].error instanceof Error)
  assert.deepEqual([clientClose[1].error, serverClose[1].error], [null, null])
  const { connections, connectionsClosed, connectionsLost, connectionsFailed } = client.stats()
  assert.deepEqual([connections, connectionsClosed, connectionsLost], [2, 2, 1])
  // Attempts to reach the name's other address may have failed.
  assert.ok(connectionsFailed <= 2)
  assert.deepEqual([server.stats.connections, server.stats.connectionsClosed], [2, 2])
})

test('failed attempts to connect are counted', async (t) => {
  const client = rpc.connect(await freePort(), { reconnect: { initialDelay: 1, maxAttempts: 2 } })
  t.after(() => client.destroy())
  await once(client, 'error')
  const { connections, connectionsFailed, connectionsClosed } = client.stats()
  // One attempt for each address of localhost, three times.
  assert.ok(connectionsFailed >= 3 && connectionsFailed % 3 === 0, `${connectionsFailed}`)
  assert.deepEqual([connections, connectionsClosed], [0, 0])
})

test('bytes are counted as on the wire, also for closed connections', async (t) => {
  const { client, server } = await pair(t)
  server.method('echo', (request, callback) => callback(null, request))
  for (let i = 0; i < 3; i++) await client.call('echo', Buffer.alloc(50_000), { timeout: 0 })
  // Preface, method, and three requests: each has a head, a number and a body.
  const asked = 16 + (10 + 2 + 4) + 3 * (10 + 2 + 50_000)
  const answered = 16 + 3 * (10 + 50_000)
  const all = () => [client.stats.bytesOut, client.stats.bytesIn, server.stats.bytesIn, server.stats.bytesOut]
  assert.deepEqual(all(), [asked, answered, asked, answered])
  assert.deepEqual(all(), [asked, answered, asked, answered], 'they are counted once')
  client.destroy()
  await until(() => server.stats.connectionsClosed === 1)
  assert.deepEqual(all(), [asked, answered, asked, answered])
})

test('handlers that block a turn are timed correctly', async (t) => {
  const { client, server } = await pair(t)
  server.method('busy', () => {
    for (const start = performance.now(); performance.now() - start < 5; );
    return null
  })
  await client.call('busy')
  const { latency } = server.stats().methods.busy
  assert.ok(latency.max >= 5 && latency.mean === latency.max && latency.p50 === latency.max, JSON.stringify(latency))
  assert.ok(client.stats().methods.busy.latency.max >= 5)
})

test('the counters are also properties, which no method name can hide', async (t) => {
  const { client, server } = await pair(t)
  server.method('__proto__', () => null)
  server.method('constructor', () => null)
  await client.call('__proto__')
  await client.call('constructor')
  for (const { stats } of [client, server]) {
    const all = stats()
    for (const [name, value] of Object.entries(stats)) assert.equal(all[name], value, name)
    assert.deepEqual(Object.keys(all.methods), ['__proto__', 'constructor'])
    assert.equal(all.methods.constructor.started, 1)
    assert.equal(stats.calls, 2)
    assert.equal(JSON.parse(JSON.stringify({ stats })).stats.calls, 2)
    assert.match(inspect(stats), /^\{\n {2}calls: 2,/)
  }
})

test('the ends of calls are published to subscribers that do not listen to their starts', async (t) => {
  const server = rpc.createServer()
  server.method('echo', (request) => request)
  const clients = []
  t.after(() => {
    for (const client of clients) client.destroy()
    server.closeAllConnections()
    return server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await promisify(server.bindUdp).call(server, { port: 0, host: '127.0.0.1' })
  for (const place of [`127.0.0.1:${server.address().port}`, `udp://127.0.0.1:${server.udpAddress().port}`]) {
    const client = rpc.connect(place)
    clients.push(client)
    const ends = [client, server].map((who) => heard(t, who, 'call.end'))
    await client.call('echo')
    await until(() => ends.every(({ length }) => length === 1))
    for (const [{ method, statusName, duration }] of ends) {
      assert.deepEqual([method, statusName, duration >= 0], ['echo', 'OK', true])
    }
  }
})

test('subscribers that throw, or end everything, cost no call its end', async (t) => {
  const errors = []
  const catcher = (error) => errors.push(error.message)
  // The test runner's own listener would fail the test.
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', catcher)
  const { client, server } = await pair(t, {}, { reconnect: false })
  client.on('error', () => {})
  server.method('echo', (request, callback) => callback(null, request))
  let ended = 0
  const throwing = () => {
    throw new Error('a subscriber')
  }
  const names = ['client', 'server'].flatMap((kind) =>
    ['start', 'end'].map((what) => `ironwire.rpc.${kind}.call.${what}`),
  )
  for (const name of names) diagnostics.subscribe(name, throwing)
  try {
    await client.call('echo')
    await fails(client.call('nothing'), 'IRONWIRE_RPC_UNKNOWN_METHOD')
    await until(() => errors.length === 8)
  } finally {
    for (const name of names) diagnostics.unsubscribe(name, throwing)
    process.off('uncaughtException', catcher)
    for (const other of others) process.on('uncaughtException', other)
  }
  assert.deepEqual(new Set(errors), new Set(['a subscriber']))
  const end = () => server.closeAllConnections()
  diagnostics.subscribe('ironwire.rpc.server.call.start', end)
  try {
    const calls = ['echo', 'nothing', 'echo'].map((name) => client.call(name).catch(() => ended++))
    await Promise.all(calls)
  } finally {
    diagnostics.unsubscribe('ironwire.rpc.server.call.start', end)
  }
  await until(() => client.stats.pending === 0 && server.stats.pending === 0)
  assert.equal(ended, 3)
  assert.equal(statusesOf(client.stats()).UNAVAILABLE, 3)
  assert.equal(statusesOf(server.stats()).CANCELLED, 1)
  assert.equal(server.running, 0)
})
