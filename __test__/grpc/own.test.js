'use strict'

// What `same.test.js` does not compare: services of our own `protobuf`, limits, connections that come and go, and
// missing features.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { once } = require('node:events')
const http2 = require('node:http2')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { protobuf } = require('../..')
const { usage } = require('../../lib/engine.js')
const { grpc, loader, peer, missing, service, serve, bind, connect, outcome } = require('./support.js')
const { kLinks } = require('../../lib/grpc/symbols.js')

const { status } = grpc
const index = JSON.stringify(path.resolve(__dirname, '../../lib/grpc'))
const symbols = JSON.stringify(require.resolve('../../lib/grpc/symbols.js'))

const schema = `
  syntax = "proto3";
  package shop;
  message Item { uint32 id = 1; string name = 2; }
  service Catalog {
    rpc GetItem (Item) returns (Item);
    rpc ListItems (Item) returns (stream Item);
  }
`

const one = (client, ...args) =>
  new Promise((resolve, reject) =>
    client.one(...args, (error, value) => (error === null ? resolve(value) : reject(error))),
  )

const catalog = {
  getItem: ({ request }, callback) => callback(null, { ...request, name: `item ${request.id}` }),
  listItems(call) {
    for (let id = 1; id <= call.request.id; id++) call.write({ id, name: 'x' })
    call.end()
  },
}

async function useCatalog(client) {
  const item = await new Promise((resolve, reject) =>
    client.getItem({ id: 5 }, (error, item) => (error === null ? resolve(item) : reject(error))),
  )
  assert.deepEqual({ ...item }, { id: 5, name: 'item 5' })
  const ids = []
  for await (const { id } of client.ListItems({ id: 3 })) ids.push(id)
  assert.deepEqual(ids, [1, 2, 3])
}

test('services of our protobuf', async (t) => {
  const { Catalog } = protobuf(schema)
  const { port } = await serve(t, grpc, catalog, {}, Catalog)
  const client = connect(t, grpc, port, {}, Catalog)
  assert.equal(client.getItem.path, '/shop.Catalog/GetItem')
  await useCatalog(client)
})

test("services of @grpc/proto-loader's", { skip: missing }, async (t) => {
  const fs = require('node:fs')
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-grpc-'))
  t.after(() => fs.rmSync(place, { recursive: true }))
  fs.writeFileSync(path.join(place, 'shop.proto'), schema)
  const { shop } = grpc.loadPackageDefinition(loader.loadSync(path.join(place, 'shop.proto')))
  assert.equal(shop.Item.format, 'Protocol Buffer 3 DescriptorProto')
  assert.equal(shop.Catalog.serviceName, 'Catalog')
  const { port } = await serve(t, grpc, catalog, {}, shop.Catalog.service)
  const client = new shop.Catalog(`localhost:${port}`, grpc.credentials.createInsecure())
  t.after(() => client.close())
  await useCatalog(client)
})

test('names of packages and methods that every object has', () => {
  const methods = { ['__proto__']: service.one, constructor: service.one, fine: service.one }
  const Client = grpc.makeClientConstructor(methods, 'Texts')
  assert.equal(Object.getPrototypeOf(Client.prototype), grpc.Client.prototype)
  assert.equal(Client.prototype.constructor, Client)
  assert.equal(typeof Client.prototype.fine, 'function')
  const definition = grpc.loadPackageDefinition({ 'a.__proto__.b': methods, 'a.B': { fine: service.one } })
  assert.deepEqual(Object.keys(definition.a), ['B'])
  assert.throws(() => grpc.makeClientConstructor({ $x: service.one }, 'X'), /cannot start with \$/)
})

test('an empty message each way', async (t) => {
  const bytes = { ...service.one, requestDeserialize: (b) => b, responseDeserialize: (b) => b }
  const definition = { one: bytes }
  const { port } = await serve(t, grpc, { one: ({ request }, callback) => callback(null, request) }, {}, definition)
  const client = connect(t, grpc, port, {}, definition)
  assert.equal((await one(client, '')).length, 0)
})

