'use strict'

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { spawn, spawnSync } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const { rpc } = require('../../index.js')
const { usage } = require('../../lib/engine.js')
const { pair, listening, handClient, handServer, preface, method, frame, Kind, sleep, until } = require('./tools.js')

const entry = JSON.stringify(require.resolve('../../index.js'))

/** Runs a script in its own process, which must end by itself. */
function run(script) {
  const result = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 20_000 })
  assert.equal(result.signal, null, 'the process ends by itself')
  assert.equal(result.stderr, '')
  assert.equal(result.status, 0)
  return result.stdout.trim()
}

test('close() of a client lets its calls finish and takes no new ones', async (t) => {
  const { server, client } = await pair(t, {}, { maxInFlight: 2 })
  server.method('slow', async (request) => {
    await sleep(10)
    return request
  })
  const calls = Array.from({ length: 5 }, (_, i) => client.call('slow', Buffer.from([i])))
  const closed = client.close()
  await assert.rejects(client.call('slow'), { code: 'IRONWIRE_RPC_CLOSED', sent: false })
  const replies = await Promise.all(calls)
  assert.deepEqual(
    replies.map((reply) => reply[0]),
    [0, 1, 2, 3, 4],
  )
  await closed
  assert.equal(client.connected, false)
  await client.close()
  await new Promise((resolve) => client.close(resolve))
  await until(() => server.sessions.size === 0)
})

test('close() waits for calls that still wait for their connection', async (t) => {
  const { server } = await pair(t)
  server.method('echo', async (request) => request)
  const client = rpc.connect(server.address().port)
  const call = client.call('echo', Buffer.from('early'))
  const closed = client.close()
  assert.equal(String(await call), 'early')
  await closed
})

test('close() of a client without a server ends with the last deadline or abort', async () => {
  const client = rpc.connect('127.0.0.1:1', { reconnect: { initialDelay: 5 } })
  const late = client.call('x', null, { timeout: 30 })
  const aborted = client.call('x', null, { signal: AbortSignal.timeout(60) })
  await Promise.all([
    assert.rejects(late, { code: 'IRONWIRE_RPC_TIMEOUT', sent: false }),
    assert.rejects(aborted, { code: 'IRONWIRE_RPC_ABORTED', sent: false }),
    client.close(),
  ])
  const idle = rpc.connect('127.0.0.1:1')
  await idle.close()
})

test('close() of a server lets calls in flight finish, and clients leave', async (t) => {
  const { server, client } = await pair(t)
  server.method('slow', async (request) => {
    await sleep(30)
    return request
  })
  const calls = Array.from({ length: 10 }, (_, i) => client.call('slow', Buffer.from([i])))
  await sleep(5)
  const before = Date.now()
  const closed = server.close()
  assert.equal(server.listening, false)
  const replies = await Promise.all(calls)
  assert.deepEqual(
    replies.map((reply) => reply[0]),
    Array.from({ length: 10 }, (_, i) => i),
  )
  await closed
  assert.ok(Date.now() - before < 5000, 'it does not wait for closeTimeout')
  await assert.rejects(server.close(), { code: 'ERR_SERVER_NOT_RUNNING' })
})

test('calls made while the server says farewell are not lost', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', async (request) => request)
  await client.call('echo', null)
  // The client sends these before it has read the server's GOAWAY.
  const closed = server.close()
  const calls = Array.from({ length: 10 }, (_, i) => client.call('echo', Buffer.from([i])))
  const replies = await Promise.all(calls)
  assert.equal(replies.length, 10)
  await closed
})

test('a call of a client that has connected while the server closes is answered', async (t) => {
  const { server, port } = await listening(t)
  server.method('echo', (request) => request)
  const { socket, next } = await handClient(t, port, { greeting: null })
  // The client has read the server's preface, but has not sent its own.
  await next((unit) => unit.preface)
  await until(() => server.sessions.size === 1)
  const closed = server.close()
  socket.write(Buffer.concat([preface(), method(0, 'echo'), frame(Kind.REQUEST, 1, { code: 0, body: 'still' })]))
  assert.equal((await next((unit) => unit.kind === Kind.GOAWAY)).payload.readUInt16BE(0), 0)
  assert.equal(String((await next((unit) => unit.kind === Kind.REPLY)).payload), 'still')
  socket.end()
  await closed
})

