'use strict'

// Connections that wait for the same time share a timer.

const test = require('node:test')
const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const net = require('node:net')
const { once } = require('node:events')
const { rpc } = require('../..')
const { Deadlines } = require('../../lib/rpc/deadlines.js')
const { now } = require('../../lib/rpc/tick.js')
const { Watched } = require('../../lib/rpc/watch.js')

/** Keeps the process running, because the waiting connections do not. */
async function alive(run) {
  const timer = setInterval(() => {}, 1000)
  await run().finally(() => clearInterval(timer))
}

test('each action runs once, in order, with one timer for equal delays', () =>
  alive(async () => {
    const lists = new Map()
    const called = []
    await new Promise((resolve) => {
      for (const name of ['a', 'b', 'c', 'd']) {
        const one = Object.assign(new Watched(lists), { name })
        one.watch(5, () => assert.fail('replaced'))
        one.watch(name === 'c' ? 1 : 20, ({ name }) => {
          called.push(name)
          if (called.length === 3) resolve()
        })
        if (name === 'b') one.unwatch()
      }
      assert.deepEqual([...lists.keys()], [20, 1])
    })
    assert.deepEqual(called, ['c', 'a', 'd'])
    // A list disappears with its last connection.
    assert.equal(lists.size, 0)
  }))

test('an action may add and remove waits', () =>
  alive(async () => {
    const lists = new Map()
    const [first, second, third] = [1, 2, 3].map(() => new Watched(lists))
    let times = 0
    await new Promise((resolve) => {
      second.watch(60_000, () => assert.fail('not waited for any more'))
      first.watch(2, function again() {
        second.unwatch()
        if (++times < 3) return first.watch(2, again)
        third.watch(2, resolve)
      })
    })
    assert.equal(times, 3)
  }))

test('an action that throws costs the others nothing', () =>
  alive(async () => {
    const lists = new Map()
    let caught
    const thrown = new Promise((resolve) => {
      caught = resolve
    })
    process.setUncaughtExceptionCaptureCallback(caught)
    try {
      const called = new Promise((resolve) => {
        new Watched(lists).watch(1, () => {
          throw new Error('of one')
        })
        new Watched(lists).watch(1, resolve)
      })
      assert.equal((await thrown).message, 'of one')
      await called
    } finally {
      process.setUncaughtExceptionCaptureCallback(null)
    }
  }))

test('data that arrived in time is read first, also after the process was blocked', async (t) => {
  const server = net.createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = net.connect(server.address().port, '127.0.0.1')
  const [peer] = await once(server, 'connection')
  t.after(() => {
    socket.destroy()
    server.close()
  })
  const told = []
  const ended = new Promise((resolve) => {
    peer.on('data', () => told.push('data'))
    const watched = new Watched(new Map())
    watched.watch(5, () => told.push('watched'))
    const deadlines = new Deadlines(() => {
      told.push('expired')
      resolve()
      return Infinity
    })
    deadlines.add(now() + 6)
  })
  socket.write('in time')
  const start = performance.now()
  while (performance.now() - start < 30);
  await ended
  assert.deepEqual(told, ['data', 'watched', 'expired'])
})

test('a silent connection ends in the async context of its own client', async () => {
  const storage = new AsyncLocalStorage()
  const silent = net.createServer((socket) => socket.on('error', () => {}).resume())
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  const target = `127.0.0.1:${silent.address().port}`
  const seen = await Promise.all(
    ['one', 'two', undefined].map((store) =>
      storage.run(store, async () => {
        const client = rpc.connect(target, { handshakeTimeout: 20, reconnect: false })
        client.on('error', () => {})
        const error = await new Promise((resolve) => client.call('any', null, resolve))
        const store = storage.getStore()
        client.close()
        return [store, error.cause.message]
      }),
    ),
  )
  silent.close()
  const message = 'The peer sent no preface within 20 ms'
  assert.deepEqual(
    seen,
    ['one', 'two', undefined].map((store) => [store, message]),
  )
})
