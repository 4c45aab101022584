'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { rpc } = require('../../index.js')
const { pair, sleep, until } = require('./tools.js')

test("a handler's error brings its message and code, not its stack", async (t) => {
  const { server, client } = await pair(t)
  server.method('callback', (_request, callback) => {
    callback(Object.assign(new Error('no such course'), { code: 'ENOENT' }))
  })
  server.method('plain', (_request, callback) => callback('just text'))
  const error = await client.call('callback').catch((error) => error)
  assert.ok(error instanceof rpc.RpcError)
  assert.ok(error instanceof Error)
  assert.equal(error.message, 'no such course')
  assert.equal(error.code, 'ENOENT')
  assert.equal(error.sent, true)
  assert.equal(error.remote, true)
  assert.equal(error.method, 'callback')
  assert.doesNotMatch(error.stack, /errors\.test/)
  await assert.rejects(client.call('plain'), { message: 'just text', code: 'IRONWIRE_RPC_REMOTE' })
  assert.equal(client.stats.errors, 2)
})

test('a handler that throws or rejects costs its own call only, and is reported', async (t) => {
  const { server, client } = await pair(t)
  const reported = []
  server.on('handlerError', (error, call) => reported.push([error, call.method]))
  server.method('throws', () => {
    throw new TypeError('broken')
  })
  server.method('throws nothing', () => {
    throw undefined
  })
  server.method('rejects', async () => {
    throw Object.assign(new Error('later'), { code: 'E_LATER' })
  })
  server.method('throws textless', () => {
    throw Object.create(null)
  })
  server.method('answers nonsense', (_request, callback) => callback(null, 'text'))
  server.method('fine', async () => Buffer.from('fine'))
  const results = await Promise.allSettled([
    client.call('throws'),
    client.call('throws nothing'),
    client.call('rejects'),
    client.call('answers nonsense'),
    client.call('fine'),
    client.call('throws textless'),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected', 'rejected', 'fulfilled', 'rejected'],
  )
  assert.equal(results[0].reason.message, 'broken')
  assert.match(results[1].reason.message, /threw undefined/)
  assert.equal(results[2].reason.code, 'E_LATER')
  assert.equal(results[3].reason.code, 'ERR_INVALID_ARG_TYPE')
  assert.deepEqual(reported.map(([, method]) => method).sort(), [
    'answers nonsense',
    'rejects',
    'throws',
    'throws nothing',
    'throws textless',
  ])
  assert.ok(reported.some(([error]) => error instanceof TypeError && error.message === 'broken'))
  assert.equal(server.stats.handlerErrors, 5)
  assert.equal(String(await client.call('fine')), 'fine')
})

test('only the first answer of a handler counts', async (t) => {
  const { server, client } = await pair(t)
  server.method('twice', (_request, callback) => {
    callback(null, Buffer.from('first'))
    callback(null, Buffer.from('second'))
    setImmediate(() => callback(new Error('third')))
  })
  server.method('both', async (_request, callback) => {
    callback(null, Buffer.from('callback'))
    return Buffer.from('promise')
  })
  server.method('throws after', (_request, callback) => {
    callback(null, Buffer.from('answered'))
    throw new Error('too late')
  })
  server.on('handlerError', () => {})
  assert.equal(String(await client.call('twice')), 'first')
  assert.equal(String(await client.call('both')), 'callback')
  assert.equal(String(await client.call('throws after')), 'answered')
  await until(() => server.stats.extraAnswers === 4)
  assert.equal(client.stats.unknownAnswers, 0)
})

test('an async handler that takes the callback may leave the answer to it', async (t) => {
  const { server, client } = await pair(t)
  server.method('later', async (request, callback) => {
    setTimeout(() => callback(null, request), 10)
  })
  assert.equal(String(await client.call('later', Buffer.from('x'))), 'x')
  assert.equal(server.stats.extraAnswers, 0)
})

test('a throw in a callback reaches uncaughtException and costs no other call', () => {
  const { spawnSync } = require('node:child_process')
  const script = `
    const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
    const server = rpc.createServer().method('echo', (request, callback) => callback(null, request))
    const seen = []
    process.on('uncaughtException', (error) => seen.push(error.message))
    server.listen(0, () => {
      const client = rpc.connect(server.address().port)
      client.on('connect', () => {
        let done = 0
        for (let i = 0; i < 10; i++) {
          client.call('echo', Buffer.from([i]), (error, reply) => {
            done++
            if (done === 10) setImmediate(() => { console.log(JSON.stringify({ seen, done })); process.exit() })
            if (reply[0] % 3 === 0) throw new Error('thrown ' + reply[0])
          })
        }
      })
    })`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.deepEqual(JSON.parse(stdout), { seen: ['thrown 0', 'thrown 3', 'thrown 6', 'thrown 9'], done: 10 })
})

test('nextTick and promises run in order after the callbacks of a read', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', (request, callback) => callback(null, request))
  const order = []
  await new Promise((resolve) => {
    client.call('echo', null, () => {
      process.nextTick(() => order.push('tick'))
      Promise.resolve().then(() => order.push('promise'))
      setImmediate(() => {
        order.push('immediate')
        resolve()
      })
      order.push('callback')
    })
  })
  assert.deepEqual(order, ['callback', 'tick', 'promise', 'immediate'])
})

