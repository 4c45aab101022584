'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const net = require('node:net')
const { once } = require('node:events')
const { fork, spawn } = require('node:child_process')
const { rpc } = require('../../index.js')
const { freePort } = require('../ports.js')
const { handServer, sleep, until } = require('./tools.js')

const quick = { reconnect: { initialDelay: 5, maxDelay: 20 } }

function echoServer() {
  return rpc.createServer({ closeTimeout: 100 }).method('echo', async (request) => request)
}

async function listening(server, port = 0) {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

test('a client comes back after its server did', async (t) => {
  const first = echoServer()
  const port = await listening(first, await freePort())
  const client = rpc.connect(`127.0.0.1:${port}`, quick)
  t.after(() => client.destroy())
  const events = []
  for (const name of ['connect', 'disconnect', 'reconnect', 'error', 'close']) client.on(name, () => events.push(name))
  await client.call('echo', Buffer.from('1'))
  await first.close()
  assert.equal(client.connected, false)
  const waiting = client.call('echo', Buffer.from('2'))
  await sleep(40)
  const second = echoServer()
  await listening(second, port)
  assert.equal(String(await waiting), '2')
  assert.equal(client.stats.connections, 2)
  assert.deepEqual(events.slice(0, 3), ['connect', 'disconnect', 'reconnect'])
  assert.equal(events.at(-1), 'connect')
  assert.ok(!events.includes('error'))
  await client.close()
  await second.close()
})

test('a client may start before its server', async (t) => {
  const port = await freePort()
  const client = rpc.connect(`127.0.0.1:${port}`, quick)
  t.after(() => client.destroy())
  const reply = client.call('echo', Buffer.from('early'))
  const [{ attempt, delay, error }] = await once(client, 'reconnect')
  assert.equal(attempt, 1)
  assert.ok(delay >= 2 && delay <= 5)
  assert.equal(error.code, 'ECONNREFUSED')
  const server = echoServer()
  await listening(server, port)
  assert.equal(String(await reply), 'early')
  await client.close()
  await server.close()
})

test('delays grow up to their limit', async (t) => {
  const client = rpc.connect('127.0.0.1:1', { reconnect: { initialDelay: 2, maxDelay: 8 } })
  t.after(() => client.destroy())
  const delays = []
  client.on('reconnect', ({ delay }) => delays.push(delay))
  await until(() => delays.length >= 8)
  assert.ok(delays.every((delay) => delay >= 1 && delay <= 8))
  assert.ok(delays.slice(3).every((delay) => delay >= 4))
})

test('a call that times out while disconnected says why', async (t) => {
  const client = rpc.connect('127.0.0.1:1', quick)
  t.after(() => client.destroy())
  await once(client, 'reconnect')
  const error = await client.call('x', null, { timeout: 30 }).catch((error) => error)
  assert.equal(error.code, 'IRONWIRE_RPC_TIMEOUT')
  assert.equal(error.sent, false)
  assert.equal(error.cause.code, 'ECONNREFUSED')
})

test('queue: false fails calls that cannot leave', async (t) => {
  const client = rpc.connect('127.0.0.1:1', { ...quick, queue: false })
  t.after(() => client.destroy())
  await once(client, 'reconnect')
  const error = await client.call('x').catch((error) => error)
  assert.equal(error.code, 'IRONWIRE_RPC_NOT_CONNECTED')
  assert.equal(error.sent, false)
  assert.equal(error.cause.code, 'ECONNREFUSED')
})

test('reconnect: false ends the client with its first failure', async () => {
  const client = rpc.connect('127.0.0.1:1', { reconnect: false })
  const call = client.call('x').catch((error) => error)
  const [error] = await once(client, 'error')
  assert.equal(error.code, 'ECONNREFUSED')
  assert.equal(error.syscall, 'connect')
  assert.equal(error.port, 1)
  assert.equal((await call).code, 'IRONWIRE_RPC_NOT_CONNECTED')
  if (!client.closed) await once(client, 'close')
  await assert.rejects(client.call('x'), { code: 'IRONWIRE_RPC_NOT_CONNECTED', sent: false, cause: error })
})

test('maxAttempts ends the client', async () => {
  const client = rpc.connect('127.0.0.1:1', { reconnect: { initialDelay: 1, maxDelay: 1, maxAttempts: 3 } })
  let attempts = 0
  client.on('reconnect', () => attempts++)
  const [error] = await once(client, 'error')
  assert.equal(error.code, 'ECONNREFUSED')
  assert.equal(attempts, 3)
})

test('an unknown host is an error like any other', async () => {
  const client = rpc.connect('nowhere.invalid:80', { reconnect: false })
  const [error] = await once(client, 'error')
  assert.ok(['ENOTFOUND', 'EAI_AGAIN'].includes(error.code), error.code)
})

test('the next address is tried when one refuses', async (t) => {
  const server = echoServer()
  const port = await listening(server)
  const dns = require('node:dns')
  const { lookup } = dns
  dns.lookup = (_host, _options, callback) => {
    setImmediate(callback, null, [
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ])
  }
  t.after(() => {
    dns.lookup = lookup
  })
  const client = rpc.connect(`somewhere:${port}`, { reconnect: false })
  assert.equal(String(await client.call('echo', Buffer.from('found'))), 'found')
  await client.close()
  await server.close()
})

test('a server that is killed fails its calls; the client comes back to the next one', async (t) => {
  const script = require.resolve('./fixtures/server.js')
  const start = async (port) => {
    const child = fork(script, [String(port)])
    t.after(() => child.kill('SIGKILL'))
    const [message] = await once(child, 'message')
    return { child, port: message.port }
  }
  const first = await start(await freePort())
  const client = rpc.connect(`127.0.0.1:${first.port}`, quick)
  t.after(() => client.destroy())
  await client.call('echo', Buffer.from('x'))
  const calls = Array.from({ length: 50 }, () => client.call('never'))
  await sleep(20)
  first.child.kill('SIGKILL')
  for (const { status, reason } of await Promise.allSettled(calls)) {
    assert.equal(status, 'rejected')
    assert.equal(reason.code, 'IRONWIRE_RPC_CONNECTION_LOST')
    assert.equal(reason.sent, true)
  }
  const waiting = client.call('echo', Buffer.from('again'))
  await start(first.port)
  assert.equal(String(await waiting), 'again')
})

test('a peer that accepts and says nothing does not hold the client', async (t) => {
  const { port, sockets } = await handServer(t, () => {}, { greeting: null })
  const client = rpc.connect(port, { ...quick, handshakeTimeout: 20 })
  t.after(() => client.destroy())
  const [{ error }] = await once(client, 'reconnect')
  assert.equal(error.code, 'IRONWIRE_RPC_PROTOCOL')
  assert.match(error.message, /no preface within 20 ms/)
  assert.ok(sockets.size <= 2)
})

test('a server that does not take connections does not hold the client', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const script = `const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => process.send(server.address().port))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [port] = await once(child, 'message')
  child.kill('SIGSTOP')
  const fillers = Array.from({ length: 8 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
  t.after(() => {
    child.kill('SIGKILL')
    for (const filler of fillers) filler.destroy()
  })
  await sleep(50)
  const client = rpc.connect(`127.0.0.1:${port}`, { reconnect: false, handshakeTimeout: 60 })
  const [error] = await once(client, 'error')
  assert.equal(error.code, 'IRONWIRE_RPC_PROTOCOL')
  assert.match(error.message, /did not take the connection within 60 ms/)
})