test('calls beyond the server’s concurrency limit wait', async (t) => {
  let open = 0
  let most = 0
  const handlers = {
    one({ request }, callback) {
      most = Math.max(most, ++open)
      setImmediate(() => {
        open--
        callback(null, request)
      })
    },
  }
  const { port } = await serve(t, grpc, handlers, { 'grpc.max_concurrent_streams': 3 })
  const client = connect(t, grpc, port)
  await one(client, 'first')
  const values = await Promise.all(Array.from({ length: 50 }, (_, i) => one(client, String(i))))
  assert.deepEqual(
    values,
    values.map((_, i) => String(i)),
  )
  assert.equal(most, 3)
})

test('waiting calls have deadlines and can be cancelled', async (t) => {
  const { port } = await serve(t, grpc, { one() {} }, { 'grpc.max_concurrent_streams': 1 })
  const client = connect(t, grpc, port)
  await new Promise((resolve) => client.waitForReady(Infinity, resolve))
  client.one('takes the only place', () => {})
  const late = outcome((callback) => client.one('x', { deadline: Date.now() + 30 }, callback))
  const cancelled = outcome((callback) => {
    const call = client.one('x', callback)
    setImmediate(() => call.cancel())
    return call
  })
  assert.equal((await late)[0][1].code, status.DEADLINE_EXCEEDED)
  assert.equal((await cancelled)[0][1].code, status.CANCELLED)
})

test('a call that the server refused unprocessed is repeated once', async (t) => {
  let asked = 0
  const server = http2.createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.resume()
    if (++asked === 1) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    if (asked > 2) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.from([0, 0, 0, 0, 1, 97]))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const client = connect(t, grpc, server.address().port)
  assert.equal(await one(client, 'x'), 'a')
  await assert.rejects(one(client, 'x'), { code: status.UNAVAILABLE, details: 'Stream refused by server' })
  assert.equal(asked, 4)
})

test('a connection is replaced after GOAWAY', async (t) => {
  const handlers = { one: (call, callback) => callback(null, call.getPeer()) }
  const { port, server } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  const first = await one(client, 'x')
  const channel = client.getChannel()
  const left = new Promise((resolve) => channel.watchConnectivityState(grpc.connectivityState.READY, Infinity, resolve))
  for (const link of server[kLinks]) link.drain()
  await left
  const second = await one(client, 'x')
  assert.notEqual(first, second)
})

test('connections end at their age limit, or when idle', async (t) => {
  const handlers = { one: (call, callback) => callback(null, call.getPeer()), many() {} }
  for (const options of [{ 'grpc.max_connection_age_ms': 20 }, { 'grpc.max_connection_idle_ms': 20 }]) {
    const { port } = await serve(t, grpc, handlers, options)
    const client = connect(t, grpc, port)
    const first = await one(client, 'x')
    const channel = client.getChannel()
    await new Promise((resolve) => channel.watchConnectivityState(grpc.connectivityState.READY, Infinity, resolve))
    assert.notEqual(await one(client, 'x'), first)
  }
  const options = { 'grpc.max_connection_age_ms': 20, 'grpc.max_connection_age_grace_ms': 20 }
  const { port } = await serve(t, grpc, handlers, options)
  const seen = await outcome(() => connect(t, grpc, port).many('x'))
  assert.equal(seen.find(([event]) => event === 'error')[1].code, status.UNAVAILABLE)
})

