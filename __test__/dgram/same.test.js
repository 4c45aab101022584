'use strict'

// The same script over node:dgram and over ours: what it sees must be the same.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const dns = require('node:dns')
const { once } = require('node:events')
const { inspect } = require('node:util')
const { freeUdpPort } = require('../ports.js')
const { modules, open, bound, messages, sent, shape, node, ours } = require('./support.js')

/** Runs a script with each module, and compares what it resolves to. */
function same(what, script) {
  test(what, async (t) => {
    const seen = {}
    for (const [name, dgram] of Object.entries(modules)) seen[name] = await script(t, dgram)
    assert.deepEqual(seen.ours, seen.node)
    assert.notEqual(inspect(seen.node), 'undefined')
  })
}

/** What a call throws, or gives back. */
function attempt(call) {
  try {
    return { returned: call() }
  } catch (error) {
    return shape(error)
  }
}

/** Ports differ from run to run. */
const withoutPort = (seen, port) => JSON.stringify(seen).replaceAll(String(port), 'PORT')

test('the exports are those of node:dgram, and instanceof holds', (t) => {
  assert.deepEqual(Object.keys(ours).sort(), Object.keys(node).sort())
  const [mine, theirs] = [open(t, ours, 'udp4'), open(t, node, 'udp4')]
  assert.ok(mine instanceof node.Socket && mine instanceof ours.Socket && theirs instanceof ours.Socket)
  class Special extends ours.Socket {}
  const special = new Special('udp4')
  assert.ok(special instanceof Special && !(mine instanceof Special))
  special.close()
  assert.deepEqual(Object.keys(mine), Object.keys(theirs))
})

same('inspect(socket)', async (t, dgram) => {
  const socket = open(t, dgram, 'udp4')
  // What Node keeps of it has our handle in it.
  const printed = inspect(socket, { depth: 0 }).replace(/async_id_symbol\)\]?: \d+/, '')
  socket.type = 'udp6'
  return [printed, socket.type, /type: '(\w+)'/.exec(inspect(socket, { depth: 0 }))[1]]
})

same('a message that is too long: the callback gets the error only', async (t, dgram) => {
  const socket = await bound(t, dgram)
  return new Promise((resolve) => {
    socket.send(Buffer.alloc(70_000), 9, '127.0.0.1', (...args) => resolve([args.length, shape(args[0])]))
  })
})

same('all forms of send()', async (t, dgram) => {
  const server = await bound(t, dgram)
  const { port } = server.address()
  const client = open(t, dgram, 'udp4')
  const bytes = Buffer.from('0123456789')
  const got = messages(server, 16)
  const results = []
  for (const args of [
    ['text', port],
    ['text', port, '127.0.0.1'],
    ['text', port, 'localhost'],
    [bytes, port, '127.0.0.1'],
    [bytes, 2, 3, port, '127.0.0.1'],
    [bytes, 0, 10, port],
    [bytes, 10, 0, port, '127.0.0.1'],
    ['0123456789', 1, 2, port, '127.0.0.1'],
    [new Uint16Array([1, 2, 3]), port],
    [new Uint16Array([1, 2, 3]), 1, 4, port, '127.0.0.1'],
    [new DataView(bytes.buffer, bytes.byteOffset + 3, 4), port, '127.0.0.1'],
    [[bytes, 'and', new Uint8Array([65])], port, '127.0.0.1'],
    [[], port, '127.0.0.1'],
    ['', port, '127.0.0.1'],
    [Buffer.alloc(0), port],
    [bytes.subarray(4), port, ''],
  ]) {
    results.push(await sent(client, ...args))
  }
  return [results, (await got).map(([message, { address, family, size }]) => [String(message), address, family, size])]
})

same('all forms of send() on a connected socket', async (t, dgram) => {
  const server = await bound(t, dgram)
  const client = open(t, dgram, 'udp4')
  client.connect(server.address().port, '127.0.0.1')
  await once(client, 'connect')
  const bytes = Buffer.from('0123456789')
  const got = messages(server, 5)
  const results = []
  for (const args of [['text'], [bytes], [bytes, 2, 3], [[bytes, 'x']], [[]]]) results.push(await sent(client, ...args))
  return [results, (await got).map(([message]) => String(message))]
})

