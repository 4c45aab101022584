'use strict'

// The client over TLS: by rustls, by Node's TLS where rustls has no answer, and over sockets that there are already.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const core = require('node:http2')
const path = require('node:path')
const test = require('node:test')
const tls = require('node:tls')
const { ca, identity, of } = require('../https/support.js')
const { http2: ours } = require('../..')
const { connectHttp2 } = require('../../lib/tls/connect.js')

/** A server of Node's that echoes, for as long as `use` takes. */
async function serve(options, use) {
  const server = core.createSecureServer({ ...identity, ...options })
  const sessions = new Set()
  server.on('session', (session) => sessions.add(session.on('error', () => {})))
  server.on('tlsClientError', () => {})
  server.on('sessionError', () => {})
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    stream.session.origin('https://example.org')
    stream.respond({ 'x-path': headers[':path'], 'x-authority': headers[':authority'].replace(/\d+/, 'PORT') })
    stream.pipe(stream)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  try {
    return await use(server.address().port, server)
  } finally {
    const closed = once(server, 'close')
    server.close()
    for (const session of sessions) session.destroy()
    await closed
  }
}

/** Asks once, and returns what there is to see of it. */
async function ask(client, body = 'body') {
  const stream = client.request({ ':path': '/p', ':method': 'POST' })
  stream.end(body)
  const [headers] = await once(stream, 'response')
  const found = Buffer.concat(await stream.toArray())
  return [headers[':status'], headers['x-path'], headers['x-authority'], found.length, String(found.subarray(0, 10))]
}

async function leave(client) {
  const closed =
    client.destroyed && !client.socket ? undefined : new Promise((resolve) => client.once('close', resolve))
  client.close()
  await closed
}

async function same(options, clientOptions, look = () => {}) {
  const run = (module) =>
    serve(options, async (port) => {
      const client = module.connect(`https://localhost:${port}`, { ca, ...clientOptions })
      const origins = new Promise((resolve) => client.once('origin', resolve))
      const answer = await ask(client)
      const { alpnProtocol, encrypted, socket } = client
      const seen = [
        answer,
        await origins,
        alpnProtocol,
        encrypted,
        socket.authorized,
        socket.encrypted,
        socket.servername,
      ]
      seen.push(socket.alpnProtocol, socket.remoteFamily, socket.remotePort === port, await look(client))
      seen.push(client.originSet.map((origin) => origin.replace(port, 'PORT')))
      seen.push((await ask(client, Buffer.alloc(300_000, 'large'))).slice(3))
      await leave(client)
      return seen
    })
  const [found, expected] = [await run(ours), await run(core)]
  assert.deepEqual(found, expected)
  return found
}

test('requests over TLS', async () => {
  await same({}, {}, ({ socket }) => [socket.getProtocol(), socket.getPeerCertificate().subject.CN])
  await same({ maxVersion: 'TLSv1.2' }, {}, ({ socket }) => socket.getProtocol())
  await same({ requestCert: true, ca }, of('client'))
})

test('a server that needs Node’s TLS', async () => {
  // Neither is one of rustls's.
  await same(
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' },
    {},
    ({ socket }) => socket.getCipher().name,
  )
})

test('options that need Node’s TLS', async () => {
  await same({}, { ciphers: 'ECDHE-ECDSA-AES128-SHA256:TLS_AES_128_GCM_SHA256' })
})

test('a server whose certificate is not trusted', async () => {
  const attempt = (module, options) =>
    serve({}, async (port) => {
      const client = module.connect(`https://localhost:${port}`, options)
      const stream = client.request().on('error', () => {})
      const [error] = await once(client, 'error')
      return [error.code, stream.destroyed, client.destroyed]
    })
  for (const options of [{}, { ca, servername: 'example.org' }, { ca, checkServerIdentity: () => new Error('no') }]) {
    assert.deepEqual(await attempt(ours, options), await attempt(core, options))
  }
  await same({}, { ca: undefined, rejectUnauthorized: false })
})