test('a client closes a connection whose keepalive ping is not answered', async (t) => {
  const server = net.createServer((socket) => {
    // Sends a SETTINGS frame and nothing else.
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    socket.on('error', () => {})
    socket.resume()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const options = { 'grpc.keepalive_time_ms': 30, 'grpc.keepalive_timeout_ms': 30 }
  const client = connect(t, grpc, server.address().port, options)
  await assert.rejects(one(client, 'x'), { code: status.UNAVAILABLE })
})

test('a client keeps a connection whose keepalive pings are answered', async (t) => {
  let pings = 0
  const server = http2.createServer()
  server.on('session', (session) => session.on('ping', () => pings++))
  server.on('stream', (stream) => {
    stream.resume()
    stream.on('error', () => {})
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const options = { 'grpc.keepalive_time_ms': 10, 'grpc.keepalive_timeout_ms': 60_000 }
  const client = connect(t, grpc, server.address().port, options)
  const seen = outcome((callback) => {
    const call = client.one('x', callback)
    const look = setInterval(() => {
      if (pings < 3) return
      clearInterval(look)
      call.cancel()
    }, 5)
    return call
  })
  assert.equal((await seen)[0][1].code, status.CANCELLED)
})

test('backpressure: a writer stops when the reader does not read', async (t) => {
  let written = 0
  let held
  const stopped = new Promise((resolve) => {
    held = resolve
  })
  const message = 'x'.repeat(10_000)
  const handlers = {
    many(call) {
      const go = () => {
        while (!call.cancelled && call.write(message)) written++
        if (call.cancelled) return
        let drained = false
        call.once('drain', () => {
          drained = true
          go()
        })
        // No 'drain' came for a while, because the reader does not read: the writer is really stopped.
        setTimeout(() => drained || held(), 200)
      }
      go()
    },
  }
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  const call = client.many('x')
  call.on('error', () => {})
  call.on('readable', () => {})
  await stopped
  assert.ok(written < 200, `${written} messages of 10 kB were taken`)
  call.cancel()
})

test('promises instead of callbacks', async (t) => {
  const handlers = {
    async one(call) {
      if (call.request === 'no') throw Object.assign(new Error('never'), { code: status.NOT_FOUND })
      return `${call.request}${call.metadata.get('x')}`
    },
    async gather(call) {
      let text = ''
      for await (const part of call) text += part
      return text
    },
  }
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  const metadata = new grpc.Metadata()
  metadata.set('x', '1')
  assert.equal(await client.one('a'), 'a')
  assert.equal(await client.one('a', metadata), 'a1')
  assert.equal(await client.one('a', { deadline: Infinity }), 'a')
  assert.equal(await client.one('a', metadata, { deadline: Infinity }), 'a1')
  await assert.rejects(client.one('no'), { code: status.NOT_FOUND, details: 'never' })
  const call = client.one('a')
  call.call.cancel()
  await assert.rejects(call, { code: status.CANCELLED })
  const stream = client.gather()
  stream.write('b')
  stream.end('c')
  assert.equal(await stream.response, 'bc')
})

test('a handler with a callback parameter, or a promise of undefined, answers by the callback', async (t) => {
  const { port } = await serve(t, grpc, {
    async one(...args) {
      setImmediate(() => args[1](null, args[0].request))
    },
  })
  assert.equal(await connect(t, grpc, port).one('x'), 'x')
})

test('leaving a stream’s loop cancels the call', async (t) => {
  let told
  const cancelled = new Promise((resolve) => {
    told = resolve
  })
  const handlers = {
    many(call) {
      call.on('cancelled', () => told('cancelled'))
      for (let i = 0; i < 5; i++) call.write(String(i))
    },
  }
  const { port } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  for await (const message of client.many('x')) if (message === '2') break
  assert.equal(await cancelled, 'cancelled')
})

test('a handler that destroys its stream ends the call', async (t) => {
  const { port } = await serve(t, grpc, {
    many: (call) => call.destroy(Object.assign(new Error('broken'), { code: status.DATA_LOSS })),
    chat: (call) => call.destroy(),
  })
  const client = connect(t, grpc, port)
  const error = (seen) => seen.find(([event]) => event === 'error')[1].message
  assert.equal(error(await outcome(() => client.many('x'))), '15 DATA_LOSS: broken')
  assert.equal(error(await outcome(() => client.chat())), '1 CANCELLED: The handler destroyed the call')
})

test('a server that answers before the whole request has arrived', async (t) => {
  const server = http2.createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    // Ends the response without reading the request.
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '8' }, { endStream: true })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const client = connect(t, grpc, server.address().port, { 'grpc.max_send_message_length': -1 })
  const closed = new Promise((resolve) => server.on('stream', (stream) => stream.on('close', resolve)))
  await assert.rejects(one(client, 'x'.repeat(1_000_000)), { code: status.RESOURCE_EXHAUSTED })
  await closed
})

test('an exception in a callback affects no other call', async () => {
  const script = `
    const grpc = require(${index})
    const text = { requestSerialize: Buffer.from, requestDeserialize: String, responseSerialize: Buffer.from, responseDeserialize: String }
    const service = { one: { path: '/T/One', requestStream: false, responseStream: false, ...text } }
    const server = new grpc.Server()
    server.addService(service, { one: ({ request }, callback) => callback(null, request) })
    const thrown = []
    process.on('uncaughtException', (error) => thrown.push(error.message))
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, port) => {
      const Client = grpc.makeClientConstructor(service, 'T')
      const client = new Client('127.0.0.1:' + port, grpc.credentials.createInsecure())
      let answered = 0
      for (let i = 0; i < 20; i++) {
        client.one(String(i), (error, value) => {
          if (error !== null || value !== String(i)) throw new Error('wrong')
          if (++answered === 20) {
            client.close()
            server.tryShutdown(() => console.log(thrown.join()))
          }
          if (i % 5 === 0) throw new Error('thrown ' + i)
        })
      }
    })`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 60_000 })
  assert.equal(stdout.trim(), 'thrown 0,thrown 5,thrown 10,thrown 15')
})

