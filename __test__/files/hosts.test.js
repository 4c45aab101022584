'use strict'

// Where serveStatic stands: on servers of ours and of Node's, HTTP/2, TLS, in mocks; below middleware that hooks into the response.

const assert = require('node:assert')
const { AsyncLocalStorage } = require('node:async_hooks')
const { execFileSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const http2 = require('node:http2')
const https = require('node:https')
const net = require('node:net')
const path = require('node:path')
const { once } = require('node:events')
const { test } = require('node:test')
const express = require('express')
const inject = require('light-my-request')
const ironwire = require('ironwire')
const { kConnection } = require('../../lib/http/install.js')
const { native } = require('../../lib/engine.js')
const { randomOf } = require('../chance')
const { listen, makeTree, request, until } = require('./support')

const rng = randomOf(7)
const LARGE = Buffer.from(Array.from({ length: 3_000_000 }, () => Math.floor(rng() * 256)))
const FILES = { 'a.txt': 'content', 'empty.txt': '', 'large.bin': LARGE, 'sub/index.html': 'INDEX' }
const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex')

const orNotFound = (serve) => (req, res) => {
  serve(req, res, (error) => {
    res.statusCode = error ? error.status : 404
    res.end(error ? String(error.message) : 'next')
  })
}

test('HTTP/2 with the compatibility API', async (t) => {
  const server = http2.createServer(orNotFound(ironwire.serveStatic(makeTree(t, FILES))))
  const port = await listen(t, server)
  const client = http2.connect(`http://127.0.0.1:${port}`)
  client.on('error', () => {})
  const get = async (path, headers = {}, method = 'GET') => {
    const stream = client.request({ ':path': path, ':method': method, ...headers })
    const [response] = await once(stream, 'response')
    const chunks = []
    for await (const chunk of stream) chunks.push(chunk)
    return { status: response[':status'], headers: response, body: Buffer.concat(chunks) }
  }
  const small = await get('/a.txt')
  assert.deepStrictEqual([small.status, small.body.toString(), small.headers['content-length']], [200, 'content', '7'])
  const large = await get('/large.bin')
  assert.deepStrictEqual([large.status, digest(large.body)], [200, digest(LARGE)])
  const part = await get('/large.bin', { range: 'bytes=1000-2000999' })
  assert.deepStrictEqual([part.status, digest(part.body)], [206, digest(LARGE.subarray(1000, 2_001_000))])
  assert.strictEqual((await get('/a.txt', { 'if-none-match': small.headers.etag })).status, 304)
  assert.deepStrictEqual([(await get('/a.txt', {}, 'HEAD')).body.length, (await get('/none')).status], [0, 404])
  assert.strictEqual((await get('/sub')).headers.location, '/sub/')
  // Many at once, and some that are given up.
  const all = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      if (i % 4) return digest((await get('/large.bin')).body)
      const stream = client.request({ ':path': '/large.bin' })
      await once(stream, 'data')
      stream.close(http2.constants.NGHTTP2_CANCEL)
      await once(stream, 'close')
      return digest(LARGE)
    }),
  )
  assert.deepStrictEqual([...new Set(all)], [digest(LARGE)])
})

test('TLS', async (t) => {
  const root = makeTree(t, FILES)
  const [key, cert] = [path.join(root, '..', 'key.pem'), path.join(root, '..', 'cert.pem')]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
    ],
    { stdio: 'ignore' },
  )
  const options = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) }
  const port = await listen(t, https.createServer(options, orNotFound(ironwire.serveStatic(root))))
  const [res] = await once(
    https.get({ port, host: '127.0.0.1', path: '/large.bin', rejectUnauthorized: false, agent: false }),
    'response',
  )
  const chunks = []
  for await (const chunk of res) chunks.push(chunk)
  assert.strictEqual(digest(Buffer.concat(chunks)), digest(LARGE))
})

test('a mock of requests (light-my-request)', async (t) => {
  const serve = orNotFound(ironwire.serveStatic(makeTree(t, FILES)))
  const large = await inject(serve, '/large.bin')
  assert.deepStrictEqual([large.statusCode, digest(large.rawPayload)], [200, digest(LARGE)])
  const part = await inject(serve, { url: '/a.txt', headers: { range: 'bytes=-3' } })
  assert.deepStrictEqual([part.statusCode, part.payload], [206, 'ent'])
  assert.strictEqual((await inject(serve, '/nothing')).payload, 'next')
})