test('a server that does not speak HTTP/2', async () => {
  for (const ALPNProtocols of [['http/1.1'], undefined]) {
    const attempt = async (module) => {
      const server = tls.createServer({ ...identity, ALPNProtocols }, (socket) => {
        socket.on('error', () => {}).resume()
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
      })
      server.on('tlsClientError', () => {})
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const client = module.connect(`https://localhost:${server.address().port}`, { ca })
      client.on('error', () => {})
      const stream = client.request()
      const [error] = await once(stream, 'error')
      await new Promise((resolve) => server.close(resolve))
      return error instanceof Error
    }
    assert.equal(await attempt(ours), await attempt(core))
  }
})

test('existing TLS sockets', async () => {
  const options = { ca, ALPNProtocols: ['h2'], host: '127.0.0.1', servername: 'localhost' }
  const opens = {
    'one of core': (port) => tls.connect({ port, ...options }),
    'one of ours': (port) => connectHttp2({ port, ...options }),
  }
  for (const [name, open] of Object.entries(opens)) {
    for (const early of [true, false]) {
      await serve({}, async (port) => {
        const socket = open(port)
        if (!early) await once(socket, 'secureConnect')
        const client = ours.connect(`https://localhost:${port}`, { createConnection: () => socket })
        const [status, , , , text] = await ask(client, name)
        assert.deepEqual([status, text], [200, name.slice(0, 10)])
        assert.equal(client.alpnProtocol, 'h2')
        await leave(client)
      })
    }
  }
})

test('TLS sessions are resumed', async () => {
  await serve({}, async (port) => {
    const first = ours.connect(`https://localhost:${port}`, { ca })
    const session = new Promise((resolve) => first.socket.once('session', resolve))
    await ask(first)
    const ticket = await session
    await leave(first)
    const second = ours.connect(`https://localhost:${port}`, { ca, session: ticket })
    await ask(second)
    assert.equal(second.socket.isSessionReused(), true)
    await leave(second)
  })
})

test('under ironwire/register, ironwire’s sessions use its sockets, and Node’s use Node’s', async () => {
  await serve({}, async (port) => {
    const program = `
      require(${JSON.stringify(path.join(__dirname, '..', '..', 'register.js'))})
      const { kState } = require(${JSON.stringify(path.join(__dirname, '..', '..', 'lib', 'http2', 'symbols.js'))})
      const http2 = require('node:http2')
      const tls = require('node:tls')
      const ca = ${JSON.stringify(String(ca))}
      const createConnection = () => tls.connect({ ca, port: ${port}, servername: 'localhost', ALPNProtocols: ['h2'] })
      const ask = async (options) => {
        const client = http2.connect('https://localhost:${port}', { ca, ...options })
        const stream = client.request({ ':method': 'POST' })
        stream.end('x')
        for await (const _ of stream);
        const ours = client[kState] !== undefined
        console.log(ours, client.alpnProtocol, client.socket.encrypted, client.socket.authorized)
        client.close()
      }
      ask({}).then(() => ask({ createConnection })).then(() => ask({ paddingStrategy: 1 }))`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = Buffer.concat(await child.stdout.toArray())
      .toString()
      .trim()
      .split('\n')
    assert.deepEqual(lines, ['true h2 true true', 'true h2 true true', 'false h2 true true'])
  })
})

test('ironwire’s server with its own client', async () => {
  const server = ours.createSecureServer(identity, (req, res) => {
    res.stream.additionalHeaders({ ':status': 103, link: '</a>' })
    req.pipe(res)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = ours.connect(`https://localhost:${server.address().port}`, { ca })
  for (let i = 0; i < 3; i++) {
    const bodies = await Promise.all([1, 70_000, 200_000].map((size) => ask(client, Buffer.alloc(size, 'x'))))
    assert.deepEqual(
      bodies.map(([, , , length]) => length),
      [1, 70_000, 200_000],
    )
  }
  await leave(client)
  await new Promise((resolve) => server.close(resolve))
})
