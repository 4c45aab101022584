'use strict'

// Peers and handlers that keep doing unusual things: send byte by byte, pipeline, never read, cancel at once, call and
// close from within callbacks. Time and memory are limited.

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')
const { rpc } = require('../../index.js')
const { pair, handClient, frame, preface, Kind, sleep, until, method, listening } = require('./tools.js')

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

const request = (sequence, number, body = '', remaining) =>
  frame(Kind.REQUEST, sequence, { code: number, body, remaining })
const cancel = (sequence) => frame(Kind.CANCEL, sequence)

/** Bytes of all ArrayBuffers after garbage collection. */
async function arrayBuffers() {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise(setImmediate)
  }
  return process.memoryUsage().arrayBuffers
}

test('requests arrive the same, byte by byte or all at once', async (t) => {
  const { server, port } = await listening(t)
  const seen = []
  server.method('echo', (body, callback, call) => {
    seen.push([body.length, call.deadline !== undefined])
    callback(null, body)
  })
  const bodies = [0, 1, 5, 4095, 4096, 4097, 8192, 9000, 3, 100_000, 7, 7, 5000, 1].map((size, i) =>
    Buffer.alloc(size, i),
  )
  const stream = Buffer.concat([
    method(0, 'echo'),
    ...bodies.map((body, i) => request(i, 0, body, i % 2 ? 60_000 : undefined)),
  ])
  for (const piece of [1, 7, 4096, stream.length]) {
    const { socket, next } = await handClient(t, port)
    socket.setNoDelay(true)
    // Byte by byte up to the first large body, because each packet costs a turn.
    const dripped = piece === 1 ? 12_000 : stream.length
    for (let at = 0; at < dripped; at += piece) {
      socket.write(stream.subarray(at, Math.min(at + piece, dripped)))
      if (at % (64 * piece) === 0) await new Promise(setImmediate)
    }
    socket.write(stream.subarray(dripped))
    for (const [i, body] of bodies.entries()) {
      const unit = await next(({ kind, sequence }) => kind === Kind.REPLY && sequence === i)
      assert.ok(unit.payload.equals(body), `body ${i} in pieces of ${piece}`)
    }
    socket.destroy()
  }
  assert.equal(seen.length, 4 * bodies.length)
})

test('many sizes pipelined over several connections come back whole', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (body, callback) => callback(null, body))
  server.method('later', async (body) => {
    await null
    return body
  })
  const others = [1, 2, 3].map(() => rpc.connect(server.address().port))
  t.after(() => {
    for (const other of others) other.destroy()
  })
  const kept = []
  let random = 1
  for (let round = 0; round < 20; round++) {
    const calls = []
    for (let i = 0; i < 200; i++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      const size = (random >>> 8) % [20, 20, 300, 5000, 20_000][random % 5]
      const body = Buffer.alloc(size, random >>> 24)
      const caller = [client, ...others][i % 4]
      calls.push(caller.call(i % 3 ? 'echo' : 'later', body).then((reply) => [reply, body]))
    }
    kept.push(...(await Promise.all(calls)))
  }
  for (const [reply, body] of kept) assert.ok(reply.equals(body))
})

test('a small body that is kept keeps 8 KiB at most, whatever came with it', async (t) => {
  const { server, client } = await pair(t)
  const requests = []
  server.method('keep', (body) => {
    requests.push(body)
    return body
  })
  server.method('large', (body) => body)
  const before = await arrayBuffers()
  const replies = []
  for (const size of [0, 3000, 5000, 70_000, 500_000]) {
    for (let i = 0; i < 20; i++) {
      const [reply] = await Promise.all([
        client.call('keep', Buffer.from([i])),
        client.call('large', Buffer.alloc(size)),
      ])
      replies.push(reply)
    }
  }
  for (const bodies of [requests, replies]) {
    for (const [i, body] of bodies.entries()) {
      assert.equal(body[0], i % 20)
      assert.ok(body.buffer.byteLength <= 8192)
    }
  }
  const held = (await arrayBuffers()) - before
  assert.ok(held < 200 * 8192 + 1e6, `${held} bytes are held`)
})

