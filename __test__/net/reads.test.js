'use strict'

// What several sockets receive in one turn of the loop comes to JavaScript in one entry. A program must not be able to tell: each scenario
// runs on Node's sockets and on ours, and the notes that it takes must be the same.

const test = require('node:test')
const assert = require('node:assert/strict')
const { AsyncLocalStorage, createHook, executionAsyncId } = require('node:async_hooks')
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const { once } = require('node:events')
const http = require('node:http')
const http2 = require('node:http2')
const path = require('node:path')
const { Readable, Writable } = require('node:stream')
const { setImmediate: nextTurn } = require('node:timers/promises')
const nodeNet = require('node:net')
const { net: ourNet } = require('../..')
const { listening } = require('./support.js')

/** So many connections: `served`, the ends of a server of `net`'s, and `peers`, Node's. */
async function connections(t, net, count) {
  const served = []
  const server = net.createServer((socket) => served.push(socket))
  const port = await listening(t, server)
  const peers = []
  for (let i = 0; i < count; i++) {
    const accepted = once(server, 'connection')
    peers.push(nodeNet.connect({ port, host: '127.0.0.1', noDelay: true }))
    await Promise.all([accepted, once(peers[i], 'connect')])
    for (const socket of [peers[i], served[i]]) socket.on('error', () => {})
  }
  t.after(() => {
    for (const socket of [...peers, ...served]) socket.destroy()
  })
  return { served, peers }
}

/** What does not come at all is not waited for forever. */
const LIMIT = { timeout: 120_000 }

async function until(t, condition) {
  while (!condition()) await nextTurn(undefined, { signal: t.signal })
}

/** Each peer sends its number, all before the loop waits again; resolves when `done` says that all is done. */
async function sendTogether(t, peers, done) {
  await nextTurn()
  peers.forEach((peer, i) => {
    peer.write(`message ${i}`)
  })
  await until(t, done)
  await nextTurn()
}

/** Runs `scenario(t, net)`, which resolves to notes, on both. */
function same(name, scenario, check = () => {}) {
  test(name, LIMIT, async (t) => {
    const expected = await scenario(t, nodeNet)
    check(expected)
    assert.deepEqual(await scenario(t, ourNet), expected)
  })
}

same(
  'ticks and promise jobs run between the reads of two sockets, immediates after all',
  async (t, net) => {
    const { served, peers } = await connections(t, net, 4)
    const notes = []
    let immediates = 0
    served.forEach((socket, i) => {
      socket.on('data', (chunk) => {
        notes.push(`${chunk} of ${i}`)
        process.nextTick(() => {
          notes.push(`tick of ${i}`)
          Promise.resolve().then(() => notes.push(`promise in the tick of ${i}`))
        })
        queueMicrotask(() => notes.push(`promise of ${i}`))
        setImmediate(() => immediates++ === 0 && notes.push('immediate'))
      })
    })
    await sendTogether(t, peers, () => immediates === 4)
    return notes
  },
  (notes) => assert.equal(notes.length, 17),
)

same('what a listener enters with, the next socket does not see', async (t, net) => {
  const storage = new AsyncLocalStorage()
  const { served, peers } = await connections(t, net, 3)
  const notes = []
  served.forEach((socket, i) => {
    socket.on('data', () => {
      notes.push(`${i} sees ${storage.getStore()}`)
      storage.enterWith(`store of ${i}`)
      process.nextTick(() => notes.push(`tick of ${i} sees ${storage.getStore()}`))
    })
  })
  await sendTogether(t, peers, () => notes.length === 6)
  storage.disable()
  return notes
})