test('pipelined responses are sent together', async (t) => {
  const serve = ironwire.serveStatic(makeTree(t, FILES))
  const queued = []
  let atOnce = false
  const server = ironwire.http.createServer((req, res) => {
    serve(req, res)
    atOnce = res.writableEnded
    queued.push(native.queued(res._onPendingData[kConnection].id))
  })
  const port = await listen(t, server)
  // What is known of the file is answered within the handler's call.
  await until(async () => (await request(port, '/a.txt')).status === 200 && atOnce)
  queued.length = 0
  const socket = net.connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write('GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3))
  let text = ''
  while (text.split('content').length < 4) text += (await once(socket, 'data'))[0]
  assert.ok(queued[0] > 0 && queued[1] === 2 * queued[0] && queued[2] === 3 * queued[0], queued.join())
})

for (const [name, createServer] of [
  ['ironwire', ironwire.http.createServer],
  ['node:http', http.createServer],
]) {
  test(`large files and ranges on ${name}, pipelined and kept alive`, async (t) => {
    const port = await listen(t, createServer(orNotFound(ironwire.serveStatic(makeTree(t, FILES)))))
    assert.strictEqual(digest((await request(port, '/large.bin')).body), digest(LARGE))
    const part = await request(port, '/large.bin', { headers: { Range: 'bytes=1000000-' } })
    assert.deepStrictEqual([part.status, digest(part.body)], [206, digest(LARGE.subarray(1_000_000))])
    // Ten on one connection, small and large by turns, asked for in one go.
    const socket = net.connect(port, '127.0.0.1')
    const targets = Array.from(
      { length: 10 },
      (_, i) => ['/large.bin', '/a.txt', '/none', '/empty.txt', '/sub/'][i % 5],
    )
    const last = targets.length - 1
    socket.write(
      targets
        .map((target, i) => `GET ${target} HTTP/1.1\r\nHost: x\r\n${i === last ? 'Connection: close\r\n' : ''}\r\n`)
        .join(''),
    )
    const chunks = []
    for await (const chunk of socket) chunks.push(chunk)
    let rest = Buffer.concat(chunks)
    const bodies = {
      '/large.bin': LARGE,
      '/a.txt': Buffer.from('content'),
      '/none': Buffer.from('next'),
      '/empty.txt': Buffer.alloc(0),
      '/sub/': Buffer.from('INDEX'),
    }
    for (const target of targets) {
      const end = rest.indexOf('\r\n\r\n') + 4
      const length = Number(/content-length: (\d+)/i.exec(rest.subarray(0, end).toString())[1])
      assert.strictEqual(digest(rest.subarray(end, end + length)), digest(bodies[target]), target)
      rest = rest.subarray(end + length)
    }
    assert.strictEqual(rest.length, 0)
  })

  test(`responses with replaced methods, on ${name}`, async (t) => {
    const serve = ironwire.serveStatic(makeTree(t, FILES))
    const seen = []
    const port = await listen(
      t,
      createServer((req, res) => {
        const { searchParams } = new URL(req.url, 'http://localhost')
        const hook = searchParams.get('hook')
        if (hook === 'write') {
          // As compression does: the body goes through somebody's hands.
          const { write, end } = res
          const parts = []
          res.write = (chunk) => {
            parts.push(chunk)
            return true
          }
          res.end = (chunk) => {
            if (chunk) parts.push(chunk)
            const whole = Buffer.from(Buffer.concat(parts).toString('latin1').toUpperCase(), 'latin1')
            res.removeHeader('Content-Length')
            write.call(res, whole)
            return end.call(res)
          }
        } else if (hook === 'head') {
          // As on-headers does.
          const { writeHead } = res
          res.writeHead = function (...args) {
            res.setHeader('X-Time', 'now')
            return writeHead.apply(res, args)
          }
        } else if (hook === 'events') {
          res.on('prefinish', () => seen.push('prefinish'))
          for (const event of ['finish', 'close']) res.on(event, () => seen.push(`${event} ${res.writableFinished}`))
        } else if (hook === 'vary') res.setHeader('Vary', 'Origin')
        orNotFound(serve)(req, res)
      }),
    )
    assert.strictEqual((await request(port, '/a.txt?hook=write')).body.toString(), 'CONTENT')
    const large = await request(port, '/large.bin?hook=write')
    assert.strictEqual(digest(large.body), digest(Buffer.from(LARGE.toString('latin1').toUpperCase(), 'latin1')))
    for (const target of ['/a.txt', '/large.bin', '/empty.txt', '/sub']) {
      assert.strictEqual((await request(port, `${target}?hook=head`)).headers['x-time'], 'now', target)
    }
    for (const target of ['/a.txt', '/large.bin', '/empty.txt', '/sub', '/none']) {
      seen.length = 0
      await request(port, `${target}?hook=events`)
      await until(() => seen.length === 3)
      assert.deepStrictEqual(seen.slice(0, 3), ['prefinish', 'finish true', 'close true'], target)
    }
  })

  test(`a client that disconnects in the middle, on ${name}`, async (t) => {
    const root = makeTree(t, { 'huge.bin': Buffer.alloc(64 * 2 ** 20, 1) })
    const serve = ironwire.serveStatic(root)
    const events = []
    const port = await listen(
      t,
      createServer((req, res) => {
        res.on('finish', () => events.push('finish'))
        res.on('close', () => events.push(`close ${res.writableFinished}`))
        orNotFound(serve)(req, res)
      }),
    )
    // The folder itself stays open.
    await request(port, '/none')
    events.length = 0
    const openFiles = () => fs.readdirSync('/proc/self/fd').length
    const before = process.platform === 'linux' ? openFiles() : 0
    const COUNT = 30
    for (let i = 0; i < COUNT; i++) {
      const socket = net.connect(port, '127.0.0.1')
      socket.write('GET /huge.bin HTTP/1.1\r\nHost: x\r\n\r\n')
      await once(socket, 'data')
      socket.destroy()
    }
    await until(() => events.length >= COUNT)
    assert.deepStrictEqual(events, Array(COUNT).fill('close false'))
    // One may be kept, for the next who asks.
    if (process.platform === 'linux') await until(() => openFiles() <= before + 1)
  })
}

test('AsyncLocalStorage survives reading from the disk', async (t) => {
  const storage = new AsyncLocalStorage()
  const seen = []
  const root = makeTree(t, { 'a.txt': 'a' })
  for (const createServer of [ironwire.http.createServer, http.createServer]) {
    const serve = ironwire.serveStatic(root, { setHeaders: () => seen.push(storage.getStore()) })
    const port = await listen(
      t,
      createServer((req, res) => {
        storage.run(req.url, () => {
          serve(req, res, () => {
            seen.push(storage.getStore())
            res.end()
          })
        })
      }),
    )
    for (const target of ['/a.txt', '/none', '/a.txt', '/none']) {
      await request(port, target)
      assert.deepStrictEqual(seen.splice(0), [target])
    }
  }
})

test('exceptions in setHeaders and in replaced methods go to next()', async (t) => {
  const root = makeTree(t, { 'a.txt': 'a' })
  const setHeaders = () => {
    throw new Error('mine')
  }
  const serve = ironwire.serveStatic(root, { setHeaders })
  const port = await listen(
    t,
    ironwire.http.createServer((req, res) => {
      serve(req, res, (error) => res.end(`next: ${error?.message}`))
    }),
  )
  for (let i = 0; i < 3; i++) assert.strictEqual((await request(port, '/a.txt')).body.toString(), 'next: mine')
})

test('a setHeaders that sends the response', async (t) => {
  const root = makeTree(t, { 'a.txt': 'a' })
  const setHeaders = (res) => {
    res.statusCode = 402
    res.end('pay first')
  }
  const port = await listen(t, ironwire.http.createServer(orNotFound(ironwire.serveStatic(root, { setHeaders }))))
  for (let i = 0; i < 3; i++) {
    const { status, body } = await request(port, '/a.txt')
    assert.deepStrictEqual([status, body.toString()], [402, 'pay first'])
  }
})

test('Express: mounted, with routers, after and before other middleware', async (t) => {
  const app = express()
  const root = makeTree(t, FILES)
  app.use((_req, res, next) => {
    res.setHeader('Vary', 'Origin')
    res.append('Set-Cookie', 'session=1')
    next()
  })
  app.use('/static', ironwire.serveStatic(root, { precompressed: true, maxAge: '1h' }))
  const router = express.Router()
  router.use('/deep', ironwire.serveStatic(root, { fallthrough: false }))
  app.use('/router', router)
  app.get('/other', (_req, res) => res.send('route'))
  app.use((error, _req, res, _next) => res.status(error.status).send(`handled ${error.status}`))
  for (const createServer of [ironwire.http.createServer, http.createServer]) {
    const port = await listen(t, createServer(app))
    const file = await request(port, '/static/a.txt')
    assert.strictEqual(file.body.toString(), 'content')
    assert.deepStrictEqual(
      [file.headers.vary, file.headers['set-cookie'], file.headers['cache-control'], file.headers['x-powered-by']],
      ['Origin, Accept-Encoding', 'session=1', 'public, max-age=3600', 'Express'],
    )
    assert.strictEqual(digest((await request(port, '/static/large.bin')).body), digest(LARGE))
    assert.strictEqual((await request(port, '/static/sub')).headers.location, '/static/sub/')
    assert.strictEqual((await request(port, '/static')).headers.location, '/static/')
    assert.strictEqual((await request(port, '/router/deep/sub?a=b')).headers.location, '/router/deep/sub/?a=b')
    assert.strictEqual((await request(port, '/router/deep/sub/')).body.toString(), 'INDEX')
    assert.strictEqual((await request(port, '/router/deep/none')).body.toString(), 'handled 404')
    assert.strictEqual(
      (await request(port, '/router/deep/a.txt', { headers: { 'If-Match': '"x"' } })).body.toString(),
      'handled 412',
    )
    assert.strictEqual((await request(port, '/other')).body.toString(), 'route')
    assert.strictEqual((await request(port, '/static/none')).status, 404)
  }
})