test('an exception in a callback affects no other call, however the calls end', async () => {
  const script = `
    const grpc = require(${index})
    const { kLinks } = require(${symbols})
    const text = { requestSerialize: Buffer.from, requestDeserialize: String, responseSerialize: Buffer.from, responseDeserialize: String }
    const service = {
      one: { path: '/T/One', requestStream: false, responseStream: false, ...text },
      many: { path: '/T/Many', requestStream: false, responseStream: true, ...text },
    }
    const Client = grpc.makeClientConstructor(service, 'T')
    const client = (port) => new Client('127.0.0.1:' + port, grpc.credentials.createInsecure())
    let thrown = 0
    process.on('uncaughtException', () => thrown++)
    /** The numbers of those that have ended, when all have. */
    const all = (count, begin) => new Promise((resolve) => {
      const codes = []
      for (let i = 0; i < count; i++) {
        begin((error) => {
          if (codes.push(error.code) === count) setImmediate(resolve, codes.join())
          throw new Error('thrown')
        }, i)
      }
    })
    const bind = (server) => new Promise((resolve) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, port) => resolve(port))
    })
    const server = new grpc.Server()
    let begun = 0
    let reached
    const eight = new Promise((resolve) => (reached = resolve))
    const hang = () => ++begun === 8 && reached()
    server.addService(service, {
      one: (call, callback) => call.request === 'answer' ? callback(null, 'answered') : hang(),
      many: hang,
    })
    const main = async () => {
      const port = await bind(server)
      const used = client(port)
      const lost = all(4, (callback) => used.one('hang', callback))
      const closed = Promise.all([0, 1, 2, 3].map(() => {
        const stream = used.many('hang')
        return new Promise((resolve) => stream.resume().on('close', resolve))
      }))
      await eight
      for (const link of server[kLinks]) link.destroy()
      console.log('lost', await lost)
      await closed
      console.log('again', await used.one('answer'))
      console.log('late', await all(4, (callback, i) => used.one('hang', { deadline: Date.now() + 10 + 20 * i }, callback)))
      used.close()

      const early = client(port)
      const waiting = all(4, (callback) => early.one('hang', callback))
      early.close()
      console.log('closed', await waiting)

      await new Promise((resolve) => {
        server.tryShutdown(() => {
          throw new Error('thrown')
        })
        server.tryShutdown(resolve)
      })
      const refused = client(port)
      console.log('refused', await all(4, (callback) => refused.one('x', callback)))
      refused.close()
      console.log(thrown)
    }
    main()`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 60_000 })
  assert.deepEqual(stdout.trim().split('\n'), [
    'lost 14,14,14,14',
    'again answered',
    'late 4,4,4,4',
    'closed 14,14,14,14',
    'refused 14,14,14,14',
    // Thrown by the callbacks, the streams without an error listener, and the callback of tryShutdown().
    '21',
  ])
})

