'use strict'

// `node --expose-gc kept-program.js PART`: uploads whose memory is looked at; see kept.test.js.

const { once } = require('node:events')
const net = require('node:net')
const { Worker, isMainThread, parentPort } = require('node:worker_threads')
const { http } = require('../..')

const head = (length) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`

function memory() {
  global.gc()
  global.gc()
  return process.memoryUsage().arrayBuffers
}

async function listen(handler) {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

async function connect(port) {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const parts = {
  /** Between two large reads one of ten bytes, which is kept. */
  async small() {
    const kept = []
    const port = await listen((req, res) => {
      req.on('data', (chunk) => chunk.length <= 10 && kept.push(chunk))
      req.on('end', () => res.end('ok'))
    })
    const [one, other] = [await connect(port), await connect(port)]
    const large = head(100_000) + 'x'.repeat(100_000)
    const before = memory()
    for (let i = 0; i < 2000; i++) {
      if (i % 20 === 0) {
        other.write(large)
        await once(other, 'data')
      }
      one.write(`${head(10)}0123456789`)
      await once(one, 'data')
    }
    process.send({ kept: kept.length, memory: memory() - before })
  },

  async slow() {
    let begun = 0
    const port = await listen((req) => req.once('data', () => begun++).resume())
    const before = memory()
    const sockets = []
    for (let i = 0; i < 300; i++) {
      const socket = await connect(port)
      socket.write(head(1_000_000) + 'x'.repeat(100_000))
      sockets.push(socket)
    }
    while (begun < 300) await new Promise(setImmediate)
    process.send({ connections: begun, memory: memory() - before })
  },

  async worker() {
    let workers = 0
    for (; workers < 2; workers++) {
      const worker = new Worker(__filename)
      const [port] = await once(worker, 'message')
      for (let i = 0; i < 4; i++) {
        const socket = await connect(port)
        const send = () => socket.writable && socket.write('x'.repeat(1_000_000), send)
        socket.write(head(1_000_000_000), send)
      }
      // Chunks have come by now.
      await once(worker, 'message')
      await worker.terminate()
    }
    process.send({ workers })
  },
}

if (isMainThread) parts[process.argv[2]]().then(() => process.exit())
else {
  let chunks = 0
  const kept = []
  listen((req) => {
    req.on('data', (chunk) => {
      kept.push(chunk)
      if (++chunks === 20) parentPort.postMessage('chunks')
      if (kept.length > 50) kept.length = 0
    })
  }).then((port) => parentPort.postMessage(port))
}
