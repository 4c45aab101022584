'use strict'

// Every datagram comes as it was sent: whole, by itself, its own, in order, and nobody writes over it.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { setImmediate: turn } = require('node:timers/promises')
const { ours, node, open, bound, messages, sent } = require('./support.js')

/** Bytes that say which they are. */
function numbered(i, length) {
  const bytes = Buffer.alloc(length, i)
  if (length >= 4) bytes.writeUInt32BE(i)
  return bytes
}

/** Lengths around all that is special: none, a slab's, a link's, the longest. */
const LENGTHS = [0, 1, 2, 63, 64, 64, 64, 64, 65, 1231, 1232, 1232, 1233, 1472, 4095, 4096, 8191, 8192, 9000, 65_507]

for (const [from, to] of [
  [ours, ours],
  [node, ours],
  [ours, node],
]) {
  const name = (dgram) => (dgram === ours ? 'ours' : "Node's")
  test(`from ${name(from)} to ${name(to)}: all lengths`, async (t) => {
    const [sender, receiver] = [await bound(t, from), await bound(t, to)]
    receiver.setRecvBufferSize(4 << 20)
    const { port } = receiver.address()
    const got = messages(receiver, LENGTHS.length * 3)
    for (let round = 0; round < 3; round++) {
      // The longest ones fill a receive buffer: those of a round are waited for.
      await Promise.all(LENGTHS.map((length, i) => sent(sender, numbered(i, length), port, '127.0.0.1')))
    }
    for (const [i, [bytes, { size }]] of (await got).entries()) {
      const length = LENGTHS[i % LENGTHS.length]
      assert.equal(bytes.length, length)
      assert.equal(size, length)
      assert.ok(bytes.equals(numbered(i % LENGTHS.length, length)), `datagram ${i}`)
    }
  })

  test(`from ${name(from)} to ${name(to)}: many at once, all kept`, async (t) => {
    const [sender, receiver] = [await bound(t, from), await bound(t, to)]
    const { port } = receiver.address()
    const kept = []
    for (let round = 0; round < 40; round++) {
      const got = messages(receiver, 100)
      for (let i = 0; i < 100; i++)
        sender.send(numbered(round * 100 + i, 4 + ((round + (i >> 3)) % 90)), port, '127.0.0.1')
      kept.push(...(await got))
    }
    for (const [i, [bytes, from]] of kept.entries()) {
      const length = 4 + ((Math.floor(i / 100) + ((i % 100) >> 3)) % 90)
      assert.ok(bytes.equals(numbered(i, length)), `datagram ${i}`)
      assert.equal(from.port, sender.address().port)
    }
    assert.equal(new Set(kept.map(([, from]) => from)).size, kept.length, 'an address is shared')
  })
}

test('answers go to their senders', async (t) => {
  const server = await bound(t, ours)
  server.on('message', (bytes, { port, address }) => server.send(bytes, port, address))
  const clients = await Promise.all(Array.from({ length: 40 }, () => bound(t, ours)))
  await Promise.all(
    clients.map(async (client, at) => {
      for (let i = 0; i < 20; i++) {
        const got = messages(client, 2)
        client.send(`${at} ${i} a`, server.address().port, '127.0.0.1')
        client.send(`${at} ${i} b`, server.address().port, '127.0.0.1')
        assert.deepEqual(
          (await got).map(([bytes]) => String(bytes)),
          [`${at} ${i} a`, `${at} ${i} b`],
        )
      }
    }),
  )
})

test('a message keeps its content when the buffer changes later', async (t) => {
  const [sender, receiver] = [await bound(t, ours), await bound(t, ours)]
  const bytes = Buffer.from('before')
  const got = messages(receiver, 1)
  sender.send(bytes, receiver.address().port, '127.0.0.1')
  bytes.fill('x')
  assert.equal(String((await got)[0][0]), 'before')
})

test('messages from more addresses than are cached', { skip: process.platform !== 'linux' }, async (t) => {
  const receiver = await bound(t, ours, 'udp4', '0.0.0.0')
  const { port } = receiver.address()
  const seen = new Map()
  receiver.on('message', (bytes, { address }) => seen.set(String(bytes), address))
  // All of 127/8 is the loopback's: 2,500 addresses, of which 2,048 are known by number.
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 2_500; i += 50) {
      // Nothing is received while ticks and jobs go on.
      while (seen.size < i) await turn()
      await Promise.all(
        Array.from({ length: 50 }, async (_, at) => {
          const address = `127.1.${(i + at) >> 8}.${(i + at) & 255}`
          const sender = open(t, ours, 'udp4')
          sender.bind(0, address)
          await once(sender, 'listening')
          await sent(sender, address, port, '127.0.0.1')
          sender.close()
        }),
      )
    }
    while (seen.size < 2_500) await turn()
    for (const [text, address] of seen) assert.equal(address, text)
    seen.clear()
  }
})

test('a link-local address names its interface', async (t) => {
  const { networkInterfaces } = require('node:os')
  const found = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    all.filter(({ address }) => address.startsWith('fe80:')).map(({ address }) => `${address}%${name}`),
  )
  if (found.length === 0) return t.skip('there is none')
  const socket = await bound(t, ours, 'udp6', found[0])
  const got = messages(socket, 2)
  socket.send('a', socket.address().port, found[0])
  socket.send('b', socket.address().port, found[0])
  for (const [, { address }] of await got) assert.equal(address, found[0])
})

test('more messages than the system accepts at once', async (t) => {
  const [sender, receiver] = [await bound(t, ours), await bound(t, node)]
  sender.setSendBufferSize(4_096)
  receiver.on('message', () => {})
  const results = await Promise.all(
    Array.from({ length: 2_000 }, (_, i) =>
      sent(sender, Buffer.alloc(1 + (i % 3_000)), receiver.address().port, '127.0.0.1'),
    ),
  )
  for (const [i, [error, size]] of results.entries()) {
    assert.equal(error, null)
    assert.equal(size, 1 + (i % 3_000))
  }
  assert.equal(sender.getSendQueueCount(), 0)
  assert.equal(sender.getSendQueueSize(), 0)
})