same("data and the close come in the socket's own asynchronous resource, which ends with it", async (t, net) => {
  const storage = new AsyncLocalStorage()
  const destroyed = new Set()
  const hook = createHook({ destroy: (id) => destroyed.add(id) }).enable()
  const { served, peers } = await connections(t, net, 3)
  const handles = served.map((socket) => socket._handle.getAsyncId())
  const notes = []
  let closed = 0
  served.forEach((socket, i) => {
    const note = (event) => {
      notes.push(`${event} of ${i} in ${executionAsyncId() === handles[i] ? 'its own' : 'another'} resource`)
      if (event === 'data') storage.enterWith(`store of ${i}`)
      else notes.push(storage.getStore())
    }
    socket.on('data', () => note('data'))
    // The event itself comes in a tick.
    const { close } = socket._handle
    socket._handle.close = function (callback) {
      close.call(this, (...args) => {
        note('close')
        callback.apply(this, args)
      })
    }
    socket.on('close', () => closed++)
  })
  await sendTogether(t, peers, () => notes.length === 3)
  for (const socket of served) socket.destroy()
  await until(t, () => closed === 3 && handles.every((id) => destroyed.has(id)))
  hook.disable()
  storage.disable()
  return notes
})

same('a socket that another one destroys, pauses, or reads by hand in the same turn', async (t, net) => {
  const { served, peers } = await connections(t, net, 4)
  const notes = []
  const [first, destroyed, paused, read] = served
  first.on('data', () => {
    destroyed.destroy()
    paused.pause()
    read.removeAllListeners('data')
    read.on('readable', () => {
      for (let chunk = read.read(4); chunk !== null; chunk = read.read(4)) notes.push(`read ${chunk}`)
    })
  })
  served.forEach((socket, i) => {
    socket.on('data', (chunk) => notes.push(`${chunk} of ${i}`))
  })
  await sendTogether(t, peers, () => notes.length >= 3)
  notes.push(`${paused.readableLength} bytes wait`)
  paused.resume()
  await until(t, () => notes.length >= 5)
  return notes
})

same('a socket with a buffer of its own that another one pauses in the same turn', async (t, net) => {
  const server = nodeNet.createServer()
  const port = await listening(t, server)
  const served = []
  const sockets = []
  const heard = ['', '']
  let paused
  for (let i = 0; i < 2; i++) {
    const onread = {
      buffer: Buffer.alloc(8),
      callback(length, buffer) {
        heard[i] += buffer.toString('latin1', 0, length)
        // Whichever is heard first pauses the other.
        if (paused === undefined) {
          paused = 1 - i
          sockets[paused].pause()
        }
        return true
      },
    }
    const accepted = once(server, 'connection')
    sockets.push(net.connect({ port, host: '127.0.0.1', onread }))
    served.push((await accepted)[0])
  }
  t.after(() => {
    for (const socket of [...sockets, ...served]) socket.destroy()
  })
  await nextTurn()
  for (const socket of served) socket.write('a longer message')
  await until(t, () => heard.includes('a longer message'))
  for (let i = 0; i < 5; i++) await nextTurn()
  const before = heard[paused]
  sockets[paused].resume()
  served[paused].write(' and more')
  await until(t, () => heard[paused].length >= 25)
  return { before, after: heard[paused] }
})

test('a socket that is handed to http or http2 keeps all data that it has received', LIMIT, async (t) => {
  const { served, peers } = await connections(t, ourNet, 3)
  const h1 = http.createServer((req, res) => res.end(req.url))
  const h2 = http2.createServer()
  t.after(() => h2.close())
  served[0].on('data', () => {
    h1.emit('connection', served[1])
    h2.emit('connection', served[2])
  })
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1')
  const acknowledged = Buffer.from('\0\0\0\x04\x01\0\0\0\0', 'latin1')
  const received = ['', Buffer.alloc(0)]
  peers[1].on('data', (chunk) => {
    received[0] += chunk
  })
  peers[2].on('data', (chunk) => {
    received[1] = Buffer.concat([received[1], chunk])
  })
  await nextTurn()
  peers[0].write('now')
  peers[1].write('GET /all HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  peers[2].write(preface)
  await until(t, () => received[0].endsWith('/all') && received[1].includes(acknowledged))
})

test('an exception affects its own event only, and ticks run', () => {
  const [expected, ours] = ['node:net', 'ironwire'].map((name) => {
    const { stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, 'fixtures', 'throws.js'), name], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(stderr, '')
    return stdout
  })
  assert.match(expected, /caught data 1/)
  assert.equal(ours, expected)
})