test('the counted bytes are the bytes that are held', async (t) => {
  const { server, port } = await listening(t, { maxPendingBytes: 200_000 })
  const held = []
  server.method('hold', (body, callback) => held.push({ body, callback }))
  const { socket } = await handClient(t, port)
  socket.write(method(0, 'hold'))
  const sizes = [1, 1, 4000, 1, 4000, 4000, 1, 0, 4096, 1, 8192, 1, 30_000, 1, 1]
  sizes.forEach((size, i) => {
    socket.write(request(i, 0, Buffer.alloc(size)))
  })
  await until(() => held.length === sizes.length)
  const [session] = server.sessions
  const memory = () => {
    const buffers = new Set(held.map(({ body }) => body.buffer))
    return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)
  }
  assert.equal(session.pendingBytes, memory())
  while (held.length > 0) {
    held.splice(((held.length * 7) % 5) % held.length, 1)[0].callback()
    assert.equal(session.pendingBytes, memory())
  }
  // One byte keeps its whole slab alive, so these are too many.
  const total = 200
  for (let i = 0; i < total; i++) {
    socket.write(request(2 * i, 0, 'x'))
    socket.write(request(2 * i + 1, 1, Buffer.alloc(3500)))
  }
  await until(() => session.paused)
  assert.ok(memory() <= 200_000 + 2 * 64 * 1024, `${memory()} bytes are held`)
  let answered = 0
  while (answered < total) {
    for (const { callback } of held.splice(0)) {
      callback()
      answered++
    }
    await sleep(1)
  }
  assert.equal(session.pendingBytes, 0)
  assert.equal(session.paused, false)
})

test('calling and cancelling repeatedly starts no more handlers than may be left over', async (t) => {
  const { server, port } = await listening(t, { maxStraysPerConnection: 50, maxStrays: 80, strayTimeout: Infinity })
  const started = []
  server.method('work', (_body, callback) => started.push(callback))
  server.method('echo', (body, callback) => callback(null, body))
  const attack = async () => {
    const before = server.stats.calls
    const attacker = await handClient(t, port)
    attacker.socket.write(Buffer.concat([method(0, 'work'), method(1, 'echo')]))
    for (let i = 0; i < 2000; i++) attacker.socket.write(Buffer.concat([request(i, 0, 'body'), cancel(i)]))
    attacker.socket.write(request(5000, 0, 'last'))
    await until(() => server.stats.calls === before + 2001)
    return attacker
  }
  await attack()
  assert.equal(started.length, 50)
  assert.equal(server.running, 0)
  const friend = rpc.connect(port)
  t.after(() => friend.destroy())
  assert.equal(String(await friend.call('echo', Buffer.from('others are served'))), 'others are served')
  const second = await attack()
  assert.equal(started.length, 80)
  // Connecting again does not help.
  second.socket.destroy()
  await until(() => server.sessions.size === 2)
  const third = await handClient(t, port)
  third.socket.write(
    Buffer.concat([method(0, 'work'), ...Array.from({ length: 500 }, (_, i) => request(i, 0)), cancel(1)]),
  )
  await until(() => server.stats.calls === 2 * 2001 + 1 + 500)
  assert.equal(started.length, 80)
  const waits = friend.call('echo', Buffer.from('in the end'))
  for (const callback of started) callback()
  assert.equal(String(await waits), 'in the end')
  await until(() => started.length > 80)
  assert.equal(server.stats.lateAnswers, 80)
})

