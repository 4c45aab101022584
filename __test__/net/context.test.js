'use strict'

// Asynchronous contexts: what Node's own sockets and servers show, ours do.

const test = require('node:test')
const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const { execFileSync } = require('node:child_process')
const diagnostics = require('node:diagnostics_channel')
const { once } = require('node:events')
const path = require('node:path')
const node = { net: require('node:net'), http: require('node:http') }
const ironwire = require('../../index.js')

const storage = new AsyncLocalStorage()

/** What a client's events see that was made in `client`, and a connection listener of a server that listens in `server`. */
async function trace({ net }) {
  const seen = []
  const note = (event) => seen.push(`${event} ${storage.getStore()}`)
  const server = net.createServer((socket) => {
    note('connection')
    socket.resume().end('x')
  })
  storage.run('server', () => server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((resolve) => {
    storage.run('client', () => {
      const socket = net.connect(port, '127.0.0.1', () => note('connect'))
      for (const event of ['data', 'end', 'close']) socket.on(event, () => note(event))
      socket.write('y', () => note('written'))
      socket.on('close', resolve)
    })
  })
  server.close()
  await once(server, 'close')
  return seen.sort()
}

test('listeners run in the async context in which the socket or server was made', async () => {
  const expected = await trace(node)
  assert.ok(expected.includes('data client') && expected.includes('connection server'))
  assert.deepEqual(await trace(ironwire), expected)
})

test('without a context, listeners have none', async () => {
  const server = ironwire.net.createServer((socket) => socket.resume().end(String(storage.getStore())))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = storage.run('client', () => ironwire.net.connect(server.address().port, '127.0.0.1'))
  assert.equal(String(await once(socket, 'data')), 'undefined')
  server.close()
})

for (const [name, { http }] of Object.entries({ node, ironwire })) {
  test(`http handlers run in the async context of listen(), with ${name}`, async (t) => {
    const server = http.createServer((_req, res) => {
      const store = storage.getStore()
      // Must not reach the next request on this connection.
      if (name === 'ironwire') storage.enterWith('entered')
      setImmediate(() => res.end(String(store)))
    })
    storage.run('server', () => server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    const agent = new node.http.Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => {
      agent.destroy()
      server.close()
    })
    for (let i = 0; i < 3; i++) {
      const [res] = await once(node.http.get({ port: server.address().port, agent }), 'response')
      let body = ''
      for await (const chunk of res) body += chunk
      assert.equal(body, 'server')
    }
  })
}

/** What a program prints that runs on its own, with `ironwire` as a variable. */
const run = (program, ...flags) =>
  execFileSync(process.execPath, [...flags, '-e', `const ironwire = require('./index.js')\n${program}`], {
    cwd: path.join(__dirname, '..', '..'),
    encoding: 'utf8',
  })

// Otherwise each connection of a server would keep that context, and run its listeners in it.
test('loading a module leaves the context of the program empty', () => {
  const printed = run(`
    const { AsyncResource } = require('node:async_hooks')
    for (const name of Object.keys(ironwire)) for (const part of Object.keys(ironwire[name])) void ironwire[name][part]
    const server = ironwire.http.createServer().listen(0, () => server.close())
    const resource = new AsyncResource('sample')
    const contexts = Object.getOwnPropertySymbols(resource).filter(({ description }) => !description.endsWith('id_symbol'))
    console.log(contexts.map((symbol) => resource[symbol]).filter((context) => context !== undefined))
  `)
  assert.equal(printed, '[]\n')
})

for (const flag of ['--no-async-context-frame', '--experimental-async-context-frame']) {
  const skip = !process.allowedNodeEnvironmentFlags.has(flag)
  test(`contexts with ${flag}`, { skip }, () => {
    const printed = run(
      `
      const storage = new (require('node:async_hooks').AsyncLocalStorage)()
      const server = ironwire.http.createServer((_req, res) => res.end(storage.getStore()))
      storage.run('server', () => server.listen(0, '127.0.0.1', () => {
        storage.exit(() => require('node:http').get({ port: server.address().port, agent: false }, (res) => {
          res.on('data', (body) => console.log(String(body))).on('end', () => server.close())
        }))
      }))
      `,
      flag,
    )
    assert.equal(printed, 'server\n')
  })
}

const CHANNELS = [
  'net.client.socket',
  'net.server.socket',
  'tracing:net.server.listen:asyncStart',
  'tracing:net.server.listen:asyncEnd',
  'tracing:net.server.listen:error',
]

/** Which diagnostics channels are told of a connection and of a listen() that fails, with which fields. */
async function published({ net }) {
  const seen = []
  const listeners = CHANNELS.map((name) => [name, (message) => seen.push(`${name} ${Object.keys(message).sort()}`)])
  for (const [name, listener] of listeners) diagnostics.subscribe(name, listener)
  const server = net.createServer((socket) => socket.resume().end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect(server.address().port, '127.0.0.1').resume()
  await once(socket, 'close')
  const second = net.createServer().listen(server.address().port, '127.0.0.1')
  await once(second, 'error')
  server.close()
  await once(server, 'close')
  for (const [name, listener] of listeners) diagnostics.unsubscribe(name, listener)
  return seen
}

test('Node’s diagnostics channels are published', async () => {
  const expected = await published(node)
  assert.ok(expected.length >= 5)
  assert.deepEqual((await published(ironwire)).sort(), expected.sort())
})

test('an invalid descriptor causes Node’s error', () => {
  for (const fd of [-1, 99_999, 1.5, 2 ** 32, Number.NaN, '1', null]) {
    let expected
    try {
      new node.net.Socket({ fd })
    } catch (error) {
      expected = { code: error.code, message: error.message }
    }
    assert.throws(() => new ironwire.net.Socket({ fd }), expected)
  }
})