const FIELDS = [
  'flowing',
  'length',
  'reading',
  'readingMore',
  'sync',
  'ended',
  'needReadable',
  'dataEmitted',
  'readableListening',
]

/** A program that does something to a socket that flows, and notes what others can see of it. */
const programs = {
  'data alone': (socket, note) => socket.on('data', (chunk) => note(chunk.toString())),
  'an encoding that is set on the way'(socket, note) {
    socket.on('data', (chunk) => {
      note(typeof chunk)
      socket.setEncoding('utf8')
    })
  },
  'unshift from a listener'(socket, note) {
    let again = true
    socket.on('data', (chunk) => {
      note(chunk.toString())
      if (again) socket.unshift(chunk.subarray(4))
      again = !again
    })
  },
  'a listener that takes itself off'(socket, note) {
    socket.once('data', (chunk) => note(chunk.toString()))
    socket.on('data', () => {})
  },
  'a pause of one turn'(socket, note) {
    socket.on('data', (chunk) => {
      note(chunk.toString())
      socket.pause()
      setImmediate(() => socket.resume())
    })
  },
  'a push that is replaced'(socket, note) {
    socket.on('data', () => {})
    socket.push = function (chunk) {
      note(`push ${chunk}`)
      return Readable.prototype.push.call(this, chunk)
    }
  },
  'an emit that is replaced'(socket, note) {
    socket.emit = function (event, ...args) {
      if (event === 'data') note(`emit ${args}`)
      return Object.getPrototypeOf(this).emit.call(this, event, ...args)
    }
    socket.on('data', () => {})
  },
  'a _read that is replaced'(socket, note) {
    socket.on('data', () => {})
    socket._read = function (size) {
      note('_read')
      return Object.getPrototypeOf(this)._read.call(this, size)
    }
  },
  'two pipes'(socket, note) {
    for (let i = 0; i < 2; i++) {
      const write = (chunk, _encoding, done) => {
        note(`${i} gets ${chunk}`)
        setImmediate(done)
      }
      socket.pipe(new Writable({ highWaterMark: 1, write }))
    }
  },
  'a pipe that is resumed by hand'(socket, note) {
    const write = (chunk) => note(`got ${chunk}`)
    socket.pipe(new Writable({ highWaterMark: 1, write }))
    socket.on('pause', () => setImmediate(() => socket.resume()))
  },
  async 'an async iterator'(socket, note) {
    for await (const chunk of socket) note(chunk.toString())
  },
}

for (const [name, program] of Object.entries(programs)) {
  same(`${name}: the stream's state is what it is in Node`, async (t, net) => {
    const { served, peers } = await connections(t, net, 1)
    const notes = []
    Promise.resolve(program(served[0], (text) => notes.push(text))).catch(() => {})
    for (let i = 0; i < 4; i++) {
      const read = served[0].bytesRead
      peers[0].write(`message ${i}`)
      await until(t, () => served[0].bytesRead !== read)
      for (let turns = 0; turns < 4; turns++) await nextTurn()
      const state = served[0]._readableState
      const fields = Object.fromEntries(FIELDS.map((field) => [field, state[field]]))
      notes.push({ ...fields, waits: Boolean(state.awaitDrainWriters) })
    }
    return notes
  })
}

test('chunks that a program keeps do not change', LIMIT, async (t) => {
  const count = 32
  const { served, peers } = await connections(t, ourNet, count)
  const kept = served.map(() => [])
  const sent = served.map(() => [])
  let missing = 0
  served.forEach((socket, i) => {
    socket.on('data', (chunk) => {
      kept[i].push(chunk)
      missing -= chunk.length
    })
  })
  for (let round = 0; round < 60; round++) {
    peers.forEach((peer, i) => {
      const message = crypto.randomBytes(1 + crypto.randomInt(round % 10 === 9 ? 6000 : 400))
      missing += message.length
      sent[i].push(message)
      peer.write(message)
    })
    await until(t, () => missing <= 0)
  }
  for (let i = 0; i < count; i++) assert.ok(Buffer.concat(kept[i]).equals(Buffer.concat(sent[i])), `connection ${i}`)
})
