'use strict'

// Unusual values and moments, which must affect only the call that they belong to.

const test = require('node:test')
const assert = require('node:assert/strict')
const vm = require('node:vm')
const { once, getEventListeners } = require('node:events')
const { rpc } = require('../../index.js')
const { pair, until } = require('./tools.js')

/** Values that a handler throws, rejects with, passes to the callback as an error, or answers with. */
const oddities = {
  'an object without text': () => Object.create(null),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'a code that throws': () => ({
    get code() {
      throw new Error('code')
    },
  }),
  'a message that throws': () => ({
    get message() {
      throw new Error('message')
    },
  }),
  'a stack that throws': () =>
    Object.defineProperty(new Error('x'), 'stack', {
      get() {
        throw new Error('stack')
      },
    }),
  'a code without text': () => Object.assign(new Error('x'), { code: Object.create(null) }),
  'a symbol': () => Symbol('odd'),
}

/** The ways in which a handler gives such a value. */
const ways = {
  throws: (make) => () => {
    throw make()
  },
  rejects: (make) => () => Promise.reject(make()),
  'calls back with': (make) => (_request, callback) => callback(make()),
  'replies with': (make) => (_request, callback) => callback(null, make()),
  'resolves with': (make) => async () => make(),
}

test('whatever a handler throws or answers affects only its own call', async (t) => {
  // Nothing listens to 'handlerError', so the warning is made from these values, too.
  const warned = once(process, 'warning')
  const { server, client } = await pair(t)
  for (const [what, make] of Object.entries(oddities)) {
    for (const [way, handler] of Object.entries(ways)) server.method(`${way} ${what}`, handler(make))
  }
  for (const method of server.handlers.keys()) {
    // Resolving a promise with a value whose properties cannot be read rejects it, as always.
    await assert.rejects(client.call(method, null, { timeout: 5_000 }), (error) => {
      assert.notEqual(error.code, 'IRONWIRE_RPC_TIMEOUT', method)
      assert.equal(error.remote, true, method)
      return true
    })
  }
  assert.equal(server.running, 0)
  assert.equal(client.pending, 0)
  const [warning] = await warned
  assert.match(warning.message, /an error without text/)
})

test("an error's getter that answers does not answer twice", async (t) => {
  const { server, client } = await pair(t)
  server.method('nested', (_request, callback) => {
    callback({
      get message() {
        callback(null, Buffer.from('first'))
        return 'second'
      },
    })
  })
  assert.equal(String(await client.call('nested')), 'first')
  assert.equal(server.stats.extraAnswers, 1)
  assert.equal(server.running, 0)
})

test('a signal that cannot be listened to is refused before anything is sent', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (request, callback) => callback(null, request))
  const halves = [
    { aborted: false },
    { aborted: false, addEventListener() {} },
    { aborted: false, addEventListener: 'no', removeEventListener() {} },
  ]
  for (const signal of halves) {
    const call = () => client.call('echo', null, { signal }, () => assert.fail('thrown and called back'))
    assert.throws(call, { code: 'ERR_INVALID_ARG_TYPE' })
  }
  assert.equal(client.pending, 0)
  assert.equal(client.link.calls.unanswered, 0)
})

test("a signal of a library's own serves", async (t) => {
  const { server, client } = await pair(t)
  server.method('hold', () => {})
  const listeners = new Set()
  const signal = {
    aborted: false,
    reason: 'enough',
    addEventListener: (_type, listener) => listeners.add(listener),
    removeEventListener: (_type, listener) => listeners.delete(listener),
  }
  const held = client.call('hold', null, { signal })
  for (const listener of listeners) listener()
  await assert.rejects(held, { code: 'IRONWIRE_RPC_ABORTED', cause: 'enough' })
  assert.equal(listeners.size, 0)
})

test('a signal has one listener, however many calls it can end', async (t) => {
  const { server, client } = await pair(t, {}, { maxInFlight: 50 })
  server.method('hold', () => {})
  const controller = new AbortController()
  const { signal } = controller
  const held = Array.from({ length: 100 }, () => client.call('hold', null, { signal }))
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  controller.abort()
  for (const call of held) await assert.rejects(call, { code: 'IRONWIRE_RPC_ABORTED' })
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  assert.equal(client.pending, 0)
})

test('bytes of another realm are bytes, objects that only look like them are not', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (request, callback) => callback(null, request))
  server.method('foreign', (_request, callback) => callback(null, vm.runInNewContext('new Uint8Array(3).fill(7)')))
  const foreign = vm.runInNewContext('new Uint8Array(20000).fill(7)')
  assert.ok((await client.call('echo', foreign)).equals(Buffer.alloc(20_000, 7)))
  assert.deepEqual([...(await client.call('foreign'))], [7, 7, 7])
  for (const length of [100, 100_000]) {
    const fake = Object.create(Buffer.prototype, { length: { value: length } })
    assert.throws(() => client.call('echo', fake, () => {}), { code: 'ERR_INVALID_ARG_TYPE' })
  }
})

test('a handler that ends its own connection frees its place, and is notified that its caller has gone', async (t) => {
  const server = rpc.createServer()
  let signal
  server.method('end', (_request, _callback, call) => {
    signal = call.signal
    server.closeAllConnections()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = rpc.connect(server.address().port, { reconnect: false })
  client.on('error', () => {})
  t.after(() => server.close(() => {}))
  await assert.rejects(client.call('end'), { code: 'IRONWIRE_RPC_CONNECTION_LOST' })
  await until(() => server.running === 0)
  assert.equal(signal.aborted, true)
})

test('a small body does not keep the memory of a large one that came with it', async (t) => {
  const { server, client } = await pair(t)
  const kept = []
  server.method('large', (_request, callback) => callback())
  server.method('keep', (request, callback) => {
    kept.push(request)
    callback(null, request)
  })
  const large = Buffer.alloc(4 * 2 ** 20)
  for (let i = 0; i < 20; i++) {
    const [, reply] = await Promise.all([client.call('large', large), client.call('keep', Buffer.from([i]))])
    kept.push(reply)
  }
  assert.deepEqual(
    kept.map(([byte]) => byte),
    Array.from({ length: 40 }, (_, i) => i >> 1),
  )
  const memory = new Set(kept.map(({ buffer }) => buffer))
  let bytes = 0
  for (const { byteLength } of memory) bytes += byteLength
  assert.ok(bytes < 8 * 2 ** 20, `40 bytes keep ${bytes}`)
})

test('a call whose deadline is past counts as timed out', async (t) => {
  const { client } = await pair(t)
  await assert.rejects(client.call('any', null, { deadline: Date.now() - 1_000 }), {
    code: 'IRONWIRE_RPC_TIMEOUT',
    sent: false,
  })
  assert.equal(client.stats.timeouts, 1)
  assert.equal(client.stats.errors, 1)
})
