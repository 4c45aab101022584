'use strict'

// What can only be seen from outside a process: bytes written right before an exit, exits, workers that end with open sockets.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const nodeNet = require('node:net')
const { execFile, spawn } = require('node:child_process')

const root = JSON.stringify(path.join(__dirname, '..', '..'))

/** Runs a script; resolves with exit code, signal and output. */
function run(script, ...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', script, ...args], { timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr })
    })
  })
}

/** Collects everything that one client sends to a server of Node's. */
function collector() {
  return new Promise((resolve) => {
    const server = nodeNet.createServer((socket) => {
      const chunks = []
      socket.on('data', (chunk) => chunks.push(chunk))
      socket.on('close', () => {
        server.close()
        server.emit('collected', Buffer.concat(chunks))
      })
      socket.on('error', () => {})
    })
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

for (const [what, end] of [
  ['process.exit()', 'process.exit(0)'],
  ['destroy()', 'socket.destroy()'],
  ['an uncaught exception', 'throw new Error("end")'],
]) {
  test(`data written right before ${what} arrives`, async () => {
    const server = await collector()
    const collected = new Promise((resolve) => server.once('collected', resolve))
    await run(
      `const { net } = require(${root})
       const socket = net.connect(${server.address().port}, '127.0.0.1', () => {
         socket.write('first ')
         socket.write('second')
         ${end}
       })`,
    )
    assert.strictEqual(String(await collected), 'first second')
  })
}

test('an open socket keeps the process running', async () => {
  const idle = await run(`require(${root})`)
  assert.deepStrictEqual(idle, { code: 0, signal: null, stdout: '', stderr: '' })
  const unref = await run(
    `const { net } = require(${root})
     const server = net.createServer().listen(0, '127.0.0.1', () => {
       server.unref()
       const socket = net.connect(server.address().port, '127.0.0.1', () => { socket.unref(); console.log('done') })
       server.on('connection', (peer) => peer.unref())
     })`,
  )
  assert.strictEqual(unref.code, 0)
  assert.strictEqual(unref.stdout, 'done\n')
  const held = spawn(process.execPath, [
    '-e',
    `require(${root}).net.createServer().listen(0, '127.0.0.1', () => console.log('up'))`,
  ])
  await new Promise((resolve) => held.stdout.once('data', resolve))
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.strictEqual(held.exitCode, null)
  held.kill()
})

test('workers start and end with open sockets', async () => {
  const result = await run(
    `const { Worker } = require('node:worker_threads')
     const { net } = require(${root})
     const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', async () => {
       const port = server.address().port
       for (let round = 0; round < 5; round++) {
         const workers = Array.from({ length: 3 }, () => new Worker(
           \`const { net } = require(${root.replaceAll('\\', '\\\\')})
            const { parentPort } = require('node:worker_threads')
            for (let i = 0; i < 20; i++) net.connect(\${port}, '127.0.0.1').on('data', () => parentPort.postMessage(1)).on('error', () => {}).write('x')\`,
           { eval: true }))
         await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
         await Promise.all(workers.map((worker) => worker.terminate()))
       }
       server.close(() => console.log('closed'))
     })
     server.on('connection', (socket) => socket.on('error', () => {}))`,
  )
  assert.deepStrictEqual(result, { code: 0, signal: null, stdout: 'closed\n', stderr: '' })
})

test('an exception in a listener reaches uncaughtException, and the socket continues', async () => {
  const result = await run(
    `const { net } = require(${root})
     let seen = 0
     process.on('uncaughtException', (error) => console.log(error.message))
     const server = net.createServer((socket) => socket.on('data', (data) => {
       process.nextTick(() => console.log('tick'))
       Promise.resolve().then(() => console.log('promise'))
       if (++seen === 1) { socket.write('a'); throw new Error('thrown') }
       socket.end('b')
     })).listen(0, '127.0.0.1', () => {
       const client = net.connect(server.address().port, '127.0.0.1')
       client.on('data', (data) => { console.log(String(data)); if (seen === 1) client.write('again') })
       client.on('close', () => server.close())
       client.write('once')
     })`,
  )
  assert.strictEqual(result.stdout, 'thrown\ntick\npromise\na\ntick\npromise\nb\n')
})
