'use strict'

// Callbacks, contexts, throws, closing: what listeners can do, and what they can rely on.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { AsyncLocalStorage, executionAsyncId } = require('node:async_hooks')
const { once } = require('node:events')
const { BlockList } = require('node:net')
const { setImmediate: turn } = require('node:timers/promises')
const { ours, open, bound, messages, sent, run, root } = require('./support.js')
const { usage } = require('../../lib/engine.js')

test('a callback is called once, and never synchronously', async (t) => {
  const socket = await bound(t, ours)
  const { port } = socket.address()
  let calls = 0
  for (const args of [
    ['a', port, '127.0.0.1'],
    ['a', port],
    [Buffer.alloc(70_000), port, '127.0.0.1'],
  ]) {
    let returned = false
    await new Promise((resolve) => {
      socket.send(...args, () => {
        assert.ok(returned)
        calls++
        resolve()
      })
      returned = true
    })
  }
  await turn()
  assert.equal(calls, 3)
})

test('sending in every callback does not starve other events', async (t) => {
  const [socket, other] = [await bound(t, ours), await bound(t, ours)]
  let going = true
  let count = 0
  const again = () => {
    count++
    if (going) socket.send('a', 9, '127.0.0.1', again)
  }
  again()
  const got = messages(other, 1)
  other.send('b', other.address().port, '127.0.0.1')
  await got
  await new Promise((resolve) => setTimeout(resolve, 5))
  going = false
  assert.ok(count > 2)
})

test('ticks and promise jobs run between two messages', async (t) => {
  const socket = await bound(t, ours)
  const seen = []
  socket.on('message', (bytes) => {
    seen.push(String(bytes))
    process.nextTick(() => seen.push('tick'))
    Promise.resolve().then(() => seen.push('job'))
  })
  for (const text of ['a', 'b', 'c']) socket.send(text, socket.address().port, '127.0.0.1')
  while (seen.length < 9) await turn()
  assert.deepEqual(seen, ['a', 'tick', 'job', 'b', 'tick', 'job', 'c', 'tick', 'job'])
})

test('listeners run in the async context of the socket, callbacks in that of send()', async (t) => {
  const storage = new AsyncLocalStorage()
  const socket = storage.run('socket', () => open(t, ours, 'udp4'))
  const plain = storage.run(undefined, () => open(t, ours, 'udp4'))
  storage.run('bind', () => socket.bind(0, '127.0.0.1'))
  storage.run('bind', () => plain.bind(0, '127.0.0.1'))
  await Promise.all([once(socket, 'listening'), once(plain, 'listening')])
  const seen = []
  socket.on('message', () => seen.push(storage.getStore()))
  plain.on('message', () => seen.push(storage.getStore()))
  for (const [to, how] of [
    [socket, '127.0.0.1'],
    [plain, 'localhost'],
  ]) {
    for (const store of [1, 2]) {
      storage.run(store, () => to.send('a', to.address().port, how, () => seen.push(storage.getStore())))
    }
  }
  while (seen.length < 8) await turn()
  assert.deepEqual(seen.map(String).sort(), ['1', '1', '2', '2', 'socket', 'socket', 'undefined', 'undefined'])
})

test('messages are delivered in the async resource of the socket', async (t) => {
  const socket = await bound(t, ours)
  const ids = []
  socket.on('message', () => ids.push(executionAsyncId()))
  socket.send('a', socket.address().port, '127.0.0.1')
  socket.send('a', socket.address().port, '127.0.0.1')
  while (ids.length < 2) await turn()
  assert.ok(ids[0] > 0)
  assert.equal(ids[0], ids[1])
})

test('a socket that is closed in a listener emits no further message', async (t) => {
  const [socket, sender] = [await bound(t, ours), await bound(t, ours)]
  let heard = 0
  socket.on('message', () => {
    heard++
    socket.close()
  })
  for (let i = 0; i < 10; i++) sender.send('a', socket.address().port, '127.0.0.1')
  await once(socket, 'close')
  await turn()
  await turn()
  assert.equal(heard, 1)
})

test('messages sent right before close() arrive, and their callbacks are called', async (t) => {
  const [socket, sender] = [await bound(t, ours), await bound(t, ours)]
  const got = messages(socket, 1)
  const result = sent(sender, 'last', socket.address().port, '127.0.0.1')
  sender.close()
  assert.deepEqual(await result, [null, 4])
  assert.equal(String((await got)[0][0]), 'last')
})