test('a call that cannot be sent fails alone', { timeout: 60_000 }, async (t) => {
  const { port } = await serve(t, grpc, { one: ({ request }, callback) => callback(null, request), many() {} })
  const client = connect(t, grpc, port)
  const metadata = new grpc.Metadata()
  metadata.set('a:b', 'a secret')
  const round = async () => {
    const calls = []
    for (let i = 0; i < 3; i++) {
      calls.push(one(client, 'x', metadata), one(client, 'x', { host: 'no\u0001host' }), one(client, 'x'))
    }
    const ended = await Promise.allSettled(calls)
    return ended.map(({ reason, value }) => value ?? `${reason.code} ${reason.details}`)
  }
  const refused = (field) => `13 The call cannot be sent: HTTP/2 does not allow the header "${field}"`
  const three = [refused('a:b'), refused(':authority: no\\u0001host'), 'x']
  const expected = [...three, ...three, ...three]
  assert.deepEqual(await round(), expected, 'those that have waited for the connection')
  const long = client.many('x')
  long.on('error', () => {})
  assert.deepEqual(await round(), expected, 'beside another')
  long.cancel()
})

test('a call that was refused unprocessed ends when its channel is closed', { timeout: 60_000 }, async (t) => {
  const server = http2.createServer()
  let client
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    client.close()
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  client = connect(t, grpc, server.address().port)
  await assert.rejects(one(client, 'x'), { code: status.UNAVAILABLE })
})

test('metadata that are too large for the server', async (t) => {
  const { port } = await serve(t, grpc, { one: ({ request }, callback) => callback(null, request), many() {} })
  const client = connect(t, grpc, port)
  for (const length of [70_000, 200_000]) {
    const metadata = new grpc.Metadata()
    metadata.set('big', 'x'.repeat(length))
    await assert.rejects(one(client, 'x', metadata), { code: status.RESOURCE_EXHAUSTED })
    await assert.rejects(once(client.many('x', metadata), 'metadata'), { code: status.RESOURCE_EXHAUSTED })
  }
  assert.equal(await one(client, 'x'), 'x')
})

test('calls fail at once when the server breaks the protocol', async (t) => {
  for (const reads of [true, false]) {
    const sockets = []
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
      let said = 0
      socket.on('data', (bytes) => {
        // The HEADERS of the call have arrived: answer with DATA on stream 0, which is an error.
        said += bytes.length
        if (said < 100) return
        if (!reads) socket.pause()
        socket.write(Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 0, 120]))
      })
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const client = connect(t, grpc, server.address().port)
    const call = () => one(client, 'x', { deadline: Date.now() + 4000 })
    await assert.rejects(call(), { code: status.UNAVAILABLE, details: 'Connection dropped' })
    await assert.rejects(call(), { code: status.UNAVAILABLE })
    assert.equal(sockets.length, 2, 'the next call has a connection of its own')
  }
})

