'use strict'

// Streams of calls: as Node's streams and as iterators, with backpressure, and all ways to end.

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const { PassThrough, Readable, Transform, Writable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const test = require('node:test')
const { rpc } = require('../../index.js')
const { freePort } = require('../ports.js')
const { pair, sleep, until } = require('./tools.js')

const BIDI = { clientStreaming: true, serverStreaming: true }
const DOWN = { serverStreaming: true }
const UP = { clientStreaming: true }
const UPLOAD = { clientStreaming: true, serverStreaming: false }

async function all(iterable) {
  const found = []
  for await (const item of iterable) found.push(item)
  return found
}

const texts = async (iterable) => (await all(iterable)).map(String)

/** Messages of all sizes: empty, small, as large as a slab, larger than a window of 64 KiB. */
function* messages(count, seed = 1) {
  for (let i = 0; i < count; i++) {
    const size = [0, 1, 32, 700, 9000, 70_000][(i * 7 + seed) % 6]
    yield Buffer.alloc(size, `${i} `)
  }
}

const digest = (buffers) => {
  const hash = createHash('sha256')
  for (const bytes of buffers) hash.update(`${bytes.length}:`).update(bytes)
  return hash.digest('hex')
}

test('every way to write meets every way to read, both ways, whatever the window', async (t) => {
  const sent = [...messages(60)]
  const expected = digest(sent)
  const writers = {
    iterable: (stream) => void pipeline(Readable.from(sent), stream),
    write(stream) {
      let i = 0
      const go = () => {
        while (i < sent.length) if (!stream.write(sent[i++])) return stream.once('drain', go)
        stream.end()
      }
      go()
    },
    heedless(stream) {
      for (const message of sent) stream.write(message)
      stream.end()
    },
    corked(stream) {
      stream.cork()
      for (const message of sent) stream.write(message, () => {})
      process.nextTick(() => stream.uncork())
      stream.end()
    },
  }
  const readers = {
    iterator: all,
    async data(stream) {
      const found = []
      stream.on('data', (message) => found.push(message))
      await once(stream, 'end')
      return found
    },
    async readable(stream) {
      const found = []
      stream.on('readable', () => {
        for (let message = stream.read(); message !== null; message = stream.read()) found.push(message)
      })
      await once(stream, 'end')
      return found
    },
    async slow(stream) {
      const found = []
      for await (const message of stream) {
        if (found.push(message) % 20 === 0) await sleep(1)
      }
      return found
    },
    async piped(stream) {
      const found = []
      const through = new Transform({ objectMode: true, transform: (message, _encoding, done) => done(null, message) })
      await pipeline(
        stream,
        through,
        new Writable({ objectMode: true, write: (message, _encoding, done) => done(null, void found.push(message)) }),
      )
      return found
    },
    async late(stream) {
      await sleep(20)
      return all(stream)
    },
  }
  for (const streamWindow of [1024, 65536, 1 << 20]) {
    const { server, client } = await pair(t, { streamWindow }, { streamWindow })
    for (const [writer, write] of Object.entries(writers)) {
      server.method(`down ${writer}`, DOWN, (_request, call) => write(call))
      for (const [reader, read] of Object.entries(readers)) {
        const name = `${writer} to ${reader}, window ${streamWindow}`
        assert.equal(digest(await read(client.stream(`down ${writer}`))), expected, `down, ${name}`)
      }
    }
    for (const [reader, read] of Object.entries(readers)) {
      server.method(`digest ${reader}`, UP, async (requests) => Buffer.from(digest(await read(requests))))
      for (const [writer, write] of Object.entries(writers)) {
        const stream = client.stream(`digest ${reader}`, null, UPLOAD)
        write(stream)
        assert.equal(String(await stream.reply), expected, `up, ${writer} to ${reader}, window ${streamWindow}`)
      }
    }
    assert.deepEqual([client.pending, client.links.values().next().value.pendingBytes], [0, 0])
  }
})

test('valid results of a streaming handler: generators, arrays, readables, and promises of them', async (t) => {
  const { server, client } = await pair(t)
  const items = ['a', 'b', 'c'].map((text) => Buffer.from(text))
  const ways = {
    async *'async generator'() {
      yield* items
    },
    *generator() {
      yield* items
    },
    array: () => items,
    'promised array': async () => items,
    'array of promises': () => items.map((item) => Promise.resolve(item)),
    readable: () => Readable.from(items),
    through: (_request, call) => void Readable.from(items).pipe(call),
    'arrow that returns the stream': (_request, call) => call.end(items[0]),
    async written(_request, call) {
      await sleep(1)
      for (const item of items) call.write(item)
      call.end()
    },
  }
  for (const [name, handler] of Object.entries(ways)) {
    server.method(name, DOWN, handler)
    const expected = name.startsWith('arrow') ? ['a'] : ['a', 'b', 'c']
    assert.deepEqual(await texts(client.stream(name)), expected, name)
  }
})

test('both ways at once', async (t) => {
  const { server, client } = await pair(t)
  server.method('echo', BIDI, async function* (requests) {
    for await (const request of requests) yield Buffer.concat([request, request])
  })
  const stream = client.stream('echo', null, BIDI)
  const iterator = stream[Symbol.asyncIterator]()
  for (const word of ['one', 'two']) {
    stream.write(Buffer.from(word))
    assert.equal(String((await iterator.next()).value), word + word)
  }
  stream.end()
  assert.equal((await iterator.next()).done, true)
  await until(() => stream.destroyed)
  assert.deepEqual(await texts(client.stream('echo', [Buffer.from('x'), Buffer.alloc(0)], BIDI)), ['xx', ''])
})

test('the caller gets the answer although it has not ended its own stream', async (t) => {
  const { server, client } = await pair(t)
  server.method('first', UP, async (requests) => {
    for await (const request of requests) return request
    return null
  })
  server.method('enough', BIDI, async function* (requests) {
    for await (const request of requests) {
      yield request
      break
    }
    yield Buffer.from('enough')
  })
  const upload = client.stream('first', null, UPLOAD)
  upload.write(Buffer.from('1'))
  assert.equal(String(await upload.reply), '1')
  upload.write(Buffer.from('2'))
  const chat = client.stream('enough', null, BIDI)
  chat.write(Buffer.from('1'))
  assert.deepEqual(await texts(chat), ['1', 'enough'])
  await until(() => chat.destroyed)
  // An endless source is told to stop.
  let stopped = false
  async function* endless() {
    try {
      for (;;) {
        await sleep(1)
        yield Buffer.from('x')
      }
    } finally {
      stopped = true
    }
  }
  assert.equal(String(await client.stream('first', endless(), UPLOAD)), 'x')
  await until(() => stopped)
  assert.equal(client.pending, 0)
})

test('messages wait at the sender: a reader that takes none holds one window, and the rest of the connection goes on', async (t) => {
  const { server, client } = await pair(t, {}, { streamWindow: 64 * 1024 })
  let written = 0
  let drained = 0
  server.method('flood', DOWN, (_request, call) => {
    call.on('drain', () => drained++)
    const go = () => {
      while (!call.destroyed) {
        written++
        if (!call.write(Buffer.alloc(1000))) return call.once('drain', go)
      }
    }
    go()
  })
  server.method('echo', (request) => request)
  const stream = client.stream('flood')
  const iterator = stream[Symbol.asyncIterator]()
  await iterator.next()
  for (let i = 0; i < 20; i++) await client.call('echo', Buffer.from('x'))
  const { value: link } = client.links.values().next()
  // The window, plus 16 messages in Node's own buffers.
  assert.ok(written < 65536 / 1064 + 16 + 40, `${written} written`)
  assert.ok(link.pendingBytes < 2 * 65536, `${link.pendingBytes} bytes`)
  for (let i = 0; i < 500; i++) await iterator.next()
  assert.ok(drained > 0)
  await iterator.return()
  await until(() => link.pendingBytes === 0 && client.pending === 0 && server.running === 0)
})

test('a server that is flooded holds a window for each call', async (t) => {
  const { server, client } = await pair(t, { streamWindow: 16 * 1024 })
  let release
  server.method('hold', UP, async () => {
    await new Promise((resolve) => {
      release = resolve
    })
    return null
  })
  const stream = client.stream('hold', null, UPLOAD)
  let written = 0
  while (stream.write(Buffer.alloc(500))) {
    written++
    if (written % 10 === 0) await sleep(0)
  }
  const [session] = server.sessions
  await until(() => session.pendingBytes > 8 * 1024)
  assert.ok(session.pendingBytes < 64 * 1024)
  assert.ok(written < 100, `${written} written`)
  release()
  await stream.reply
  assert.equal(session.pendingBytes, 0)
})

test('above maxPendingBytes nothing more is read, until messages are taken', async (t) => {
  const { server, client } = await pair(t, {}, { maxPendingBytes: 100_000, streamWindow: 1 << 20 })
  server.method('many', DOWN, () => Array.from({ length: 40 }, () => Buffer.alloc(10_000)))
  const streams = [client.stream('many'), client.stream('many'), client.stream('many')]
  const { value: link } = client.links.values().next()
  await until(() => link.paused)
  assert.ok(link.pendingBytes < 400_000, `${link.pendingBytes} bytes`)
  const counts = await Promise.all(streams.map(async (stream) => (await all(stream)).length))
  assert.deepEqual(counts, [40, 40, 40])
  assert.deepEqual([link.paused, link.pendingBytes], [false, 0])
})

test('leaving the loop, cancel(), destroy() and a signal all reach the handler, whose generator is left', async (t) => {
  const { server, client } = await pair(t)
  let entered = 0
  let left = 0
  let aborted = 0
  server.method('ticks', DOWN, async function* (_request, call) {
    call.signal.addEventListener('abort', () => aborted++)
    entered++
    try {
      for (;;) {
        yield Buffer.from('tick')
        await sleep(1)
      }
    } finally {
      left++
    }
  })
  const failures = []
  server.on('handlerError', (error) => failures.push(error))
  const controller = new AbortController()
  const ends = {
    async break(stream) {
      for await (const _ of stream) break
    },
    async cancel(stream) {
      await assert.rejects(
        async () => {
          for await (const _ of stream) stream.cancel()
        },
        { name: 'AbortError', code: 'IRONWIRE_RPC_ABORTED', status: rpc.status.CANCELLED },
      )
    },
    async destroy(stream) {
      await once(stream, 'data')
      stream.destroy()
      await once(stream, 'close')
    },
    async 'destroy while it is iterated'(stream) {
      until(() => entered > count).then(() => stream.destroy())
      await assert.rejects(all(stream), { name: 'AbortError' })
    },
    async 'destroy with an error'(stream) {
      stream.on('error', () => {})
      until(() => entered > count).then(() => stream.destroy(new Error('mine')))
      await assert.rejects(all(stream), { message: 'mine' })
    },
    async signal(stream) {
      stream.on('data', () => controller.abort(new Error('enough')))
      const [error] = await once(stream, 'error')
      assert.equal(error.cause.message, 'enough')
    },
    async timeout(stream) {
      await assert.rejects(all(stream), { code: 'IRONWIRE_RPC_TIMEOUT', status: rpc.status.DEADLINE_EXCEEDED })
    },
  }
  let count = 0
  for (const [name, end] of Object.entries(ends)) {
    const options = { signal: { signal: controller.signal }, timeout: { timeout: 30 } }[name]
    await end(client.stream('ticks', null, options))
    count++
    await until(() => left === count && aborted === count)
    assert.equal(entered, count, name)
  }
  assert.deepEqual([client.pending, server.running, failures], [0, 0, []])
  await until(() => server.strays.size === 0)
})

test('a source that waits forever is told to stop, too', async (t) => {
  const { EventEmitter, on } = require('node:events')
  const { server, client } = await pair(t)
  const emitter = new EventEmitter()
  server.method('events', DOWN, () => on(emitter, 'event'))
  const stream = client.stream('events')
  stream.on('error', () => {})
  stream.resume()
  await until(() => emitter.listenerCount('event') === 1)
  stream.cancel()
  await until(() => emitter.listenerCount('event') === 0)
})

test('errors come once, after the messages before them, with all their data', async (t) => {
  const { server, client } = await pair(t)
  const details = Buffer.from([1, 2, 3])
  server.method('fails', DOWN, async function* () {
    yield Buffer.from('1')
    yield Buffer.from('2')
    throw new rpc.StatusError(rpc.status.DATA_LOSS, 'lost', { code: 'LOST', details, metadata: { why: 'disk' } })
  })
  server.on('handlerError', () => {})
  const check = (error) => {
    assert.deepEqual(
      [error.status, error.statusName, error.code, error.message, error.remote, [...error.details]],
      [15, 'DATA_LOSS', 'LOST', 'lost', true, [1, 2, 3]],
    )
    assert.equal(error.metadata.get('why'), 'disk')
    return true
  }
  const seen = []
  await assert.rejects(async () => {
    for await (const message of client.stream('fails')) {
      seen.push(String(message))
      await sleep(5)
    }
  }, check)
  assert.deepEqual(seen, ['1', '2'])
  const stream = client.stream('fails')
  const events = []
  stream.on('data', (message) => events.push(String(message)))
  stream.on('error', (error) => events.push(check(error) && 'error'))
  await new Promise((resolve) => stream.on('close', resolve))
  assert.deepEqual(events, ['1', '2', 'error'])
  // This is also true for messages that Node buffers for a paused reader.
  const paused = client.stream('fails')
  const taken = []
  paused.on('data', (message) => {
    taken.push(String(message))
    paused.pause()
    until(() => paused.over).then(() => paused.resume())
  })
  check((await once(paused, 'error'))[0])
  assert.deepEqual(taken, ['1', '2'])
  // Nobody reads its messages yet, so the error waits behind them.
  const late = client.stream('fails')
  await until(() => late.over)
  await assert.rejects(all(late), check)
  await assert.rejects(
    pipeline(client.stream('fails'), new PassThrough({ objectMode: true }), async (source) => all(source)),
    check,
  )
})

test('a handler that fails costs its own call only', async (t) => {
  const { server, client } = await pair(t)
  const failures = []
  server.on('handlerError', (error) => failures.push(error.message))
  const ways = {
    throws() {
      throw new Error('thrown')
    },
    async rejects() {
      throw new Error('rejected')
    },
    destroys: (_request, call) => void call.destroy(new Error('destroyed')),
    'destroys without a reason': (_request, call) => void call.destroy(),
    writes: (_request, call) => void call.write('text'),
    yields: () => ['text'],
    'writes after its end'(_request, call) {
      call.end(Buffer.from('x'))
      call.write(Buffer.from('y'))
    },
    'ends twice'(_request, call) {
      call.end()
      call.end()
    },
  }
  const fine = new Set(['writes after its end', 'ends twice'])
  for (const [name, handler] of Object.entries(ways)) {
    server.method(name, DOWN, handler)
    const outcome = await texts(client.stream(name)).then(
      () => 'fine',
      (error) => error.remote,
    )
    assert.equal(outcome, fine.has(name) ? 'fine' : true, name)
  }
  server.method('still', () => null)
  await client.call('still')
  assert.equal(server.running, 0)
})

test('the loss of the connection ends streams at both ends', async (t) => {
  const { server, client } = await pair(t, {}, { reconnect: false })
  client.on('error', () => {})
  let reason
  server.method('hold', BIDI, async function* (requests) {
    yield Buffer.from('1')
    try {
      for await (const _ of requests);
    } catch (error) {
      reason = error
      throw error
    }
  })
  const failures = []
  server.on('handlerError', (error) => failures.push(error))
  const stream = client.stream('hold', null, BIDI)
  await assert.rejects(
    async () => {
      for await (const _ of stream) server.closeAllConnections()
    },
    { code: 'IRONWIRE_RPC_CONNECTION_LOST', status: rpc.status.UNAVAILABLE, sent: true },
  )
  await until(() => reason !== undefined)
  assert.deepEqual([reason.status, failures, server.running], [rpc.status.CANCELLED, [], 0])
})

test('streams wait for a connection, with what is written to them', async (t) => {
  const server = rpc.createServer()
  server.method('echo', BIDI, async function* (requests) {
    yield* requests
  })
  const client = rpc.connect({ host: '127.0.0.1', port: await freePort() }, { reconnect: { initialDelay: 10 } })
  t.after(() => client.destroy())
  const stream = client.stream('echo', null, BIDI)
  stream.write(Buffer.from('1'))
  stream.end(Buffer.from('2'))
  server.listen(client.target.port, '127.0.0.1')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close(() => {}))
  assert.deepEqual(await texts(stream), ['1', '2'])
  const cancelled = rpc.connect(await freePort())
  t.after(() => cancelled.destroy())
  const never = cancelled.stream('echo', null, { timeout: 20 })
  await assert.rejects(all(never), { code: 'IRONWIRE_RPC_TIMEOUT', sent: false })
  const early = cancelled.stream('echo', [Buffer.from('x')], BIDI)
  early.destroy()
  await until(() => cancelled.pending === 0)
})

