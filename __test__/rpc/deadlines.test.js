'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { rpc } = require('../../index.js')
const { pair, handServer, frame, Kind, sleep, until } = require('./tools.js')

test('a call ends at its deadline, and so does its handler', async (t) => {
  const { server, client } = await pair(t)
  let aborted
  server.method('never', (_request, _callback, call) => {
    aborted = once(call.signal, 'abort')
  })
  await assert.rejects(client.call('never', null, { timeout: 20 }), {
    code: 'IRONWIRE_RPC_TIMEOUT',
    sent: true,
    method: 'never',
    message: /within 20 ms/,
  })
  await aborted
  // The server's late answer frees the sequence number.
  await until(() => client.stats.lateAnswers === 1)
  assert.equal(client.stats.timeouts, 1)
  assert.equal(server.stats.timeouts, 1)
  assert.equal(client.pending, 0)
})

test('calls with different deadlines end, none of them early', async (t) => {
  const { server, client } = await pair(t)
  server.method('never', () => {})
  // The clock of deadlines is read once per turn, so the test starts at the beginning of one.
  await sleep(1)
  const start = performance.now()
  await Promise.all(
    [90, 30, 60, 120, 10].map(async (timeout) => {
      await assert.rejects(client.call('never', null, { timeout }), { code: 'IRONWIRE_RPC_TIMEOUT' })
      // The clock of deadlines counts whole milliseconds.
      assert.ok(performance.now() - start >= timeout - 1)
    }),
  )
  assert.equal(client.stats.timeouts, 5)
})

test('a default timeout, and none', async (t) => {
  const { server, client } = await pair(t, {}, { timeout: 100 })
  server.method('slow', async () => {
    await sleep(300)
    return Buffer.from('done')
  })
  await assert.rejects(client.call('slow'), { code: 'IRONWIRE_RPC_TIMEOUT' })
  assert.equal(String(await client.call('slow', null, { timeout: Infinity })), 'done')
  assert.equal(String(await client.call('slow', null, { timeout: 0 })), 'done')
  assert.equal(String(await client.call('slow', null, { timeout: 5000 })), 'done')
})

test('a deadline is a point in time, as a number or a Date', async (t) => {
  const { server, client } = await pair(t)
  let remaining
  server.method('slow', async (_request, _callback, call) => {
    remaining = call.remaining
    await sleep(100)
    return null
  })
  await assert.rejects(client.call('slow', null, { deadline: Date.now() + 30 }), { code: 'IRONWIRE_RPC_TIMEOUT' })
  // The handler is called although its client has given up.
  await until(() => remaining !== undefined)
  assert.ok(remaining <= 31)
  await assert.rejects(client.call('slow', null, { deadline: new Date(Date.now() + 30) }), {
    code: 'IRONWIRE_RPC_TIMEOUT',
  })
  const calls = server.stats.calls
  await assert.rejects(client.call('slow', null, { deadline: Date.now() - 1 }), {
    code: 'IRONWIRE_RPC_TIMEOUT',
    sent: false,
  })
  await sleep(10)
  assert.equal(server.stats.calls, calls, 'an overdue call is not sent')
})

test('late answers are dropped and counted', async (t) => {
  const held = []
  const { port } = await handServer(t, (unit, socket) => {
    if (unit.kind === Kind.REQUEST) held.push(() => socket.write(frame(Kind.REPLY, unit.sequence, { body: 'late' })))
  })
  const client = rpc.connect(port)
  t.after(() => client.destroy())
  await once(client, 'connect')
  await assert.rejects(client.call('x', null, { timeout: 15 }), { code: 'IRONWIRE_RPC_TIMEOUT' })
  assert.equal(client.stats.lateAnswers, 0)
  await until(() => held.length === 1)
  held[0]()
  const next = client.call('x')
  await until(() => held.length >= 2)
  held[1]()
  assert.equal(String(await next), 'late')
  assert.equal(client.stats.lateAnswers, 1)
  assert.equal(client.stats.unknownAnswers, 0)
})

test('a call waits for its connection up to its deadline', async (t) => {
  const { port } = await handServer(t, () => {}, { greeting: null })
  const client = rpc.connect(port)
  t.after(() => client.destroy())
  await assert.rejects(client.call('x', null, { timeout: 20 }), { code: 'IRONWIRE_RPC_TIMEOUT', sent: false })
})

test('an aborted call ends at both ends', async (t) => {
  const { server, client } = await pair(t)
  let call
  server.method('never', (_request, _callback, handled) => {
    call = handled
  })
  const controller = new AbortController()
  const pending = client.call('never', null, { signal: controller.signal })
  await until(() => call !== undefined)
  const aborted = once(call.signal, 'abort')
  const reason = new Error('not needed any more')
  controller.abort(reason)
  await assert.rejects(pending, { name: 'AbortError', code: 'IRONWIRE_RPC_ABORTED', sent: true, cause: reason })
  await aborted
  await until(() => client.stats.lateAnswers === 1)
})

test('aborted before it was sent', async (t) => {
  const { server, client } = await pair(t)
  await assert.rejects(client.call('x', null, { signal: AbortSignal.abort() }), {
    name: 'AbortError',
    code: 'IRONWIRE_RPC_ABORTED',
    sent: false,
  })
  const waiting = rpc.connect(server.address().port)
  t.after(() => waiting.destroy())
  const controller = new AbortController()
  const pending = waiting.call('x', null, { signal: controller.signal })
  assert.equal(waiting.pending, 1)
  controller.abort()
  assert.equal(waiting.pending, 0)
  await assert.rejects(pending, { code: 'IRONWIRE_RPC_ABORTED', sent: false })
})

test('signals keep no listeners of ended calls', async (t) => {
  const { getEventListeners } = require('node:events')
  const { server, client } = await pair(t)
  server.method('echo', async (request) => request)
  server.method('never', () => {})
  const { signal } = new AbortController()
  await client.call('echo', null, { signal })
  await assert.rejects(client.call('nothing', null, { signal }))
  await assert.rejects(client.call('never', null, { signal, timeout: 5 }))
  const early = rpc.connect(server.address().port)
  await early.call('echo', null, { signal })
  const lost = early.call('never', null, { signal })
  await sleep(5)
  early.destroy()
  await assert.rejects(lost)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('one signal may end many calls', async (t) => {
  const warnings = []
  const warn = (warning) => warnings.push(warning)
  process.on('warning', warn)
  t.after(() => process.off('warning', warn))
  const { server, client } = await pair(t, {}, { maxInFlight: 20 })
  server.method('never', () => {})
  const controller = new AbortController()
  const calls = Array.from({ length: 100 }, () => client.call('never', null, { signal: controller.signal }))
  await sleep(5)
  controller.abort()
  for (const { reason } of await Promise.allSettled(calls)) assert.equal(reason.code, 'IRONWIRE_RPC_ABORTED')
  assert.equal(client.pending, 0)
  await sleep(1)
  assert.deepEqual(warnings, [])
})

test('a handler asked for its signal after the call has ended gets an aborted one', async (t) => {
  const { server, client } = await pair(t)
  let late
  const done = new Promise((resolve) => {
    server.method('never', async (_request, _callback, call) => {
      await sleep(40)
      late = call.signal.aborted
      resolve()
    })
  })
  await assert.rejects(client.call('never', null, { timeout: 10 }))
  await done
  assert.equal(late, true)
})