test('long messages and odd characters arrive, cut to what the caller accepts', async (t) => {
  const { server, client } = await pair(t, {}, { maxFrameBytes: 1024 })
  server.method('long', (_request, callback) =>
    callback(Object.assign(new Error('ü'.repeat(5000)), { code: 'É'.repeat(300) })),
  )
  const error = await client.call('long').catch((error) => error)
  assert.match(error.message, /^ü{300,}$/)
  assert.match(error.code, /^É{127}$/)
})

test('a caller that cannot take the reply gets an error instead', async (t) => {
  const { server, client } = await pair(t, {}, { maxFrameBytes: 2048 })
  server.method('give', async (request) => Buffer.alloc(request.readUInt16BE(0), 1))
  const size = (value) => Buffer.from([value >> 8, value & 255])
  assert.equal((await client.call('give', size(2048 - 6))).length, 2048 - 6)
  await assert.rejects(client.call('give', size(2048 - 5)), { code: 'IRONWIRE_RPC_FRAME_TOO_LARGE', sent: true })
  assert.equal((await client.call('give', size(10))).length, 10)
})

test('a request that the server cannot take is not sent', async (t) => {
  const { server, client } = await pair(t, { maxFrameBytes: 2048 })
  server.method('size', async (request) => Buffer.from(String(request.length)))
  assert.equal(String(await client.call('size', Buffer.alloc(2048 - 12))), String(2048 - 12))
  await assert.rejects(client.call('size', Buffer.alloc(2048 - 11)), {
    code: 'IRONWIRE_RPC_FRAME_TOO_LARGE',
    sent: false,
    method: 'size',
  })
  assert.equal(client.connected, true)
  const early = rpc.connect(server.address().port)
  t.after(() => early.destroy())
  await assert.rejects(early.call('size', Buffer.alloc(4000)), { code: 'IRONWIRE_RPC_FRAME_TOO_LARGE', sent: false })
})

test('calls of a closed client fail', async (t) => {
  const { server, client } = await pair(t)
  server.method('never', () => {})
  const pending = client.call('never').catch((error) => error)
  await sleep(10)
  const inBuffer = client.call('never').catch((error) => error)
  client.destroy()
  const late = client.call('never').catch((error) => error)
  const [first, second, third] = await Promise.all([pending, inBuffer, late])
  assert.deepEqual([first.code, first.sent], ['IRONWIRE_RPC_CLOSED', true])
  assert.equal(second.code, 'IRONWIRE_RPC_CLOSED')
  assert.deepEqual([third.code, third.sent], ['IRONWIRE_RPC_CLOSED', false])
  assert.equal(client.pending, 0)
})

test('every error of a lost connection says whether its request was sent', async (t) => {
  const { server, client } = await pair(t, {}, { reconnect: false })
  client.on('error', () => {})
  server.method('drop', (_request, _callback, call) => {
    if (call.method === 'drop') setImmediate(() => server.closeAllConnections())
  })
  await assert.rejects(client.call('drop'), { code: 'IRONWIRE_RPC_CONNECTION_LOST', sent: true, method: 'drop' })
  if (!client.closed) await once(client, 'close')
  await assert.rejects(client.call('drop'), { code: 'IRONWIRE_RPC_NOT_CONNECTED', sent: false })
})

test('what destroy() calls unsent does not arrive, what arrives was called sent', async (t) => {
  const { server } = await pair(t)
  const seen = new Set()
  server.method('note', (request) => seen.add(request.readUInt32BE(0)))
  let count = 0
  for (let round = 0; round < 40; round++) {
    const client = rpc.connect(server.address().port)
    await once(client, 'connect')
    const first = count
    const sent = []
    for (let i = 0; i < 30; i++) {
      const body = Buffer.alloc(4 + (round % 8 < 4 ? 0 : (round * i * 977) % 30_000))
      body.writeUInt32BE(count++)
      client.call('note', body, (error) => sent.push(error.sent))
      if (round % 4 === 1 && i === 10) await null
      if (round % 4 === 2 && i === 10) await new Promise(process.nextTick)
      if (round % 4 === 3 && i % 10 === 0) await new Promise(setImmediate)
    }
    client.destroy()
    await once(client, 'close')
    assert.equal(sent.length, 30)
    await until(() => server.sessions.size === 1)
    sent.forEach((wasSent, i) => {
      if (!wasSent) assert.ok(!seen.has(first + i), `round ${round}: call ${i} was called unsent and arrived`)
    })
  }
  assert.ok(seen.size > 0)
})