same('invalid arguments', async (t, dgram) => {
  const socket = await bound(t, dgram)
  const { port } = socket.address()
  const seen = [
    [undefined, port],
    [1, port],
    [{}, port],
    [['a', 1], port],
    ['a'],
    ['a', 0],
    ['a', -1],
    ['a', 65_536],
    ['a', 1.5, '127.0.0.1'],
    ['a', '80x', '127.0.0.1'],
    ['a', port, 1],
    ['a', port, {}],
    [Buffer.alloc(4), 5, 1, port, '127.0.0.1'],
    [Buffer.alloc(4), 1, 4, port, '127.0.0.1'],
    [Buffer.alloc(4), 1, 4],
  ].map((args) => attempt(() => socket.send(...args)))
  seen.push(
    ...[
      [],
      ['udp'],
      [null],
      [{ type: 'udp5' }],
      [{ type: 'udp4', recvBufferSize: -1 }],
      [{ type: 'udp4', lookup: 1 }],
    ].map((args) => attempt(() => dgram.createSocket(...args).close())),
    attempt(() => socket.bind(0)),
    attempt(() => socket.disconnect()),
    attempt(() => socket.remoteAddress()),
    attempt(() => socket.connect(0)),
    attempt(() => socket.setTTL('1')),
    attempt(() => socket.setTTL(0)),
    attempt(() => socket.setTTL(7)),
    attempt(() => socket.setMulticastTTL(300)),
    attempt(() => socket.setMulticastLoopback(false)),
    attempt(() => socket.setBroadcast(true)),
    attempt(() => socket.addMembership()),
    attempt(() => socket.addMembership('1.2.3.4')),
    attempt(() => socket.setMulticastInterface('::1')),
    attempt(() => socket.sendto('a', 0)),
    attempt(() => socket.setRecvBufferSize(-1)),
    attempt(() => socket.setSendBufferSize(8192)),
    attempt(() => socket.getSendBufferSize()),
  )
  socket.close()
  seen.push(
    attempt(() => socket.send('a', port)),
    attempt(() => socket.close()),
    attempt(() => socket.address()),
    attempt(() => socket.bind()),
    attempt(() => socket.ref() === socket && socket.unref() === socket),
  )
  return withoutPort(seen, port)
})

same('errors of sending', async (t, dgram) => {
  const socket = await bound(t, dgram)
  const results = []
  for (const args of [
    [Buffer.alloc(70_000), 9, '127.0.0.1'],
    [Buffer.alloc(65_508), 9, '127.0.0.1'],
    ['a', 9, '255.255.255.255'],
    ['a', 9, 'name.invalid'],
  ]) {
    const [error] = await sent(socket, ...args)
    results.push(error && shape(error))
  }
  // Nobody waits for these: nothing is heard.
  socket.send(Buffer.alloc(70_000), 9, '127.0.0.1')
  await sent(socket, 'a', socket.address().port, '127.0.0.1')
  return results
})

same('a connected socket sends to a closed port', async (t, dgram) => {
  const socket = open(t, dgram, 'udp4')
  socket.connect(await freeUdpPort(), '127.0.0.1')
  await once(socket, 'connect')
  socket.send('a')
  const [error] = await once(socket, 'error')
  // It can be used after that.
  socket.disconnect()
  const other = await bound(t, dgram)
  const got = messages(other, 1)
  socket.send('b', other.address().port, '127.0.0.1')
  return [shape(error), String((await got)[0][0])]
})

same('IPv6', async (t, dgram) => {
  const server = await bound(t, dgram, 'udp6')
  const { port, ...address } = server.address()
  const client = open(t, dgram, { type: 'udp6', ipv6Only: true })
  const got = messages(server, 3)
  const results = [
    await sent(client, 'a', port),
    await sent(client, 'b', port, '::1'),
    await sent(client, 'c', port, '0:0::1'),
  ]
  const wrong = (await sent(client, 'd', port, '127.0.0.1'))[0]
  return [address, results, (await got).map(([, { address, family, size }]) => [address, family, size]), Boolean(wrong)]
})

