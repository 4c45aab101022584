'use strict'

// `AsyncLocalStorage`: callers are notified in the context in which they made the call, and what one handler or
// listener sets with `enterWith` does not reach other calls.

const assert = require('node:assert/strict')
const { AsyncLocalStorage, createHook } = require('node:async_hooks')
const { test } = require('node:test')
const { grpc, serve, connect } = require('./support.js')

const storage = new AsyncLocalStorage()
const handlers = {
  one: (_call, callback) => callback(null, 'x'),
  many(call) {
    call.write('x')
    call.end()
  },
  gather(call, callback) {
    call.resume()
    call.on('end', () => callback(null, 'x'))
  },
  chat(call) {
    call.on('data', (message) => call.write(message))
    call.on('end', () => call.end())
  },
}

/** The stored value at each event of a call. `begin(callback)` starts the call. */
function stores(name, begin) {
  return storage.run(
    name,
    () =>
      new Promise((resolve) => {
        const seen = new Set()
        const look = () => seen.add(storage.getStore())
        const call = begin(look)
        for (const event of ['metadata', 'data', 'end', 'error', 'finish', 'drain']) call.on(event, look)
        call.on('status', () => {
          look()
          setImmediate(resolve, seen)
        })
      }),
  )
}

test('callbacks and events run in the context of the call', async (t) => {
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  const nowhere = connect(t, grpc, 1)
  const calls = {
    one: (callback) => client.one('x', callback),
    many: () => client.many('x'),
    gather(callback) {
      const call = client.gather(callback)
      call.end('x'.repeat(100_000))
      return call
    },
    chat() {
      const call = client.chat()
      call.end('x'.repeat(100_000))
      return call
    },
    cancelled(callback) {
      const call = client.one('x', callback)
      storage.run('elsewhere', () => call.cancel())
      return call
    },
    late: () => client.chat({ deadline: Date.now() + 10 }),
    refused: (callback) => nowhere.one('x', callback),
  }
  const found = await Promise.all(Object.entries(calls).map(([name, begin]) => stores(name, begin)))
  assert.deepEqual(
    found,
    Object.keys(calls).map((name) => new Set([name])),
  )
})

test('enterWith in a handler or a callback affects no other call', async (t) => {
  const seen = []
  const enter = (call) => {
    seen.push(storage.getStore())
    storage.enterWith(call.getPath())
  }
  const entering = Object.entries(handlers).map(([name, handler]) => [
    name,
    (call, callback) => {
      enter(call)
      handler(call, callback)
    },
  ])
  const { port } = await serve(t, grpc, Object.fromEntries(entering))
  const client = connect(t, grpc, port)
  const ended = (make) =>
    new Promise((resolve) => {
      const call = make(() => {
        seen.push(storage.getStore())
        storage.enterWith('a callback')
      })
      call.on('data', () => {
        seen.push(storage.getStore())
        storage.enterWith('a listener')
      })
      call.on('status', resolve)
    })
  // Connect first, so that the following calls are handled in one turn.
  await ended((callback) => client.one('x', callback))
  await Promise.all(
    [1, 2, 3].flatMap(() => [
      ended((callback) => client.one('x', callback)),
      ended(() => client.many('x')),
      ended((callback) => client.gather(callback).end()),
      ended(() => client.chat().end('x')),
    ]),
  )
  assert.equal(seen.length, 26)
  assert.deepEqual(new Set(seen), new Set([undefined]))
})

test('each call is an async resource that is destroyed at its end', { timeout: 120_000 }, async (t) => {
  const open = new Set()
  const hook = createHook({
    init: (id, type) => type === 'GRPCCALL' && open.add(id),
    destroy: (id) => open.delete(id),
  })
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  const hedgingPolicy = { maxAttempts: 3, hedgingDelay: '0s' }
  const config = JSON.stringify({ methodConfig: [{ name: [{}], hedgingPolicy }] })
  const hedged = connect(t, grpc, port, { 'grpc.service_config': config })
  hook.enable()
  t.after(() => hook.disable())
  const call = client.chat()
  call.write('x')
  await new Promise((resolve) => call.once('data', resolve))
  assert.equal(open.size, 2)
  call.on('error', () => {})
  call.cancel()
  await client.one('x')
  await hedged.one('x')
  while (open.size > 0) await new Promise(setImmediate)
})
