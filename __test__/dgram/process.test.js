'use strict'

// What can only be seen from outside a process: exits, workers, cluster, sockets that go to another process, memory.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const path = require('node:path')
const { bound, execute, messages, node, run, root } = require('./support.js')

const windows = process.platform === 'win32'

for (const end of ['process.exit(0)', 'socket.close()', 'throw new Error("end")']) {
  test(`messages sent right before ${end} arrive`, async (t) => {
    const receiver = await bound(t, node)
    const got = messages(receiver, 2)
    await run(`
      const { dgram } = require(${root})
      const socket = dgram.createSocket('udp4')
      socket.bind(0, '127.0.0.1', () => {
        socket.send('first', ${receiver.address().port}, '127.0.0.1')
        socket.send('second', ${receiver.address().port}, '127.0.0.1')
        ${end}
      })`)
    assert.deepEqual(
      (await got).map(([bytes]) => String(bytes)),
      ['first', 'second'],
    )
  })
}

test('a process exits when its sockets are closed or unref’d', async () => {
  for (const script of [
    `socket.bind(0, () => socket.close())`,
    `socket.bind(0, () => socket.unref())`,
    `socket.unref().bind(0)`,
    `socket.bind(0, () => { socket.unref(); socket.ref(); socket.unref() })`,
    ``,
  ]) {
    const { code, signal, stderr } = await run(`const socket = require(${root}).dgram.createSocket('udp4'); ${script}`)
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' }, script)
  }
  const { stdout } = await run(`
    const socket = require(${root}).dgram.createSocket('udp4')
    socket.bind(0, () => { socket.unref(); socket.ref() })
    setTimeout(() => { console.log('alive'); process.exit() }, 200).unref()`)
  assert.equal(stdout, 'alive\n')
})

test('a worker thread ends with sockets open', async () => {
  const { code, stdout, stderr } = await run(`
    const { Worker } = require('node:worker_threads')
    const worker = new Worker(\`
      const { parentPort } = require('node:worker_threads')
      const { dgram } = require(${root})
      const socket = dgram.createSocket('udp4', (m, { port }) => socket.send(m, port, '127.0.0.1', () => {}))
      socket.bind(0, '127.0.0.1', () => {
        for (let i = 0; i < 8; i++) socket.send('ping', socket.address().port, '127.0.0.1')
        setTimeout(() => parentPort.postMessage('up'), 20)
      })\`, { eval: true })
    worker.on('message', async () => console.log(await worker.terminate()))`)
  assert.deepEqual([code, stdout, stderr], [0, '1\n', ''])
})

test('workers of a cluster share a port', { skip: windows }, async () => {
  const { stdout, stderr } = await execute([path.join(__dirname, 'fixtures', 'cluster.js')])
  assert.deepEqual([stdout, stderr], ['20 of 2 workers\nexit 0\nexit 0\n', ''])
})

test('a socket is sent to another process', { skip: windows }, async () => {
  const file = path.join(__dirname, 'fixtures', 'receiver.js')
  for (const flags of [[], ['--require', path.join(__dirname, '../../register.js')]]) {
    const { stdout, stderr, code } = await run(
      `
      const { fork } = require('node:child_process')
      const dgram = ${flags.length ? `require('node:dgram')` : `require(${root}).dgram`}
      const socket = dgram.createSocket('udp4')
      socket.bind(0, '127.0.0.1', () => {
        const { port } = socket.address()
        const child = fork(${JSON.stringify(file)}, { execArgv: [] })
        child.on('message', (message) => {
          if (message === 'up') return child.send('socket', socket)
          if (message !== 'ready') return console.log(JSON.stringify(message)), child.disconnect()
          socket.close()
          // Of one length and to one peer: what could be joined.
          const sender = require(${root}).dgram.createSocket('udp4')
          for (let i = 10; i < 20; i++) sender.send(String(i), port, '127.0.0.1')
          sender.send('end', port, '127.0.0.1', () => sender.close())
        })
      })`,
      ...flags,
    )
    assert.deepEqual([stdout, stderr, code], ['["10","11","12","13","14","15","16","17","18","19"]\n', '', 0])
  }
})

test('a program under ironwire/register', async () => {
  const { stdout, stderr } = await run(
    `
    const dgram = require('dgram')
    console.log(dgram.Socket === require(${root}).dgram.Socket, new (require('node:dgram').Socket)('udp4').unref() instanceof dgram.Socket)
    const socket = dgram.createSocket('udp4', (bytes) => { console.log(String(bytes)); socket.close() })
    socket.bind(0, () => socket.send('hello', socket.address().port))`,
    '--require',
    path.join(__dirname, '../../register.js'),
  )
  assert.deepEqual([stdout, stderr], ['true true\nhello\n', ''])
})

test('memory does not grow with the number of messages', async () => {
  const { stdout, stderr } = await run(
    `
    const { dgram } = require(${root})
    const socket = dgram.createSocket('udp4')
    const peers = Array.from({ length: 8 }, () => dgram.createSocket('udp4'))
    let count = 0, first
    socket.on('message', (bytes, { port, address }) => {
      count++
      if (count === 20_000) { gc(); first = process.memoryUsage() }
      if (count === 80_000) {
        gc()
        const now = process.memoryUsage()
        console.log(now.heapUsed - first.heapUsed < 2e6, now.arrayBuffers - first.arrayBuffers < 2e6, now.rss - first.rss < 3e7)
        process.exit()
      }
      socket.send(bytes, port, address, count % 7 ? undefined : () => {})
    })
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address()
      for (const [i, peer] of peers.entries()) {
        peer.on('message', (bytes) => peer.send(bytes, port, '127.0.0.1'))
        for (let n = 0; n < 8; n++) peer.send(Buffer.alloc(20 * i + n), port, '127.0.0.1')
      }
    })`,
    '--expose-gc',
  )
  assert.deepEqual([stdout, stderr], ['true true true\n', ''])
})
