'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { promisify } = require('node:util')
const { rpc } = require('../../index.js')
const { pair } = require('./tools.js')

test('a call is answered, by callback or by promise', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (request, callback) => callback(null, request))
  server.method('promise', async (request) => Buffer.concat([request, request]))
  assert.equal((await client.call('echo', Buffer.from('hi'))).toString(), 'hi')
  assert.equal((await client.call('promise', Buffer.from('hi'))).toString(), 'hihi')
  await new Promise((resolve) => {
    let returned = false
    const result = client.call('echo', new Uint8Array([1, 2]), (error, reply) => {
      assert.equal(error, null)
      assert.ok(returned, 'callbacks never fire synchronously')
      assert.ok(Buffer.isBuffer(reply))
      assert.deepEqual([...reply], [1, 2])
      resolve()
    })
    assert.equal(typeof result.cancel, 'function')
    returned = true
  })
})

test('empty bodies are legal both ways', async (t) => {
  const { server, client } = await pair(t)
  server.method('length', (request, callback) => callback(null, Buffer.from(String(request.length))))
  server.method('null', (_request, callback) => callback(null, null))
  server.method('nothing', (_request, callback) => callback())
  server.method('async', async () => {})
  assert.equal(String(await client.call('length', null)), '0')
  assert.equal(String(await client.call('length')), '0')
  assert.equal(String(await client.call('length', Buffer.alloc(0))), '0')
  assert.equal(String(await promisify(client.call.bind(client))('length')), '0')
  for (const name of ['null', 'nothing', 'async']) {
    const reply = await client.call(name)
    assert.ok(Buffer.isBuffer(reply))
    assert.equal(reply.length, 0)
  }
})

test('answers come in any order', async (t) => {
  const { server, client } = await pair(t)
  const held = []
  server.method('hold', (request, callback) => {
    held.push(() => callback(null, request))
    if (held.length === 100) while (held.length > 0) held.pop()()
  })
  const order = []
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const reply = await client.call('hold', Buffer.from([i]))
      assert.equal(reply[0], i)
      order.push(i)
    }),
  )
  assert.deepEqual(
    order,
    Array.from({ length: 100 }, (_, i) => 99 - i),
  )
})

test('the caller may change the body as soon as call() returns', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (request, callback) => callback(null, request))
  for (const size of [3, 100, 20_000, 200_000]) {
    const body = Buffer.alloc(size, 1)
    const queued = client.call('echo', body)
    body.fill(2)
    assert.ok((await queued).equals(Buffer.alloc(size, 1)))
  }
  const early = rpc.connect(server.address().port)
  t.after(() => early.destroy())
  const body = Buffer.from('before')
  const waiting = early.call('echo', body)
  body.fill('x')
  assert.equal(String(await waiting), 'before')
})

test('replies stay as they are after later reads', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (request, callback) => callback(null, request))
  const kept = []
  for (let round = 0; round < 50; round++) {
    const bodies = Array.from({ length: 40 }, (_, i) =>
      Buffer.alloc(1 + ((round * 37 + i * 11) % 3000), round * 40 + i),
    )
    const replies = await Promise.all(bodies.map((body) => client.call('echo', body)))
    replies.forEach((reply, i) => {
      kept.push([reply, bodies[i]])
    })
  }
  for (const [reply, body] of kept) assert.ok(reply.equals(body))
})

test('the handler knows its caller', async (t) => {
  const { server, client } = await pair(t)
  let seen
  server.method('who', (_request, callback, call) => {
    seen = { method: call.method, peer: call.peer, deadline: call.deadline, remaining: call.remaining }
    assert.ok(call.signal instanceof AbortSignal)
    callback()
  })
  const before = Date.now()
  await client.call('who', null, { timeout: 5000 })
  assert.equal(seen.method, 'who')
  assert.equal(seen.peer.address, '127.0.0.1')
  assert.equal(seen.peer.family, 'IPv4')
  assert.ok(seen.peer.port > 0)
  assert.ok(seen.remaining > 0 && seen.remaining <= 5000)
  assert.ok(seen.deadline >= before && seen.deadline <= Date.now() + 5001)
  await client.call('who', null, { timeout: Infinity })
  assert.equal(seen.deadline, undefined)
  assert.equal(seen.remaining, Infinity)
})