test('unread messages are limited per connection', { timeout: 60_000 }, async (t) => {
  const ended = []
  const handlers = {
    one: ({ request }, callback) => callback(null, request),
    gather: (call) => call.on('cancelled', () => ended.push('gather')).on('error', () => {}),
    many(call) {
      for (let i = 0; i < 1000; i++) call.write('')
      if (call.request === 'end') call.end()
    },
  }
  const { port, server } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  await one(client, 'x')
  const links = [...server[kLinks], client.getChannel().picker.pick()]
  // The default limit would take a test too long to reach.
  for (const link of links) link.unread.limit = 100_000
  const written = new Promise((resolve) => {
    const call = client.gather(resolve)
    for (let i = 0; i < 1000; i++) call.write('')
  })
  assert.equal((await written).code, status.RESOURCE_EXHAUSTED)
  assert.deepEqual(ended, ['gather'])
  const stream = client.many('x')
  await assert.rejects(once(stream, 'status'), { code: status.RESOURCE_EXHAUSTED })
  for (const link of links) link.unread.limit = 1_000_000
  const read = client.many('end')
  let count = 0
  for await (const _ of read) count++
  assert.equal(count, 1000)
  const forgotten = client.many('end')
  await once(forgotten, 'metadata')
  while (links[1].calls.size > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(forgotten.call.inbox.waiting.length > 0)
  assert.equal(await one(client, 'x'), 'x')
  assert.deepEqual(
    links.map(({ unread: { bytes, fresh } }) => [bytes, fresh.length]),
    [
      [0, 0],
      [0, 0],
    ],
  )
})

test('a waiting message does not keep the memory of its batch', async (t) => {
  let reader
  const handlers = {
    one: ({ request }, callback) => callback(null, String(request.length)),
    gather(call, callback) {
      reader = call
      const read = []
      call.on('end', () => callback(null, read.join()))
      call.go = () => call.on('data', (message) => read.push(message))
    },
  }
  const { port, server } = await serve(t, grpc, handlers)
  const client = connect(t, grpc, port)
  const call = client.gather()
  const expected = []
  for (let i = 0; i < 40; i++) {
    expected.push(`message ${i}`)
    call.write(expected[i])
    assert.equal(await one(client, 'x'.repeat(20_000)), '20000')
  }
  const { waiting } = reader.call.inbox
  assert.ok(waiting.length > 5, 'more than the stream itself takes')
  const places = new Set(waiting.map(({ bytes }) => bytes.buffer))
  assert.ok(
    places.size < waiting.length / 2,
    `${waiting.length} messages are copied together, not each left in its batch`,
  )
  reader.go()
  call.end()
  assert.equal(await call.response, expected.join())
  for (const { unread } of server[kLinks]) assert.deepEqual([unread.bytes, unread.fresh.length], [0, 0])
})

test('a call keeps the process running, an idle client does not', async (t) => {
  const { port } = await serve(t, grpc, { one: ({ request }, callback) => setTimeout(callback, 50, null, request) })
  const script = `
    const grpc = require(${index})
    const client = new grpc.Client('127.0.0.1:${port}', grpc.credentials.createInsecure())
    client.makeUnaryRequest('/test.Texts/One', Buffer.from, String, 'x', (error, value) => console.log(error, value))`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 60_000 })
  assert.equal(stdout.trim(), 'null x')
})

test('nothing is left when servers and clients have ended', async (t) => {
  const before = usage()
  const handlers = {
    one: ({ request }, callback) => callback(null, request),
    many(call) {
      call.write('x')
    },
  }
  const { port, server } = await serve(t, grpc, handlers)
  const clients = Array.from({ length: 10 }, () => connect(t, grpc, port))
  await Promise.all(clients.map((client) => one(client, 'x')))
  const calls = clients.map((client) => client.many('x').on('error', () => {}))
  await Promise.all(calls.map((call) => new Promise((resolve) => call.once('data', resolve))))
  for (const call of calls) call.cancel()
  for (const client of clients) client.close()
  await new Promise((resolve) => server.tryShutdown(resolve))
  while (usage().slots > before.slots) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(usage().slots <= before.slots)
})