test('an exception in a listener is uncaught, and the next message is delivered', async () => {
  const { stdout, stderr, code } = await run(`
    const { dgram } = require(${root})
    const seen = []
    process.on('uncaughtException', ({ message }) => seen.push(message))
    const socket = dgram.createSocket('udp4', (bytes) => { throw new Error(String(bytes)) })
    socket.bind(0, '127.0.0.1', () => {
      for (const text of ['a', 'b', 'c']) socket.send(text, socket.address().port, '127.0.0.1', () => { throw new Error('sent ' + text) })
    })
    const timer = setInterval(() => {
      if (seen.length < 6) return
      console.log(seen.sort().join())
      socket.close()
      clearInterval(timer)
    }, 5)`)
  assert.deepEqual([stdout, stderr, code], ['a,b,c,sent a,sent b,sent c\n', '', 0])
})

test('block lists', { skip: !('receiveBlockList' in blockLists()) }, async (t) => {
  const blocked = new BlockList()
  blocked.addAddress('127.0.0.1')
  const socket = open(t, ours, { type: 'udp4', sendBlockList: blocked })
  const [error] = await sent(socket, 'a', 9, '127.0.0.1')
  assert.equal(error.code, 'ERR_IP_BLOCKED')
  const deaf = open(t, ours, { type: 'udp4', receiveBlockList: blocked })
  deaf.on('message', () => assert.fail('blocked'))
  deaf.bind(0, '127.0.0.1')
  await once(deaf, 'listening')
  const sender = await bound(t, ours)
  await sent(sender, 'a', deaf.address().port, '127.0.0.1')
  await sent(sender, 'b', sender.address().port, '127.0.0.1')
  await once(sender, 'message')
})

/** What this Node knows of block lists: since 22.13 it takes nothing else for one. */
function blockLists() {
  try {
    ours.createSocket({ type: 'udp4', receiveBlockList: {} }).close()
    return {}
  } catch {
    return { receiveBlockList: true }
  }
}

test('bytes of a closed socket, a detached buffer and a shared one', async (t) => {
  const [socket, sender] = [await bound(t, ours), await bound(t, ours)]
  const got = messages(socket, 2)
  const gone = new Uint8Array(8)
  structuredClone(gone, { transfer: [gone.buffer] })
  sender.send(gone, socket.address().port, '127.0.0.1')
  sender.send(new Uint8Array(new SharedArrayBuffer(3)).fill(65), socket.address().port, '127.0.0.1')
  assert.deepEqual(
    (await got).map(([bytes]) => String(bytes)),
    ['', 'AAA'],
  )
})

test('transferring the memory of a message does not affect other messages', async (t) => {
  const [socket, sender] = [await bound(t, ours), await bound(t, ours)]
  const kept = []
  for (let i = 0; i < 20; i++) {
    const got = messages(socket, 1)
    sender.send(`message ${i}`, socket.address().port, '127.0.0.1')
    const [[bytes]] = await got
    // As with Node's pool: they are copied, or refused.
    for (const give of [() => structuredClone(bytes, { transfer: [bytes.buffer] }), () => bytes.buffer.transfer()]) {
      try {
        give()
      } catch (error) {
        assert.ok(error.name === 'DataCloneError' || error instanceof TypeError)
      }
    }
    if (bytes.length > 0) kept.push([i, bytes])
  }
  // Where a buffer can be given away behind its back (Node 22), its messages go with it, and no others.
  for (const [i, bytes] of kept) assert.equal(String(bytes.length && bytes), bytes.length ? `message ${i}` : '0')
  const got = messages(socket, 1)
  sender.send('after', socket.address().port, '127.0.0.1')
  assert.equal(String((await got)[0][0]), 'after')
})

test('handles and slots are released', async (t) => {
  // Those of the tests before are on their way out.
  while (usage().slots > 0) await turn()
  const before = usage()
  for (let round = 0; round < 5; round++) {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => bound(t, ours)))
    await Promise.all(sockets.map((socket) => sent(socket, 'a', socket.address().port, '127.0.0.1')))
    for (const socket of sockets) socket.close()
    await Promise.all(sockets.map((socket) => once(socket, 'close')))
  }
  while (usage().slots > 0 || usage().handles > before.handles) await turn()
  assert.deepEqual(usage(), before)
})