test('a handler that never answers occupies its place only for a while', async (t) => {
  const { server, client } = await pair(t, { maxStraysPerConnection: 3, strayTimeout: 20 })
  let calls = 0
  server.method('never', () => {
    calls++
  })
  server.method('stops', async (_body, _callback, call) => {
    await once(call.signal, 'abort')
    return null
  })
  server.method('echo', (body, callback) => callback(null, body))
  for (let i = 0; i < 12; i++) await assert.rejects(client.call('never', null, { timeout: 5 }))
  await client.call('echo')
  assert.ok(calls >= 3)
  for (let i = 0; i < 6; i++) await assert.rejects(client.call('stops', null, { timeout: 2 }))
  await until(() => server.running === 0 && server.strays.size === 0)
  const [session] = server.sessions
  assert.deepEqual([session.strays, session.pendingBytes, server.running], [0, 0, 0])
})

test('peers that never read cost no more than their limits', async (t) => {
  const { server, port } = await listening(t, { maxOutgoingBytes: 2 * 2 ** 20 })
  const body = Buffer.alloc(60_000)
  let handled = 0
  server.method('big', (_body, callback) => {
    handled++
    callback(null, body)
  })
  const before = await arrayBuffers()
  for (let peer = 0; peer < 10; peer++) {
    const { socket } = await handClient(t, port)
    socket.pause()
    socket.write(method(0, 'big'))
    for (let i = 0; i < 1000; i++) socket.write(request(i, 0))
  }
  await until(() => server.sessions.size === 10 && [...server.sessions].every(({ paused }) => paused))
  for (const { wire } of server.sessions) assert.ok(wire.queued <= 2 * 2 ** 20 + body.length)
  assert.ok(handled < 10 * 400, `${handled} answers`)
  assert.ok((await arrayBuffers()) - before < 30 * 2 ** 20)
})

test('calls, closing and destroying from within handlers and callbacks', async (t) => {
  const deep = 200
  for (let round = 0; round < 12; round++) {
    const { server, client } = await pair(t, { maxConcurrency: 1 + (round % 3) }, { reconnect: false, timeout: 2_000 })
    client.on('error', () => {})
    let started = 0
    let ended = 0
    const call = (name, body, callback) => {
      started++
      let calls = 0
      client.call(name, body, (error, reply) => {
        assert.equal(++calls, 1)
        ended++
        callback?.(error, reply)
      })
    }
    server.method('echo', (body, callback) => {
      // A handler that calls its own server, while it holds a place and after it has answered.
      if (body[0] === 1) call('echo', Buffer.from([0]))
      callback(null, body)
      if (body[0] === 2) call('echo', Buffer.from([0]))
    })
    server.method('end', (_body, callback) => {
      const ways = [
        () => client.destroy(),
        () => client.close(() => {}),
        () => server.closeAllConnections(),
        () => server.close(() => {}),
      ]
      ways[round % 4]()
      if (round % 2) callback()
    })
    const chain = (left) => {
      call('echo', Buffer.from([left % 3]), (error) => {
        if (error || left === 0) return
        chain(left - 1)
        if (left === deep / 2) call('end', null)
      })
    }
    for (let i = 0; i < 5; i++) chain(deep)
    await until(() => ended === started && client.pending === 0)
    client.destroy()
    server.closeAllConnections()
    await until(() => server.running === 0 && server.sessions.size === 0)
  }
})

test('nonsense after the preface ends only its own connection', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (body) => body)
  let random = 7
  for (let round = 0; round < 60; round++) {
    const { socket } = await handClient(t, server.address().port, { greeting: round % 5 ? preface() : null })
    const noise = Buffer.concat([
      method(0, 'echo'),
      request(1, 0, 'x'.repeat(5000)),
      cancel(1),
      request(2, 0),
      request(2, 0),
    ])
    for (let flips = round % 7; flips > 0; flips--) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      noise[(random >>> 4) % noise.length] = random >>> 24
    }
    socket.write(noise)
    if (round % 3 === 0) socket.end()
    const body = Buffer.alloc(round * 100, round)
    assert.ok((await client.call('echo', body)).equals(body))
    if (round % 2) socket.destroy()
  }
  assert.equal(client.stats.connections, 1)
})