same('IPv4 over IPv6', async (t, dgram) => {
  const server = await bound(t, dgram, 'udp6', '::')
  const client = open(t, dgram, 'udp4')
  const got = messages(server, 1)
  client.send('a', server.address().port, '127.0.0.1')
  const [[bytes, { address, family }]] = await got
  return [String(bytes), address, family]
})

same('a custom lookup is called for each address', async (t, dgram) => {
  const asked = []
  const lookup = (host, family, callback) => {
    asked.push([host, family])
    dns.lookup(host, family, callback)
  }
  const server = await bound(t, dgram)
  const client = open(t, dgram, { type: 'udp4', lookup })
  await sent(client, 'a', server.address().port, '127.0.0.1')
  await sent(client, 'a', server.address().port)
  return asked
})

same('getSendQueueSize() and getSendQueueCount()', async (t, dgram) => {
  const socket = await bound(t, dgram)
  const before = [socket.getSendQueueSize(), socket.getSendQueueCount()]
  await sent(socket, 'abc', socket.address().port, '127.0.0.1')
  return [before, socket.getSendQueueSize(), socket.getSendQueueCount()]
})

same('events in order, and the end', async (t, dgram) => {
  const seen = []
  const abort = new AbortController()
  const socket = open(t, dgram, { type: 'udp4', signal: abort.signal, reuseAddr: true, recvBufferSize: 20_000 })
  for (const event of ['listening', 'connect', 'close', 'error']) socket.on(event, () => seen.push(event))
  socket.on('message', (message) => seen.push(String(message)))
  socket.bind(0, '127.0.0.1', () => seen.push('bound'))
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.connect(port, '127.0.0.1', () => seen.push('connected'))
  await once(socket, 'connect')
  const remote = socket.remoteAddress()
  socket.send('to itself')
  await once(socket, 'message')
  const size = socket.getRecvBufferSize()
  abort.abort()
  await once(socket, 'close')
  const disposed = open(t, dgram, 'udp4')
  await disposed[Symbol.asyncDispose]?.()
  return withoutPort([seen, remote, size], port)
})

same('errors of bind()', async (t, dgram) => {
  const first = await bound(t, dgram)
  const { port } = first.address()
  const seen = []
  for (const options of [
    { port, address: '127.0.0.1', exclusive: true },
    { port: 0, address: '192.0.2.1' },
  ]) {
    const socket = open(t, dgram, 'udp4')
    socket.bind(options)
    seen.push(shape((await once(socket, 'error'))[0]))
  }
  return withoutPort(seen, port)
})

same('multicast', async (t, dgram) => {
  const receiver = open(t, dgram, { type: 'udp4', reuseAddr: true })
  receiver.bind(0)
  await once(receiver, 'listening')
  receiver.addMembership('239.1.2.3', '127.0.0.1')
  const sender = await bound(t, dgram)
  sender.setMulticastInterface('127.0.0.1')
  sender.setMulticastLoopback(true)
  const got = messages(receiver, 1)
  sender.send('to all', receiver.address().port, '239.1.2.3')
  const [[bytes]] = await got
  receiver.dropMembership('239.1.2.3', '127.0.0.1')
  return [String(bytes), attempt(() => receiver.dropMembership('239.1.2.3', '127.0.0.1'))]
})

same('bind() with a file descriptor', async (t, dgram) => {
  const first = await bound(t, dgram)
  const handle =
    first[Object.getOwnPropertySymbols(first).find(({ description }) => description === 'state symbol')].handle
  const twice = open(t, dgram, 'udp4')
  return [attempt(() => twice.bind({ fd: handle.fd })), attempt(() => open(t, dgram, 'udp4').bind({ fd: 0 }))].map(
    ({ code, name }) => [code, name],
  )
})
