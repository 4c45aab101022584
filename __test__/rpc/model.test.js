'use strict'

// Random interleavings of everything that can happen to a call, against what a naive model allows: each call ends exactly once,
// and only in a way that its fate permits.

const test = require('node:test')
const assert = require('node:assert/strict')
const diagnostics = require('node:diagnostics_channel')
const { once } = require('node:events')
const { rpc } = require('../../index.js')
const { sleep } = require('./tools.js')

function generator(seed) {
  let state = seed >>> 0
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** What a call asks its handler to do, and the ends that this allows, besides those that an accident may cause. */
const fates = {
  echo: ['reply'],
  later: ['reply'],
  never: [],
  fail: ['ERR_FATE'],
  throw: ['ERR_FATE'],
  twice: ['reply'],
  unknown: ['IRONWIRE_RPC_UNKNOWN_METHOD'],
}

function addMethods(server, random) {
  server.on('handlerError', () => {})
  const fate = (message) => Object.assign(new Error(message), { code: 'ERR_FATE' })
  server.method('echo', (request, callback) => callback(null, request))
  server.method('later', async (request) => {
    await sleep(random(8))
    return request
  })
  server.method('never', () => {})
  server.method('fail', (_request, callback) => callback(fate('failed')))
  server.method('throw', async () => {
    throw fate('thrown')
  })
  server.method('twice', (request, callback) => {
    callback(null, request)
    setImmediate(callback, null, Buffer.from('never seen'))
  })
}

/** Published calls that have begun and not ended; every published end must be among them. */
const open = { client: new Set(), server: new Set() }
for (const [side, calls] of Object.entries(open)) {
  diagnostics.subscribe(`ironwire.rpc.${side}.call.start`, (message) => calls.add(message))
  diagnostics.subscribe(`ironwire.rpc.${side}.call.end`, (message) => assert.ok(calls.delete(message)))
}

async function play(seed, accidents) {
  const random = generator(seed)
  const options = { maxCallsPerConnection: 1 + random(40), maxConcurrency: 1 + random(30), closeTimeout: 50 }
  let server = rpc.createServer(options)
  addMethods(server, random)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  const client = rpc.connect(port, {
    timeout: 2000,
    maxInFlight: 1 + random(60),
    queue: random(4) > 0,
    reconnect: { initialDelay: 2, maxDelay: 10 },
  })
  client.on('error', () => {})
  await once(client, 'connect')

  const calls = []
  const names = Object.keys(fates)
  const make = () => {
    const name = names[random(names.length)]
    const body = Buffer.alloc(random(random(20) === 0 ? 60_000 : 60), random(256))
    const record = { name, body, ends: [], allowed: new Set(fates[name]) }
    calls.push(record)
    // A call that is not answered needs another way to end.
    const timeout = name === 'never' ? 5 + random(20) : undefined
    if (timeout !== undefined) record.allowed.add('IRONWIRE_RPC_TIMEOUT')
    let controller
    if (random(8) === 0) {
      controller = new AbortController()
      record.allowed.add('IRONWIRE_RPC_ABORTED')
      setTimeout(() => controller.abort(), random(6))
    }
    for (const code of accidents.codes) record.allowed.add(code)
    if (!client.options.queue) record.allowed.add('IRONWIRE_RPC_TOO_MANY_CALLS')
    record.done = new Promise((resolve) => {
      let sync = true
      client.call(name, body, { timeout, signal: controller?.signal }, (error, reply) => {
        assert.equal(sync, false)
        record.ends.push(error ? error.code : 'reply')
        if (error) assert.equal(typeof error.sent, 'boolean')
        else assert.ok(reply.equals(body))
        if (random(3) === 0 && calls.length < 400) make()
        resolve()
      })
      sync = false
    })
  }

  for (let step = 0; step < 40; step++) {
    for (let burst = random(12); burst > 0; burst--) make()
    if (random(3) === 0) await new Promise(setImmediate)
    if (random(5) === 0) await sleep(random(5))
    const accident = accidents.happen(random)
    if (accident === 'drop') server.closeAllConnections()
    if (accident === 'restart') {
      await server.close()
      server = rpc.createServer(options)
      addMethods(server, random)
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    }
  }
  for (let i = 0; i < calls.length; i++) await calls[i].done
  await sleep(10)
  for (const { name, ends, allowed } of calls) {
    assert.equal(ends.length, 1, `seed ${seed}: a call of ${name} ended ${ends.length} times`)
    assert.ok(allowed.has(ends[0]), `seed ${seed}: a call of ${name} ended with ${ends[0]}`)
  }
  assert.equal(client.pending, 0)
  assert.equal(client.stats.unknownAnswers, 0)
  assert.equal(client.stats.calls, calls.length)
  assert.equal(client.stats.replies + client.stats.errors, calls.length)
  assert.equal(client.stats.replies, calls.filter(({ ends }) => ends[0] === 'reply').length)
  await client.close()
  await server.close()
  assert.equal(server.running, 0)
  assert.equal(server.stats.pending, 0)
  assert.deepEqual([open.client.size, open.server.size], [0, 0])
  for (const { started, statuses, latency } of Object.values({
    ...client.stats().methods,
    ...server.stats().methods,
  })) {
    assert.equal(
      Object.values(statuses).reduce((sum, count) => sum + count, 0),
      started,
    )
    assert.equal(latency.count, started)
  }
  return calls.length
}

test('every call ends once, as it must', async () => {
  let calls = 0
  for (let seed = 1; seed <= 12; seed++) calls += await play(seed, { codes: [], happen: () => null })
  assert.ok(calls > 2000)
})

test('every call ends once, also when connections drop and servers restart', async () => {
  const codes = ['IRONWIRE_RPC_CONNECTION_LOST', 'IRONWIRE_RPC_NOT_CONNECTED', 'IRONWIRE_RPC_TIMEOUT']
  const happen = (random) => [null, null, null, null, null, null, null, 'drop', 'drop', 'restart'][random(10)]
  for (let seed = 101; seed <= 112; seed++) await play(seed, { codes, happen })
})
