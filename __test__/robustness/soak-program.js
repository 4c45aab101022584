'use strict'

// `node --expose-gc soak-program.js servers|workers COUNT`: opens and closes so many, and says over IPC what it held before and after. Fails
// when its memory grows.

const { once } = require('node:events')
const net = require('node:net')
const { setTimeout: sleep } = require('node:timers/promises')
const { Worker, isMainThread, parentPort } = require('node:worker_threads')
const ironwire = require('ironwire')
const { held } = require('./held.js')

/** Asks an HTTP server, then leaves as `manner` says. */
async function visit(port, manner) {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  const closed = once(socket, 'close')
  socket.write(`GET /${manner === 0 ? 'never' : ''} HTTP/1.1\r\nHost: a\r\n\r\n`)
  if (manner === 0) await sleep(1)
  else await once(socket, 'data')
  if (manner === 1) socket.end()
  else if (manner === 2) socket.resetAndDestroy()
  else if (manner === 3) return { socket, closed }
  else socket.destroy()
  await closed
}

function makeServer() {
  return ironwire.http.createServer((req, res) => {
    if (req.url !== '/never') res.end('x')
  })
}

const kinds = {
  /** One HTTP server, whose last connection is still there when it closes, and one each of the others. */
  async http(i) {
    const server = makeServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address()
    await visit(port, i % 3)
    const { closed } = await visit(port, 3)
    server.close()
    await Promise.all([once(server, 'close'), closed])
  },
  async net() {
    const server = ironwire.net.createServer((socket) => socket.on('error', () => {}).end('x'))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const socket = net.connect(server.address().port, '127.0.0.1').resume()
    await once(socket, 'close')
    server.close()
    await once(server, 'close')
  },
  async rpc() {
    const server = ironwire.rpc.createServer()
    server.method('echo', (request, callback) => callback(null, request))
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = ironwire.rpc.connect(`127.0.0.1:${server.address().port}`)
    await client.call('echo', Buffer.from('x'))
    client.close()
    await new Promise((resolve) => server.close(resolve))
  },
}

let done = 0
async function openServers(count) {
  const names = Object.keys(kinds)
  for (; count > 0; count--) await kinds[names[done++ % names.length]](done)
}

/** A worker that serves, is visited, and then ends by itself, is ended, or ends with connections open. */
async function runWorkers(count) {
  for (; count > 0; count--) {
    const worker = new Worker(__filename)
    const exited = once(worker, 'exit')
    const [port] = await once(worker, 'message')
    await visit(port, done % 3)
    const { socket, closed } = await visit(port, 3)
    if (done % 3 === 0) {
      worker.postMessage('close')
      socket.destroy()
    } else if (done % 3 === 1) await worker.terminate()
    else worker.postMessage('exit')
    await Promise.all([exited, closed])
    done++
  }
}

async function main(kind, total) {
  const { level, PARTS } = require('./attack.js')
  const run = { servers: openServers, workers: runWorkers }[kind]
  const perPart = Math.ceil(total / 2 / PARTS)
  const state = async () => {
    // What closes tells of it a turn or two later.
    await sleep(20)
    return held()
  }
  const counts = ({ usage, descriptors }) => ({ usage, descriptors })
  await run(1)
  const before = counts(await state())
  let said
  // A worker's heap is an isolate of its own, tens of pages that the allocator takes and gives back.
  const limits = kind === 'workers' ? { rss: 12 << 20, heap: 1 << 20 } : undefined
  await level(
    async () => {
      await run(perPart)
      return state()
    },
    (text) => {
      said = text
    },
    limits,
  )
  process.send({ said, before, after: counts(await state()) }, () => process.disconnect())
}

if (isMainThread) main(process.argv[2], Number(process.argv[3]))
else {
  const server = makeServer()
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
  parentPort.on('message', (message) => {
    if (message === 'exit') process.exit()
    parentPort.close()
    server.closeAllConnections()
    server.close()
  })
}
