'use strict'

// Calls made by handlers: they inherit deadlines and cancellation. Also one-way calls.

const assert = require('node:assert/strict')
const test = require('node:test')
const { pair, sleep, until } = require('./tools.js')

test('inner calls inherit the time that is left, and end with their parent', async (t) => {
  const { server: back, client: inner } = await pair(t)
  const seen = []
  back.method('hold', (_request, _callback, call) => {
    seen.push(call.remaining)
    call.signal.addEventListener('abort', () => seen.push('aborted'))
  })
  const { server, client } = await pair(t)
  const outcomes = []
  server.method('front', (_request, callback, call) => {
    inner.call('hold', null, { parent: call, timeout: 60_000 }, (error) => {
      outcomes.push([error.code, error.cause?.statusName])
      callback(error)
    })
  })
  await assert.rejects(client.call('front', null, { timeout: 60 }), { code: 'IRONWIRE_RPC_TIMEOUT' })
  await until(() => outcomes.length === 1)
  assert.ok(seen[0] <= 60, `${seen[0]} ms`)
  await until(() => seen.length === 2)
  // The inner call is cancelled, not timed out: the reason is passed on.
  const call = client.call('front', null, () => {})
  await until(() => seen.length === 3)
  call.cancel()
  await until(() => outcomes.length === 2)
  assert.deepEqual(outcomes[1], ['IRONWIRE_RPC_ABORTED', 'CANCELLED'])
  await until(() => seen.length === 4)
  assert.deepEqual(inner.pending, 0)
  // An inner call of a call that has already ended.
  let late
  server.method('late', (_request, _callback, late_) => {
    late = late_
  })
  await assert.rejects(client.call('late', null, { timeout: 5 }))
  await until(() => late?.cut)
  await assert.rejects(inner.call('hold', null, { parent: late }), { code: 'IRONWIRE_RPC_ABORTED', sent: false })
  assert.throws(() => inner.call('hold', null, { parent: {} }, () => {}), { message: /options\.parent/ })
})

test('an answered call does not end its inner calls', async (t) => {
  const { server: back, client: inner } = await pair(t)
  back.method('later', async () => {
    await sleep(20)
    return Buffer.from('done')
  })
  const { server, client } = await pair(t)
  let pending
  server.method('front', (_request, callback, call) => {
    pending = inner.call('later', null, { parent: call })
    callback()
  })
  await client.call('front')
  assert.equal(String(await pending), 'done')
})

test('streams can have parents and be parents', async (t) => {
  const { server: back, client: inner } = await pair(t)
  let aborted = 0
  back.method('ticks', { serverStreaming: true }, async function* (_request, call) {
    call.signal.addEventListener('abort', () => aborted++)
    for (;;) {
      yield Buffer.from('tick')
      await sleep(1)
    }
  })
  const { server, client } = await pair(t)
  server.method('relay', { serverStreaming: true }, (_request, call) => inner.stream('ticks', null, { parent: call }))
  let count = 0
  for await (const _ of client.stream('relay')) if (++count === 3) break
  await until(() => aborted === 1 && inner.pending === 0)
})

test('with `propagate`, handlers need not pass their call on', async (t) => {
  const { server: back, client: inner } = await pair(t)
  const seen = []
  back.method('hold', (_request, _callback, call) => {
    seen.push(call.remaining)
  })
  const { server, client } = await pair(t, { propagate: true })
  server.method('front', async () => {
    await sleep(1)
    return await inner.call('hold')
  })
  server.method('stream', { serverStreaming: true }, async function* () {
    await sleep(1)
    yield await inner.call('hold')
  })
  server.on('handlerError', () => {})
  await assert.rejects(client.call('front', null, { timeout: 500 }))
  await assert.rejects(async () => {
    for await (const _ of client.stream('stream', null, { timeout: 500 }));
  })
  await until(() => seen.length === 2)
  for (const remaining of seen) assert.ok(remaining <= 500, `${remaining} ms`)
  await until(() => inner.pending === 0)
  // Outside a handler, nothing is inherited.
  const alone = inner.call('hold', null, { timeout: 20 })
  await assert.rejects(alone, { code: 'IRONWIRE_RPC_TIMEOUT' })
})

test('cancel() ends a call once, wherever it is', async (t) => {
  const { server, client } = await pair(t, { maxCallsPerConnection: 1 })
  let aborted = 0
  server.method('hold', (_request, _callback, call) => call.signal.addEventListener('abort', () => aborted++))
  const ends = []
  const make = (name) => client.call('hold', null, (error) => ends.push([name, error.code, error.sent, error.name]))
  const sent = make('sent')
  const queued = make('queued')
  await sleep(10)
  queued.cancel()
  queued.cancel()
  sent.cancel()
  sent.cancel()
  await until(() => ends.length === 2 && aborted === 1)
  await sleep(5)
  assert.deepEqual(ends, [
    ['queued', 'IRONWIRE_RPC_ABORTED', false, 'AbortError'],
    ['sent', 'IRONWIRE_RPC_ABORTED', true, 'AbortError'],
  ])
  sent.cancel()
  const failed = client.call('hold', Buffer.alloc(17 << 20), (error) => ends.push(error.code))
  failed.cancel()
  await until(() => ends.length === 3)
  assert.equal(ends[2], 'IRONWIRE_RPC_FRAME_TOO_LARGE')
  assert.equal(client.pending, 0)
})

test('one-way calls reach their handler, are not answered and take no number', async (t) => {
  const { server, client } = await pair(t, { maxCallsPerConnection: 2 })
  const seen = []
  server.method('note', (request) => void seen.push(String(request)))
  server.method('fails', () => {
    throw new Error('unheard')
  })
  server.method('late', (request, callback) => void setTimeout(callback, 5, null, request))
  const failures = []
  server.on('handlerError', (error) => failures.push(error.message))
  for (let i = 0; i < 10; i++) {
    const reply = await client.call('note', Buffer.from(`${i}`), { oneWay: true, metadata: { a: 'b' } })
    assert.equal(reply, undefined)
  }
  await new Promise((resolve) =>
    client.call('note', Buffer.from('x'), { oneWay: true }, (error) => resolve(assert.equal(error, null))),
  )
  await client.call('fails', null, { oneWay: true })
  await client.call('nothing', null, { oneWay: true })
  for (let i = 0; i < 5; i++) await client.call('late', null, { oneWay: true })
  server.method('last', () => null)
  await client.call('last')
  await until(() => server.running === 0)
  assert.deepEqual(seen, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'x'])
  assert.deepEqual(failures, ['unheard'])
  assert.deepEqual([client.stats.oneWay, client.stats.unknownAnswers, client.pending], [18, 0, 0])
  const [session] = server.sessions
  assert.deepEqual([session.oneWays, session.calls.size, session.pendingBytes], [0, 0, 0])
})

test('one-way calls that are not done hold the connection back, and end at their deadline', async (t) => {
  const { server, client } = await pair(t, { maxCallsPerConnection: 4 }, { timeout: 500 })
  let started = 0
  server.method('hold', (_request, _callback) => void started++)
  for (let i = 0; i < 200; i++) client.call('hold', null, { oneWay: true }, () => {})
  const [session] = server.sessions
  await until(() => session.paused)
  assert.ok(session.oneWays < 300)
  await until(() => started === 200 && session.oneWays === 0)
  assert.equal(session.paused, false)
})