test('close() of a client does not wait for calls that will get no connection', async (t) => {
  let asked = false
  const { port, sockets } = await handServer(t, ({ kind }) => {
    asked ||= kind === Kind.REQUEST
  })
  const client = rpc.connect(port)
  const lost = assert.rejects(client.call('never', null, { idempotent: true }), {
    code: 'IRONWIRE_RPC_CONNECTION_LOST',
    sent: true,
  })
  await until(() => asked)
  const closed = client.close()
  for (const socket of sockets) socket.destroy()
  await lost
  await closed
})

test('a client that ignores the farewell is dropped after closeTimeout', async () => {
  const server = rpc.createServer({ closeTimeout: 30 }).method('never', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const after = { after() {} }
  const { socket, next } = await handClient(after, server.address().port)
  socket.write(Buffer.concat([frame(Kind.METHOD, 0, { code: 0, body: 'never' }), frame(Kind.REQUEST, 1, { code: 0 })]))
  await until(() => server.running !== 0)
  const closed = server.close()
  const farewell = await next((unit) => unit.kind === Kind.GOAWAY)
  assert.equal(farewell.payload.readUInt16BE(0), 0)
  await closed
  socket.destroy()
})

test('a server listens again after it was closed', async () => {
  const server = rpc.createServer().method('echo', async (request) => request)
  for (let round = 0; round < 3; round++) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = rpc.connect(server.address().port)
    assert.equal(String(await client.call('echo', Buffer.from('x'))), 'x')
    await client.close()
    await server.close()
  }
  assert.equal(server.address(), null)
})

test('a taken port is an error event', async (t) => {
  const { server } = await pair(t)
  const second = rpc.createServer()
  second.listen(server.address().port, '127.0.0.1')
  const [error] = await once(second, 'error')
  assert.equal(error.code, 'EADDRINUSE')
  assert.equal(error.syscall, 'listen')
})

test('events report connections that open and close', async (t) => {
  const { server, client } = await pair(t)
  const other = rpc.connect(server.address().port)
  // Which of the two is first depends on the order in which the system tells of their sockets.
  const [[peer]] = await Promise.all([once(server, 'connection'), once(other, 'connect')])
  assert.equal(peer.address, '127.0.0.1')
  const gone = once(server, 'disconnect')
  await other.close()
  const [left, error] = await gone
  assert.equal(left.port, peer.port)
  assert.equal(error, null)
  assert.equal(server.stats.connections, 2)
  assert.equal(client.stats.connections, 1)
})

test('clients and servers leave nothing behind', async () => {
  await until(() => usage().slots === 0)
  const before = usage()
  for (let round = 0; round < 20; round++) {
    const server = rpc.createServer().method('echo', async (request) => request)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const clients = Array.from({ length: 10 }, () => rpc.connect(server.address().port))
    await Promise.all(clients.map((client, i) => (i % 2 ? client.call('echo', Buffer.from('x')) : undefined)))
    for (const [i, client] of clients.entries()) {
      if (i % 3 === 0) client.destroy()
      else client.close(() => {})
    }
    await server.close()
  }
  await until(() => usage().slots === 0)
  assert.deepEqual(usage(), before)
})

test('a process ends when client and server are closed', () => {
  const script = `
    const { rpc } = require(${entry})
    const server = rpc.createServer().method('echo', async (request) => request)
    server.listen(0, async () => {
      const client = rpc.connect(server.address().port)
      console.log(String(await client.call('echo', Buffer.from('bye'))))
      await client.close()
      await server.close()
    })`
  assert.equal(run(script), 'bye')
})

test('unref() lets a process end although a client and a server are open', () => {
  const script = `
    const { rpc } = require(${entry})
    const server = rpc.createServer().method('echo', async (request) => request)
    server.listen(0, async () => {
      const client = rpc.connect(server.address().port)
      await client.call('echo', Buffer.from('x'))
      client.unref()
      server.unref()
      const lost = rpc.connect('127.0.0.1:1').unref()
      lost.on('reconnect', () => {})
      console.log('idle')
    })`
  assert.equal(run(script), 'idle')
})

