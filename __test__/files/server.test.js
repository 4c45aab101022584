'use strict'

// `createStaticServer`: a server of ironwire's in all that a server is, and the folder.

const assert = require('node:assert')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { once } = require('node:events')
const { test } = require('node:test')
const { pathToFileURL } = require('node:url')
const ironwire = require('ironwire')
const { exchange, listen, makeTree, parseResponse, request } = require('./support')

const { createStaticServer } = ironwire
const FILES = { 'index.html': 'INDEX', 'a.txt': 'content', 'sub/x.txt': 'x' }

test('is an http.Server, and takes its options', async (t) => {
  const server = createStaticServer(makeTree(t, FILES), { keepAliveTimeout: 1234, maxHeaderSize: 2000, maxAge: '1h' })
  assert.ok(server instanceof http.Server && server instanceof ironwire.http.Server && server instanceof net.Server)
  assert.strictEqual(server.keepAliveTimeout, 1234)
  const port = await listen(t, server)
  const { status, headers, body } = await request(port, '/a.txt')
  assert.deepStrictEqual([status, headers['cache-control'], body.toString()], [200, 'public, max-age=3600', 'content'])
  assert.match(headers.date, /GMT$/)
  assert.strictEqual((await request(port, '/a.txt', { headers: { 'X-Long': 'x'.repeat(3000) } })).status, 431)
})

test('answers requests that match no file', async (t) => {
  const port = await listen(t, createStaticServer(makeTree(t, FILES)))
  for (const [target, options, status, more] of [
    ['/', {}, 200, 'INDEX'],
    ['/none', {}, 404, /<pre>Not Found<\/pre>/],
    ['/none', { method: 'HEAD' }, 404, ''],
    ['/%', {}, 400, /Bad Request/],
    ['/..%2fx', {}, 403, /Forbidden/],
    ['/sub', {}, 301, /\/sub\//],
    ['/sub/', {}, 404, /Not Found/],
    ['/a.txt', { headers: { 'If-Match': '"x"' } }, 412, /Precondition Failed/],
    ['/a.txt', { headers: { Range: 'bytes=100-' } }, 416, /Range Not Satisfiable/],
    ['/a.txt', { method: 'OPTIONS' }, 204, ''],
    ['*', { method: 'OPTIONS' }, 204, ''],
    ['/a.txt', { method: 'POST', headers: { 'Content-Length': 0 } }, 405, ''],
    ['/a.txt', { method: 'DELETE' }, 405, ''],
  ]) {
    const response = await request(port, target, options)
    const what = `${options.method ?? 'GET'} ${target}`
    assert.strictEqual(response.status, status, what)
    if (typeof more === 'string') assert.strictEqual(response.body.toString(), more, what)
    else assert.match(response.body.toString(), more, what)
    if (status === 405) assert.strictEqual(response.headers.allow, 'GET, HEAD', what)
    if (status === 416) assert.strictEqual(response.headers['content-range'], 'bytes */7', what)
    // Nothing of the machine's is told.
    assert.doesNotMatch(response.body.toString(), /\/tmp|ENOENT|at .*js/, what)
  }
})

test('a listener gets requests that match no file', async (t) => {
  const root = makeTree(t, FILES)
  for (const make of [
    (listener) => createStaticServer(root, listener),
    (listener) => createStaticServer(root, { keepAlive: true }, listener),
    (listener) => createStaticServer(pathToFileURL(root), null, listener),
  ]) {
    const seen = []
    const server = make(function (req, res) {
      seen.push([this === server, req.method, req.url])
      res.end('listener')
    })
    const port = await listen(t, server)
    assert.strictEqual((await request(port, '/a.txt')).body.toString(), 'content')
    assert.strictEqual((await request(port, '/api?x=1')).body.toString(), 'listener')
    assert.strictEqual((await request(port, '/a.txt', { method: 'POST' })).body.toString(), 'listener')
    assert.strictEqual((await request(port, '/a.txt', { headers: { 'If-Match': '"x"' } })).status, 412)
    assert.deepStrictEqual(seen, [
      [true, 'GET', '/api?x=1'],
      [true, 'POST', '/a.txt'],
    ])
  }
})

test('listeners that are added later get every request, and replaced functions are called', async (t) => {
  const server = createStaticServer(makeTree(t, FILES))
  const port = await listen(t, server)
  await request(port, '/a.txt')
  const urls = []
  const heads = []
  server.prependListener('request', (req, res) => {
    urls.push(req.url)
    const { writeHead } = res
    res.writeHead = function (...args) {
      heads.push(res.statusCode)
      return writeHead.apply(this, args)
    }
  })
  await request(port, '/a.txt')
  await request(port, '/none')
  assert.deepStrictEqual(
    [urls, heads],
    [
      ['/a.txt', '/none'],
      [200, 404],
    ],
  )
  server.removeAllListeners('request')
  server.on('request', (_req, res) => res.end('another'))
  assert.strictEqual((await request(port, '/a.txt')).body.toString(), 'another')
})

test('keeps connections, pipelines, and reads the bodies that come with a GET', async (t) => {
  const port = await listen(t, createStaticServer(makeTree(t, FILES)))
  const lines = [
    'GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello',
    'HEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  ]
  const bytes = (await exchange(port, lines.join(''))).toString()
  assert.deepStrictEqual(
    [...bytes.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['200', '200', '404', '200'],
  )
  assert.match(bytes, /content.*Not Found.*INDEX$/s)
  const old = parseResponse(await exchange(port, 'GET /a.txt HTTP/1.0\r\n\r\n'))
  assert.deepStrictEqual([old.status, old.body.toString(), old.headers.connection], [200, 'content', 'close'])
  const refused = parseResponse(await exchange(port, 'GET /a.txt HTTP/1.1\r\nConnection: close\r\n\r\n'))
  assert.strictEqual(refused.status, 400, 'a 1.1 request without Host')
})

test('close() finishes responses that have begun', async (t) => {
  const size = 32 * 2 ** 20
  const server = createStaticServer(makeTree(t, { 'large.bin': Buffer.alloc(size, 5) }))
  const port = await listen(t, server)
  const socket = net.connect(port, '127.0.0.1')
  socket.write('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n')
  let received = 0
  const [first] = await once(socket, 'data')
  received += first.length
  socket.pause()
  const closed = once(server, 'close')
  server.close()
  socket.on('data', (chunk) => {
    received += chunk.length
  })
  socket.resume()
  await once(socket, 'close')
  await closed
  assert.ok(received > size)
})

test('an invalid root throws at once', (t) => {
  const root = makeTree(t, { 'a.txt': 'a' })
  const missing = path.join(root, 'missing')
  assert.throws(() => createStaticServer(missing), {
    code: 'ENOENT',
    path: missing,
    message: /ENOENT: no such file or directory, .*missing'/,
  })
  assert.throws(() => createStaticServer(path.join(root, 'a.txt')), { code: 'ENOTDIR' })
  assert.throws(() => createStaticServer(), /root path required/)
  assert.throws(() => createStaticServer(root, {}, 'listener'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => createStaticServer(root, { keepAliveTimout: 1 }), {
    code: 'IRONWIRE_UNKNOWN_OPTION',
    message: /keepAliveTimeout/,
  })
  assert.throws(() => createStaticServer(root, { listings: true }), {
    code: 'IRONWIRE_UNKNOWN_OPTION',
    message: /"listing"/,
  })
  fs.rmSync(root, { recursive: true })
})