test('closing servers and clients lets streams finish', async (t) => {
  const { server, client } = await pair(t)
  server.method('count', DOWN, async function* () {
    for (let i = 0; i < 5; i++) {
      await sleep(2)
      yield Buffer.from([i])
    }
  })
  const counted = all(client.stream('count'))
  await sleep(5)
  const closed = [client.close(), server.close()]
  assert.equal((await counted).length, 5)
  await Promise.all(closed)
})

test('the reply of an upload fails with its call, by callback or promise, or as an event if neither is used', async (t) => {
  const { server, client } = await pair(t)
  server.method('full', UP, (_requests, callback) =>
    callback(new rpc.StatusError(rpc.status.RESOURCE_EXHAUSTED, 'full')),
  )
  const expected = { status: rpc.status.RESOURCE_EXHAUSTED, message: 'full' }
  await assert.rejects(client.stream('full', [], UPLOAD), expected)
  let calls = 0
  const error = await new Promise((resolve) => {
    client.stream('full', null, UPLOAD, (failure) => resolve(failure, calls++))
  })
  assert.equal(error.status, rpc.status.RESOURCE_EXHAUSTED)
  const [event] = await once(client.stream('full', null, UPLOAD), 'error')
  assert.equal(event.status, rpc.status.RESOURCE_EXHAUSTED)
  const aborted = client.stream('full', null, { ...UPLOAD, signal: AbortSignal.abort() }).reply
  await assert.rejects(aborted, { code: 'IRONWIRE_RPC_ABORTED', sent: false })
  // An error of the source fails the call with that same error.
  async function* source() {
    yield Buffer.from('x')
    throw new Error('no more')
  }
  server.method('slow', UP, async (requests) => {
    for await (const _ of requests);
    return null
  })
  await assert.rejects(client.stream('slow', source(), UPLOAD), { message: 'no more' })
  assert.equal(calls, 1)
})

