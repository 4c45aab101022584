'use strict'

// What a process can run out of, and what peers can make it spend: each in a process of its own.

const assert = require('node:assert')
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { once } = require('node:events')
const { test } = require('node:test')
const { serveStatic } = require('ironwire')
const { listen, makeTree, request, until } = require('./support')

const linux = { skip: process.platform !== 'linux' }
const SERVER = path.join(__dirname, 'limits-server.js')

/** Starts the server of limits-server.js; `command` is put before it. */
async function start(t, root, command = []) {
  const [file, ...args] = [...command, process.execPath, '--expose-gc', SERVER, root]
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.after(() => child.kill('SIGKILL'))
  const [{ ports }] = await once(child, 'message')
  const ask = async () => {
    child.send('report')
    return (await once(child, 'message'))[0]
  }
  return { ports, ask, child }
}

test('pipelined requests of a client that does not read: no file is read for waiting ones', linux, async (t) => {
  const root = makeTree(t, { 'large.bin': Buffer.alloc(300_000, 'l') })
  let waiting = 0
  const server = http.createServer(serveStatic(root, { setHeaders: () => waiting++ }))
  const port = await listen(t, server)
  const socket = net.connect(port, '127.0.0.1').pause()
  t.after(() => socket.destroy())
  const responses = []
  server.prependListener('request', (_req, res) => responses.push(res))
  socket.write('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(200))
  await until(() => waiting === 200)
  // One is being sent and gets no further, which the others had the time for, too.
  await until(() => responses.some((res) => res.socket !== null && res.writableLength > 0))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const behind = responses.filter((res) => res.socket === null && !res.writableFinished)
  assert.ok(behind.length > 50, String(behind.length))
  assert.deepStrictEqual([...new Set(behind.map((res) => res.writableLength))], [0])
  // And all of them are sent, whole, when it does read.
  let received = 0
  socket.on('data', (chunk) => {
    received += chunk.length
  })
  socket.resume()
  await until(() => received > 200 * 300_000)
})

test('no descriptor left: an error, and recovery when some are free again', linux, async (t) => {
  const root = makeTree(
    t,
    Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}.bin`, Buffer.alloc(100_000, i)])),
  )
  const { ports, child, ask } = await start(t, root, ['prlimit', '--nofile=200'])
  for (const port of ports) {
    child.send('exhaust')
    await once(child, 'message')
    // The connection itself may find none left; the server must come through.
    const statuses = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        request(port, `/${i}.bin`).then(
          ({ status }) => status,
          () => 'refused',
        ),
      ),
    )
    assert.ok(
      statuses.every((status) => status === 503 || status === 500 || status === 200 || status === 'refused'),
      statuses.join(),
    )
    child.send('relax')
    await once(child, 'message')
    for (let i = 0; i < 50; i++) {
      const { status, body } = await request(port, `/${i}.bin`)
      assert.deepStrictEqual([status, body.length, body[5]], [200, 100_000, i])
    }
  }
  await ask()
})

test('clients that do not read cost sockets, not memory', linux, async (t) => {
  const COUNT = 200
  const root = makeTree(t, { 'large.bin': Buffer.alloc(10 * 2 ** 20, 1) })
  const { ports, ask } = await start(t, root)
  // On the server of ours alone: Node's has a buffer for each.
  const [port] = ports
  await request(port, '/large.bin')
  const before = await ask()
  const sockets = []
  for (let i = 0; i < COUNT; i++) {
    const socket = net.connect(port, '127.0.0.1')
    socket.pause()
    socket.write('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n')
    sockets.push(socket)
    await once(socket, 'connect')
  }
  await Promise.all(sockets.map((socket) => once(socket, 'readable')))
  const during = await ask()
  // 2 GB are owed to them.
  const growth = during.rss - before.rss
  assert.ok(growth < 40 * 2 ** 20, `${Math.round(growth / 2 ** 20)} MiB`)
  for (const socket of sockets) socket.destroy()
  await until(async () => (await ask()).descriptors <= before.descriptors + 1)
})

test('requests leave nothing behind', linux, async (t) => {
  const root = makeTree(t, { 'small.txt': 'small', 'large.bin': Buffer.alloc(2_000_000, 1) })
  const { ports, ask } = await start(t, root)
  const round = async () => {
    for (const port of ports) {
      for (const target of ['/small.txt', '/large.bin', '/none']) {
        await request(port, target)
        const socket = net.connect(port, '127.0.0.1')
        socket.on('error', () => {})
        socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\nGET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
        await once(socket, 'readable')
        socket.destroy()
      }
    }
  }
  for (let i = 0; i < 5; i++) await round()
  const before = await ask()
  for (let i = 0; i < 40; i++) await round()
  await until(async () => {
    const { descriptors, plans } = await ask()
    return descriptors <= before.descriptors && plans === 0
  })
  assert.ok(fs.existsSync(root))
})