test('works on a path', { skip: process.platform === 'win32' }, async () => {
  const path = `${require('node:os').tmpdir()}/ironwire-rpc-${process.pid}.sock`
  const server = rpc.createServer().method('echo', (request, callback, call) => {
    assert.deepEqual(call.peer, {})
    callback(null, request)
  })
  server.listen(path)
  await once(server, 'listening')
  const client = rpc.connect(path)
  assert.equal(String(await client.call('echo', Buffer.from('pipe'))), 'pipe')
  await client.close()
  await server.close()
})

test('a method may be added after a client has called it', async (t) => {
  const { server, client } = await pair(t)
  await assert.rejects(client.call('late'), { code: 'IRONWIRE_RPC_UNKNOWN_METHOD', sent: true, method: 'late' })
  server.method('late', async () => Buffer.from('now'))
  assert.equal(String(await client.call('late')), 'now')
})

test('wrong arguments throw at once', async (t) => {
  const { server, client } = await pair(t)
  assert.throws(() => client.call(5, null, () => {}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => client.call('', null, () => {}), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => client.call('x'.repeat(256), null, () => {}), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => client.call('echo', 'text', () => {}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => client.call('echo', null, { timeout: -1 }, () => {}), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => client.call('echo', null, { timeout: '5' }, () => {}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => client.call('echo', null, { deadline: 'soon' }, () => {}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => client.call('echo', null, { signal: 1 }, () => {}), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => client.call('echo', null, null, 5), { code: 'ERR_INVALID_ARG_TYPE' })
  await assert.rejects(client.call('echo', 'text'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => server.method({ x() {} }), /"name" argument/)
  assert.throws(() => server.method('x', 1), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => server.method('', () => {}), { code: 'ERR_INVALID_ARG_VALUE' })
  server.method('x', () => {})
  assert.throws(() => server.method('x', () => {}), /must not be used twice/)
  assert.throws(() => rpc.createServer({ maxMethods: 0 }), { code: 'ERR_OUT_OF_RANGE' })
  assert.throws(() => rpc.createServer(5), { code: 'ERR_INVALID_ARG_TYPE' })
  for (const target of ['nonsense', 'host:99999', '[1.2.3.4]:80', undefined, {}]) {
    assert.throws(() => rpc.connect(target), { code: /^ERR_/ })
  }
})

test('integrity: random bodies of all sizes, both ways, against their hashes', async (t) => {
  const { createHash, randomBytes } = require('node:crypto')
  const { server, client } = await pair(t)
  server.method('mirror', async (request) => {
    const size = request.readUInt32BE(0)
    const body = randomBytes(size)
    return Buffer.concat([createHash('sha1').update(request).digest(), createHash('sha1').update(body).digest(), body])
  })
  const sizes = [4, 5, 31, 32, 33, 4095, 16383, 16384, 16385, 65535, 65536, 65537, 300_000, 2_000_000]
  let random = 7
  for (let i = 0; i < 60; i++) {
    random = (random * 1103515245 + 12345) % 2 ** 31
    sizes.push(4 + (random % [50, 3000, 80_000][i % 3]))
  }
  await Promise.all(
    sizes.map(async (size, i) => {
      const request = randomBytes(size)
      request.writeUInt32BE(sizes[sizes.length - 1 - i], 0)
      const reply = await client.call('mirror', request)
      assert.ok(reply.subarray(0, 20).equals(createHash('sha1').update(request).digest()))
      assert.ok(reply.subarray(20, 40).equals(createHash('sha1').update(reply.subarray(40)).digest()))
      assert.equal(reply.length, 40 + sizes[sizes.length - 1 - i])
    }),
  )
})
