'use strict'

// Connection injectors: connections that a server has not accepted itself. The server is ours or that of @grpc/grpc-js.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const tls = require('node:tls')
const { test } = require('node:test')
const { net: ourNet } = require('../..')
const { usage } = require('../../lib/engine.js')
const { ca, identity, pairs } = require('./secure.js')
const { grpc, peer, missing, service, connect } = require('./support.js')
const { kLinks } = require('../../lib/grpc/symbols.js')

const { status } = grpc
const modules = [['ours', grpc], ...(missing ? [] : [['@grpc/grpc-js', peer]])]
const handlers = {
  one: (call, callback) => callback(null, `${call.request} of ${call.getPeer()}`),
  many() {},
  gather() {},
  chat(call) {
    call.on('data', (message) => call.write(message))
    call.on('end', () => call.end())
  },
}
const one = (client, text = 'x') =>
  new Promise((resolve, reject) => client.one(text, (error, value) => (error ? reject(error) : resolve(value))))

/** A server without a port and its injector, until the test ends. */
function serverOf(t, module, credentials = module.ServerCredentials.createInsecure(), options = {}) {
  const server = new module.Server(options)
  server.addService(service, handlers)
  t.after(() => server.forceShutdown())
  return { server, injector: server.createConnectionInjector(credentials) }
}

/** A `net` server that passes its sockets to `take`. Returns its port. */
async function listening(t, take, make = net.createServer) {
  const sockets = new Set()
  const server = make((socket) => {
    sockets.add(socket)
    take(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return server.address().port
}

/** The status code with which a call ends. */
const ending = (call) => new Promise((resolve) => call.on('error', () => {}).on('status', ({ code }) => resolve(code)))

async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1))
}

for (const [name, module] of modules) {
  test(`${name}: sockets of another server`, async (t) => {
    const { injector } = serverOf(t, module)
    let closed
    const port = await listening(t, (socket) => {
      closed = once(socket, 'close')
      injector.injectConnection(socket)
    })
    const client = connect(t, grpc, port)
    assert.match(await one(client), /^x of 127\.0\.0\.1:\d+$/)
    const call = client.chat()
    const over = ending(call)
    call.end('x'.repeat(1 << 20))
    const [message] = await once(call, 'data')
    assert.equal(message.length, 1 << 20)
    assert.equal(await over, status.OK)
    client.close()
    await closed
  })

  test(`${name}: TLS over them`, async (t) => {
    const { injector } = serverOf(t, module, module.ServerCredentials.createSsl(null, pairs(identity)))
    const port = await listening(t, (socket) => injector.injectConnection(socket))
    const Client = grpc.makeClientConstructor(service, 'Texts')
    const client = new Client(`localhost:${port}`, grpc.credentials.createSsl(ca), {
      'grpc.use_local_subchannel_pool': 1,
    })
    t.after(() => client.close())
    assert.match(await one(client), /^x of /)
  })

  test(`${name}: streams whose TLS is the program's`, async (t) => {
    const { injector } = serverOf(t, module)
    const make = (take) => tls.createServer({ ...identity, ALPNProtocols: ['h2'] }, take)
    const port = await listening(t, (socket) => injector.injectConnection(socket), make)
    const Client = grpc.makeClientConstructor(service, 'Texts')
    const client = new Client(`localhost:${port}`, grpc.credentials.createSsl(ca), {
      'grpc.use_local_subchannel_pool': 1,
    })
    t.after(() => client.close())
    assert.match(await one(client), /^x of 127\.0\.0\.1:\d+$/)
  })

  test(`${name}: a server that is shut down lets calls end`, async (t) => {
    const { server, injector } = serverOf(t, module)
    const port = await listening(t, (socket) => injector.injectConnection(socket))
    const client = connect(t, grpc, port)
    const call = client.chat()
    const over = ending(call)
    call.write('a')
    await once(call, 'data')
    const shut = new Promise((resolve) => server.tryShutdown(resolve))
    call.end('b')
    assert.deepEqual(await once(call, 'data'), ['b'])
    assert.equal(await over, status.OK)
    client.close()
    assert.equal(await shut, undefined)
  })

  test(`${name}: drain() ends calls that take too long`, async (t) => {
    const { injector } = serverOf(t, module)
    const port = await listening(t, (socket) => injector.injectConnection(socket))
    const client = connect(t, grpc, port, { 'grpc.enable_retries': 0 })
    const call = client.chat()
    const code = ending(call)
    call.write('a')
    await once(call, 'data')
    injector.drain(10)
    call.resume()
    assert.equal(await code, status.CANCELLED)
    // The injector takes further connections.
    await until(() =>
      one(client).then(
        () => true,
        () => false,
      ),
    )
  })

  test(`${name}: invalid credentials`, (t) => {
    const server = new module.Server()
    t.after(() => server.forceShutdown())
    for (const wrong of [null, {}]) assert.throws(() => server.createConnectionInjector(wrong), TypeError)
  })
}

test('sockets of ironwire’s net, and nothing is left over', async (t) => {
  const { injector } = serverOf(t, grpc)
  const port = await listening(t, (socket) => injector.injectConnection(socket), ourNet.createServer)
  // Connections of earlier tests may still be closing.
  const before = usage().slots
  for (let round = 0; round < 5; round++) {
    const client = connect(undefined, grpc, port)
    assert.match(await one(client), /^x of 127\.0\.0\.1:\d+$/)
    client.close()
  }
  await until(() => usage().slots <= before)
})

test('unread bytes of a stream, a destroyed stream, and a destroyed injector', async (t) => {
  const { server, injector } = serverOf(t, grpc)
  const port = await listening(t, (socket) => {
    socket.once('data', (first) => {
      socket.pause()
      socket.unshift(first)
      injector.injectConnection(socket)
    })
  })
  const client = connect(t, grpc, port, { 'grpc.initial_reconnect_backoff_ms': 10 })
  assert.match(await one(client), /^x of /)
  const gone = new net.Socket()
  gone.destroy()
  injector.injectConnection(gone)
  assert.equal(server[kLinks].size, 1)
  injector.destroy()
  injector.destroy()
  await until(() => server[kLinks].size === 0)
  await assert.rejects(one(client), { code: status.UNAVAILABLE })
  assert.equal(server[kLinks].size, 0)
})

test('a stream that is destroyed during a call ends the call', async (t) => {
  let tell
  const cancelled = new Promise((resolve) => {
    tell = resolve
  })
  const server = new grpc.Server()
  t.after(() => server.forceShutdown())
  const chat = (call) => call.on('cancelled', tell).on('data', (text) => call.write(text))
  server.addService(service, { ...handlers, chat })
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
  let socket
  const port = await listening(t, (accepted) => {
    socket = accepted
    injector.injectConnection(accepted)
  })
  const call = connect(t, grpc, port, { 'grpc.enable_retries': 0 }).chat()
  const code = ending(call)
  call.write('a')
  await once(call, 'data')
  socket.destroy()
  call.resume()
  assert.equal(await code, status.UNAVAILABLE)
  await cancelled
})