test('a message above the limit of the receiver fails the call, not the connection', async (t) => {
  const { server, client } = await pair(t, { maxFrameBytes: 2000 }, { maxFrameBytes: 3000 })
  server.on('handlerError', () => {})
  server.method('large', DOWN, () => [Buffer.alloc(2994), Buffer.alloc(2995)])
  server.method('echo', BIDI, async function* (requests) {
    yield* requests
  })
  const sizes = []
  await assert.rejects(
    async () => {
      for await (const message of client.stream('large')) sizes.push(message.length)
    },
    { code: 'IRONWIRE_RPC_FRAME_TOO_LARGE' },
  )
  assert.deepEqual(sizes, [2994])
  assert.equal((await all(client.stream('echo', [Buffer.alloc(1994)], BIDI))).length, 1)
  await assert.rejects(all(client.stream('echo', [Buffer.alloc(1995)], BIDI)), {
    code: 'IRONWIRE_RPC_FRAME_TOO_LARGE',
    message: /2001 bytes is above the limit of 2000/,
  })
  assert.equal(client.stats.connections, 1)
})

test('a stream may have ended before its call could leave', async (t) => {
  const server = rpc.createServer()
  server.method('count', { clientStreaming: true }, async (requests) => {
    let count = 0
    for await (const _request of requests) count++
    return Buffer.from(`${count}`)
  })
  server.method('echo', BIDI, async function* (requests) {
    for await (const request of requests) yield request
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = rpc.connect(`127.0.0.1:${server.address().port}`)
  t.after(() => {
    client.destroy()
    server.close(() => {})
  })
  // There is no connection yet.
  const stream = client.stream('count', null, { clientStreaming: true, serverStreaming: false })
  stream.end()
  const both = client.stream('echo', null, { clientStreaming: true })
  both.end()
  const failed = client.stream('none', null, { clientStreaming: true, serverStreaming: false })
  failed.end()
  const refused = assert.rejects(failed.reply, { code: 'IRONWIRE_RPC_UNKNOWN_METHOD' })
  assert.equal(String(await stream.reply), '0')
  for await (const _message of both) assert.fail('nothing was sent')
  await refused
})

test('a listener that throws reaches uncaughtException, and costs no other message', async (t) => {
  const { server, client } = await pair(t)
  server.method('three', DOWN, () => ['1', '2', '3'].map((text) => Buffer.from(text)))
  const seen = []
  const thrown = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => thrown.push(error.message))
  t.after(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
  const stream = client.stream('three')
  stream.on('data', (message) => {
    seen.push(String(message))
    if (seen.length === 2) throw new Error('mine')
  })
  await once(stream, 'end')
  assert.deepEqual([seen, thrown], [['1', '2', '3'], ['mine']])
})