test('a server at a path', { skip: process.platform === 'win32' }, async (t) => {
  const place = path.join(os.tmpdir(), `ironwire-grpc-${process.pid}.sock`)
  const server = new grpc.Server()
  t.after(() => server.forceShutdown())
  server.addService(service, { one: ({ request }, callback) => callback(null, request) })
  await bind(grpc, server, `unix:${place}`)
  const Client = grpc.makeClientConstructor(service, 'Texts')
  const client = new Client(`unix:${place}`, grpc.credentials.createInsecure())
  t.after(() => client.close())
  assert.equal(await one(client, 'x'), 'x')
})

test('a port that is in use, and one that was unbound', async (t) => {
  const { port, server } = await serve(t, grpc, { one: ({ request }, callback) => callback(null, request) })
  const other = new grpc.Server()
  await assert.rejects(
    bind(grpc, other, `127.0.0.1:${port}`),
    /No address added out of total 1 resolved errors: .*EADDRINUSE/,
  )
  assert.equal(await bind(grpc, server, `127.0.0.1:${port}`), port, 'the same server says where it is')
  server.unbind(`127.0.0.1:${port}`)
  const client = connect(t, grpc, port)
  await assert.rejects(one(client, 'x'), { code: status.UNAVAILABLE })
})

test('each port 0 becomes a different port, also at the same time', {
  skip: missing,
}, async (t) => {
  for (const module of [grpc, peer]) {
    const { port, server } = await serve(t, module, { one: ({ request }, callback) => callback(null, request) })
    const ports = await Promise.all([1, 2, 3].map(() => bind(module, server)))
    assert.equal(new Set([port, ...ports]).size, 4)
    for (const found of ports) assert.equal(await one(connect(t, grpc, found), 'x'), 'x')
  }
  const other = new grpc.Server()
  const cancelled = assert.rejects(bind(grpc, other), /cancelled/)
  other.forceShutdown()
  await cancelled
})

test('a method that was removed', async (t) => {
  const { port, server } = await serve(t, grpc, { one: ({ request }, callback) => callback(null, request) })
  const client = connect(t, grpc, port)
  await one(client, 'x')
  server.removeService(service)
  await assert.rejects(one(client, 'x'), {
    code: status.UNIMPLEMENTED,
    details: 'The server does not implement the method /test.Texts/One',
  })
})

test('a child call ends with its parent', async (t) => {
  let inner
  const backend = await serve(t, grpc, {
    one(call) {
      call.on('cancelled', () => inner.ended(call.getDeadline()))
    },
  })
  const ended = new Promise((resolve) => {
    inner = { ended: resolve }
  })
  const through = connect(t, grpc, backend.port)
  const front = await serve(t, grpc, { one: (call, callback) => through.one('x', { parent: call }, callback) })
  const client = connect(t, grpc, front.port)
  // A call that takes too long to connect reaches no handler.
  for (const one of [through, client]) await new Promise((resolve) => one.waitForReady(Infinity, resolve))
  const deadline = Date.now() + 500
  await assert.rejects(one(client, 'x', { deadline }), { code: status.DEADLINE_EXCEEDED })
  assert.ok((await ended) <= deadline + 1000)
})

test('missing features throw an error', () => {
  const code = 'IRONWIRE_GRPC_UNSUPPORTED'
  const insecure = grpc.credentials.createInsecure()
  assert.throws(() => new grpc.Client('xds:///x', insecure), { code })
  assert.throws(() => new grpc.Server({ 'grpc-node.max_session_memory': 10 }), { code })
})

test('a handler that awaits a settled promise continues before it gets messages', async (t) => {
  const notes = []
  const { port } = await serve(t, grpc, {
    async gather(call, callback) {
      call.on('data', (word) => notes.push(word))
      call.on('end', () => callback(null, 'all'))
      await null
      notes.push('awaited')
    },
  })
  const client = connect(t, grpc, port)
  await new Promise((resolve, reject) =>
    client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
  )
  // All of it arrives in one read.
  const call = client.gather()
  call.write('a')
  call.end('b')
  assert.equal(await call.response, 'all')
  assert.deepEqual(notes, ['awaited', 'a', 'b'])
})
