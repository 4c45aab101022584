'use strict'

// Replies are views of memory to which later replies are written. Detaching that memory must not harm anybody.

const test = require('node:test')
const assert = require('node:assert/strict')
const { MessageChannel } = require('node:worker_threads')
const { once } = require('node:events')
const { net } = require('../../index.js')
const { pair } = require('./tools.js')

// Each of these either copies the memory or throws, depending on the version of Node.
const ways = {
  'structuredClone()': (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  'postMessage()': (buffer) => {
    const { port1 } = new MessageChannel()
    try {
      port1.postMessage(buffer, [buffer])
    } finally {
      port1.close()
    }
  },
  'transfer()': (buffer) => buffer.transfer(),
}

/** Tries to detach the memory. */
function attempt(take, buffer) {
  try {
    take(buffer)
  } catch (error) {
    assert.ok(error.name === 'DataCloneError' || error instanceof TypeError, error)
  }
}

for (const [name, take] of Object.entries(ways)) {
  // In Node 22, `transfer()` detaches even memory that is marked as untransferable, including Node's own Buffer pool;
  // all views of it are then empty. But no view may ever show other bytes.
  const holds = (view, body) =>
    view.equals(body) || (name === 'transfer()' && view.buffer.detached && view.length === 0)

  test(`memory of rpc, taken away by ${name}`, async (t) => {
    const { server, client } = await pair(t)
    server.method('echo', (request, callback) => callback(null, request))
    server.method('take', (request, callback) => {
      attempt(take, request.buffer)
      callback(null, Buffer.from('taken'))
    })
    const kept = []
    for (let i = 0; i < 200; i++) {
      const body = Buffer.alloc(1 + ((i * 37) % 3000), i)
      const reply = await client.call('echo', body)
      kept.push([reply, body])
      if (i % 5 === 0) attempt(take, reply.buffer)
      if (i % 7 === 0) assert.equal(String(await client.call('take', body)), 'taken')
    }
    for (const [reply, body] of kept) assert.ok(holds(reply, body))
  })

  test(`memory of net, taken away by ${name}`, async (t) => {
    const server = net.createServer((socket) => socket.pipe(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = net.connect(server.address().port, '127.0.0.1')
    t.after(() => {
      socket.destroy()
      server.close()
    })
    const kept = []
    for (let i = 0; i < 100; i++) {
      const body = Buffer.alloc(100, i)
      socket.write(body)
      const [chunk] = await once(socket, 'data')
      kept.push([chunk, body])
      attempt(take, chunk.buffer)
    }
    for (const [chunk, body] of kept) assert.ok(holds(chunk, body))
  })
}
