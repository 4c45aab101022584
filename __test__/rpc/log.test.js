'use strict'

// What NODE_DEBUG=ironwire prints.

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const test = require('node:test')

const program = `
  const { once } = require('node:events')
  const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
  async function main() {
    const server = rpc.createServer()
    server.method('x', (_request, callback) => callback())
    server.listen(0)
    await once(server, 'listening')
    const { port } = server.address()
    const client = rpc.connect('127.0.0.1:' + port, { reconnect: { maxAttempts: 1, initialDelay: 1 } })
    for (let i = 0; i < 10; i++) await client.call('x', null)
    await server.close()
    const [error] = await once(client, 'error')
    console.log(JSON.stringify({ port, error: error.message }))
    rpc.connect([{ address: '127.0.0.1:' + port }]).on('addresses', function () { this.destroy() })
  }
  main()`

const run = (NODE_DEBUG, what = program) =>
  spawnSync(process.execPath, ['-e', what], {
    encoding: 'utf8',
    env: { ...process.env, NODE_DEBUG },
    timeout: 60_000,
  })

test('NODE_DEBUG=ironwire logs the life of connections', () => {
  const { stdout, stderr, status } = run('ironwire')
  assert.equal(status, 0, stderr)
  const { port, error } = JSON.parse(stdout)
  const place = `127.0.0.1:${port}`
  const said = stderr
    .trim()
    .split('\n')
    .map((line) => /^IRONWIRE \d+: (rpc: .*)$/.exec(line)?.[1] ?? line)
  const of = (start) => said.filter((line) => line.startsWith(start))
  assert.equal(of('rpc: a connection from 127.0.0.1 port ').length, 1)
  assert.match(of('rpc: the connection from 127.0.0.1 port ')[0], /has ended: in order$/)
  assert.deepEqual(of('rpc: connected to'), [`rpc: connected to ${place}, which speaks version 2`])
  assert.deepEqual(of('rpc: the connection to'), [
    `rpc: the connection to ${place} is lost: The server asks its clients to reconnect`,
  ])
  assert.match(of('rpc: attempt 1 ')[0], new RegExp(`^rpc: attempt 1 at ${place} comes in \\d+ ms: `))
  assert.deepEqual(of('rpc: no more'), [`rpc: no more attempts at ${place}: ${error}`])
  assert.deepEqual(of('rpc: the addresses are'), [`rpc: the addresses are: ${place}`])
})

const limits = `
  const net = require('node:net')
  const { once } = require('node:events')
  const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
  const { preface } = require(${JSON.stringify(require.resolve('./tools.js'))})
  const given = (promise) => promise.catch(() => {})
  async function main() {
    const server = rpc.createServer({ maxConnections: 1, maxMetadataBytes: 10 })
    server.method('x', (_request, callback) => callback())
    server.listen(0)
    await once(server, 'listening')
    const { port } = server.address()
    const client = rpc.connect('127.0.0.1:' + port, { maxInFlight: 1, maxQueuedCalls: 0 })
    await once(client, 'connect')
    await given(client.call('x', null, { metadata: { key: 'a long value' } }))
    const calls = Array.from({ length: 20 }, () => given(client.call('x')))
    await Promise.all(calls)
    const refused = net.connect(port, '127.0.0.1')
    refused.on('error', () => {})
    await once(server, 'drop')
    const mute = net.createServer((socket) => socket.on('error', () => {}).write(preface({ version: 2 }))).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const balanced = rpc.connect(['127.0.0.1:' + mute.address().port], { balance: { ejectAfter: 1 } })
    await given(balanced.call('x', null, { timeout: 50 }))
    while (balanced.stats.ejections === 0) await given(balanced.call('x', null, { timeout: 50 }))
    console.log(JSON.stringify({ port, mute: mute.address().port }))
    process.exit()
  }
  main()`

test('NODE_DEBUG=ironwire logs reached limits and ejected addresses, but not each call', () => {
  const { stdout, stderr, status } = run('ironwire', limits)
  assert.equal(status, 0, stderr)
  const { port, mute } = JSON.parse(stdout)
  const said = (pattern) => stderr.split('\n').filter((line) => pattern.test(line)).length
  assert.equal(said(/rpc: a server reached its limit maxMetadataBytes of 10: 127\.0\.0\.1 port \d+$/), 1, stderr)
  assert.equal(
    said(new RegExp(`rpc: a client reached its limit maxQueuedCalls of 0: 127\\.0\\.0\\.1:${port}$`)),
    1,
    stderr,
  )
  assert.equal(said(/rpc: a server reached its limit maxConnections of 1: 127\.0\.0\.1 port \d+$/), 1, stderr)
  assert.equal(said(new RegExp(`rpc: 127\\.0\\.0\\.1:${mute} is left out: `)), 1, stderr)
})

test('without NODE_DEBUG, nothing is logged', () => {
  for (const value of ['', 'http']) assert.equal(run(value).stderr, '')
})
