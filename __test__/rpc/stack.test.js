'use strict'

// Near the end of the stack, any call may throw at any point. The exception must affect only the current call.

const test = require('node:test')
const assert = require('node:assert/strict')
const { pair, until } = require('./tools.js')

/** Runs `code` at every depth close to the end of the stack. Returns how often it threw. */
function atTheEnd(code) {
  let overflows = 0
  function deeper(steps) {
    try {
      deeper(steps + 1)
    } catch (error) {
      assert.ok(error instanceof RangeError, error)
    }
    if (overflows < 400) {
      try {
        code()
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        overflows++
      }
    }
  }
  deeper(0)
  return overflows
}

test('calls made at the end of the stack', async (t) => {
  const { server, client } = await pair(t, {}, { timeout: 3_000, maxInFlight: 65536 })
  server.method('echo', (request, callback) => callback(null, request))
  await client.call('echo')
  let made = 0
  let ended = 0
  let wrong = 0
  let ready
  const done = new Promise((resolve) => {
    ready = resolve
  })
  let left = 3000
  for (const size of [5, 2000, 40_000]) {
    const body = Buffer.alloc(size, size)
    left = 1000
    atTheEnd(() => {
      if (left-- < 0) return
      let thrown = true
      client.call('echo', body, undefined, (error, reply) => {
        // A `call()` that threw has not made a call.
        if (thrown || error || !reply.equals(body)) wrong++
        if (++ended === made) ready()
      })
      thrown = false
      made++
    })
    await client.call('echo', body)
  }
  assert.ok(made > 0)
  if (ended < made) await done
  assert.equal(wrong, 0)
  assert.equal(ended, made)
  assert.equal(client.pending, 0)
  assert.equal(client.link.calls.unanswered, 0)
  assert.equal(client.stats.connections, 1)
})

test('answers given at the end of the stack', async (t) => {
  const { server, client } = await pair(t, { strayTimeout: 10 }, { timeout: 1_000 })
  let held = []
  server.method('hold', (request, callback) => {
    held.push(() => callback(null, request))
  })
  server.method('recurse', function recurse(request, callback) {
    return recurse(request, callback)
  })
  server.on('handlerError', () => {})
  const calls = Array.from({ length: 600 }, (_, i) => client.call('hold', Buffer.from([i & 255])))
  while (held.length < 600) await new Promise(setImmediate)
  const callbacks = held
  held = []
  atTheEnd(() => callbacks.pop()?.())
  for (const callback of callbacks) callback()
  const results = await Promise.allSettled(calls)
  // A call whose callback threw may wait for its deadline; no other one may.
  for (const [i, { status, value, reason }] of results.entries()) {
    if (status === 'fulfilled') assert.equal(value[0], i & 255)
    else assert.equal(reason.code, 'IRONWIRE_RPC_TIMEOUT')
  }
  await assert.rejects(client.call('recurse'), { remote: true, message: /call stack/ })
  const [session] = server.sessions
  await until(() => server.running === 0 && session.pendingBytes === 0)
  assert.equal(client.stats.connections, 1)
})