test('an idle or reconnecting client keeps the process running, as a socket does', () => {
  for (const target of ['server.address().port', "'127.0.0.1:1'"]) {
    const script = `
      const { rpc } = require(${entry})
      const server = rpc.createServer().unref()
      server.listen(0, () => {
        const client = rpc.connect(${target})
        setTimeout(() => { console.log('still here'); process.exit() }, 150).unref()
      })`
    assert.equal(run(script), 'still here')
  }
})

test('client and server in worker threads', async () => {
  const server = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const { rpc } = require(${entry})
     const server = rpc.createServer().method('double', async (request) => Buffer.from([request[0] * 2]))
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
     parentPort.once('message', () => server.close(() => parentPort.close()))`,
    { eval: true },
  )
  const [port] = await once(server, 'message')
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const { rpc } = require(${entry})
     const client = rpc.connect(${port})
     Promise.all(Array.from({ length: 100 }, (_, i) => client.call('double', Buffer.from([i])))).then((replies) => {
       parentPort.postMessage(replies.every((reply, i) => reply[0] === i * 2))
       client.close()
     })`,
    { eval: true },
  )
  const exits = Promise.all([once(worker, 'exit'), once(server, 'exit')])
  const client = rpc.connect(port)
  const [[fine], replies] = await Promise.all([
    once(worker, 'message'),
    Promise.all(Array.from({ length: 100 }, (_, i) => client.call('double', Buffer.from([i])))),
  ])
  assert.equal(fine, true)
  assert.ok(replies.every((reply, i) => reply[0] === i * 2))
  await client.close()
  server.postMessage('close')
  await exits
})

test('a worker that is terminated drops its connections', async (t) => {
  const { server } = await pair(t)
  server.method('never', () => {})
  const worker = new Worker(
    `const { rpc } = require(${entry})
     const client = rpc.connect(${server.address().port})
     client.call('never', null, () => {})`,
    { eval: true },
  )
  await until(() => server.running !== 0)
  await worker.terminate()
  await until(() => server.running === 0)
})

test('cluster workers share a port', { skip: process.platform === 'win32' }, () => {
  const { mkdtempSync, writeFileSync, rmSync } = require('node:fs')
  const { join } = require('node:path')
  const folder = mkdtempSync(join(require('node:os').tmpdir(), 'ironwire-rpc-'))
  const file = join(folder, 'cluster.js')
  writeFileSync(
    file,
    `const cluster = require('node:cluster')
     const { rpc } = require(${entry})
     if (cluster.isWorker) {
       const server = rpc.createServer().method('pid', async () => Buffer.from(String(process.pid)))
       server.listen(0, '127.0.0.1')
       process.on('message', () => server.close(() => process.disconnect()))
     } else {
       const workers = [cluster.fork(), cluster.fork()]
       let listening = 0
       cluster.on('listening', async (worker, { port }) => {
         if (++listening < 2) return
         const clients = Array.from({ length: 6 }, () => rpc.connect(port))
         const pids = new Set(await Promise.all(clients.map(async (client) => String(await client.call('pid')))))
         console.log(pids.size)
         await Promise.all(clients.map((client) => client.close()))
         for (const worker of workers) worker.send('close')
       })
     }`,
  )
  const result = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 20_000 })
  rmSync(folder, { recursive: true })
  assert.deepEqual([result.stderr, result.stdout, result.status], ['', '2\n', 0])
})

test('calls made right before process.exit() are still sent', async (t) => {
  const { server } = await pair(t)
  const noted = new Promise((resolve) => {
    server.method('note', (request, callback) => {
      resolve(String(request))
      callback()
    })
  })
  const script = `
    const { rpc } = require(${entry})
    const client = rpc.connect(${server.address().port})
    client.on('connect', () => {
      client.call('note', Buffer.from('last words'), () => {})
      process.exit()
    })`
  const child = spawn(process.execPath, ['-e', script], { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.equal(await noted, 'last words')
})
