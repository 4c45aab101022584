// What takes connections over (ws, socket.io), passes requests on (http-proxy), or starts the server itself (supertest), over our
// server with an application within the listener.

'use strict'

const assert = require('node:assert')
const { once } = require('node:events')
const net = require('node:net')
const { test } = require('node:test')
const express = require('express')
const { createProxyServer } = require('http-proxy')
const { createProxyMiddleware } = require('http-proxy-middleware')
const { Server: IoServer } = require('socket.io')
const { io } = require('socket.io-client')
const supertest = require('supertest')
const { WebSocket, WebSocketServer } = require('ws')
const onFinished = require('on-finished')
const core = require('node:http')
const { http } = require('../../..')
const { listen } = require('../../http/exchanges.js')
const { linger } = require('../../linger.js')

function within(app, module = http) {
  return module.createServer((req, res) => app(req, res))
}

function closing(t, server) {
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

function plain() {
  return express().get('/plain', (_req, res) => res.send('plain'))
}

const attach = {
  'on the server': (server) => new WebSocketServer({ server, path: '/ws' }),
  'by handleUpgrade': (server) => {
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', (req, socket, head) => {
      if (req.url === '/ws') sockets.handleUpgrade(req, socket, head, (ws) => sockets.emit('connection', ws, req))
      else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
    return sockets
  },
}

for (const [how, make] of Object.entries(attach)) {
  test(`ws ${how}`, async (t) => {
    const server = closing(t, within(plain()))
    const sockets = make(server)
    const closed = []
    sockets.on('connection', (ws, req) => {
      assert.strictEqual(req.url, '/ws')
      ws.on('message', (data, binary) => ws.send(data, { binary }))
      ws.on('close', (code, reason) => closed.push(`${code} ${reason}`))
    })
    const port = await listen(server)
    const client = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await once(client, 'open')
    for (const message of ['text', Buffer.alloc(1_000_000, 7), 'long '.repeat(50_000)]) {
      client.send(message)
      const [data, binary] = await once(client, 'message')
      assert.strictEqual(binary, Buffer.isBuffer(message))
      assert.ok(data.equals(Buffer.from(message)))
    }
    const received = []
    const all = new Promise((resolve) => {
      client.on('message', (data) => received.push(Number(data)) === 100 && resolve())
    })
    for (let i = 0; i < 100; i++) client.send(String(i))
    await all
    assert.deepStrictEqual(
      received,
      Array.from({ length: 100 }, (_, i) => i),
    )
    client.ping()
    await once(client, 'pong')
    client.close(4001, 'bye')
    await once(client, 'close')
    while (closed.length === 0) await new Promise(setImmediate)
    assert.deepStrictEqual(closed, ['4001 bye'])
    const [error] = await once(new WebSocket(`ws://127.0.0.1:${port}/other`), 'error')
    assert.match(error.message, /400/)
    assert.strictEqual(await (await fetch(`http://127.0.0.1:${port}/plain`)).text(), 'plain')
  })
}

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  test(`socket.io by ${transports.join(', then ')}`, async (t) => {
    const server = within(plain())
    const sockets = new IoServer(server, { cors: { origin: '*' } })
    t.after(() => sockets.close())
    sockets.on('connection', (socket) => {
      socket.on('length', (text, reply) => reply(text.length))
      socket.on('bytes', (bytes, reply) => reply(bytes))
    })
    const url = `http://127.0.0.1:${await listen(server)}`
    const client = io(url, { transports, forceNew: true })
    t.after(() => client.disconnect())
    await new Promise((resolve, reject) => client.on('connect', resolve).on('connect_error', reject))
    assert.strictEqual(await client.emitWithAck('length', 'z'.repeat(200_000)), 200_000)
    assert.deepStrictEqual(await client.emitWithAck('bytes', Buffer.from([1, 2, 3])), Buffer.from([1, 2, 3]))
    if (transports.length > 1 && client.io.engine.transport.name === 'polling') await once(client.io.engine, 'upgrade')
    assert.strictEqual(client.io.engine.transport.name, transports.at(-1))
    assert.strictEqual(await (await fetch(`${url}/plain`)).text(), 'plain')
    assert.match(await (await fetch(`${url}/socket.io/socket.io.js`)).text(), /Socket\.IO/)
  })
}

test('http-proxy and http-proxy-middleware, with our server on both sides', async (t) => {
  const target = closing(
    t,
    http.createServer((req, res) => {
      let length = 0
      req.on('data', (chunk) => {
        length += chunk.length
      })
      req.on('end', () => {
        res.writeHead(req.url === '/missing' ? 404 : 200, { 'Set-Cookie': ['a=1', 'b=2'] })
        res.write(`${req.method} ${req.url} `)
        setImmediate(() => res.end(`${length} ${req.headers['x-forwarded-for']}`))
      })
    }),
  )
  const echo = new WebSocketServer({ server: target })
  echo.on('connection', (ws) => ws.on('message', (data) => ws.send(`echo ${data}`)))
  const url = `http://127.0.0.1:${await listen(target)}`

  const proxy = createProxyServer({ target: url, ws: true, xfwd: true })
  const api = express().use('/api', createProxyMiddleware({ target: url, changeOrigin: true }))
  const front = closing(
    t,
    http.createServer((req, res) => (req.url.startsWith('/api') ? api(req, res) : proxy.web(req, res))),
  )
  front.on('upgrade', (req, socket, head) => proxy.ws(req, socket, head))
  const port = await listen(front)

  for (const [path, options, status, expected] of [
    ['/a', {}, 200, 'GET /a 0 127.0.0.1'],
    ['/missing', {}, 404, 'GET /missing 0 127.0.0.1'],
    ['/post', { method: 'POST', body: 'q'.repeat(200_000) }, 200, 'POST /post 200000 127.0.0.1'],
    ['/head', { method: 'HEAD' }, 200, ''],
    ['/api/z', {}, 200, 'GET /z 0 undefined'],
    ['/api/p', { method: 'PUT', body: 'abc' }, 200, 'PUT /p 3 undefined'],
  ]) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, options)
    assert.strictEqual(response.status, status)
    assert.deepStrictEqual(response.headers.getSetCookie(), ['a=1', 'b=2'])
    assert.strictEqual(await response.text(), expected)
  }
  const client = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(client, 'open')
  client.send('through')
  assert.strictEqual(String((await once(client, 'message'))[0]), 'echo through')
  client.close()
  await once(client, 'close')
})

test('supertest, which listens by itself', async (t) => {
  const app = express().use(express.json())
  app.post('/json', (req, res) => res.status(201).json(req.body))
  const server = within(app)
  const response = await supertest(server).post('/json').send({ a: 1 }).expect(201)
  assert.deepStrictEqual(response.body, { a: 1 })
  await supertest(server).get('/none').expect(404)
  const agent = supertest.agent(closing(t, server.listen(0)))
  await agent.post('/json').send({ b: 2 }).expect(201)
})

test('events of an application for broken connections', async (t) => {
  const heard = []
  const app = express()
  app.get('/slow', (req, res) => {
    onFinished(res, (error) => heard.push(`res finished ${error}`))
    for (const event of ['aborted', 'close', 'error'])
      req.on(event, (error) => heard.push(`req ${event} ${error?.code}`))
    res.on('close', () => heard.push(`res close ${res.writableFinished} ${res.writableEnded} ${res.destroyed}`))
    res.write('x')
  })
  app.post('/upload', (req, res) => {
    onFinished(req, (error) => heard.push(`req finished ${error?.code}`))
    onFinished(res, (error) => heard.push(`res finished ${error}`))
    for (const event of ['aborted', 'error']) req.on(event, (error) => heard.push(`req ${event} ${error?.message}`))
    req.on('close', () => heard.push(`req close ${req.complete} ${req.destroyed} ${req.readableEnded}`))
    req.resume()
  })
  app.get('/destroy', (_req, res) => res.on('close', () => heard.push('res close')).destroy())
  app.get('/socket', (req, res) => {
    res.on('close', () => heard.push('res close'))
    req.socket.destroy()
  })
  const heads = ['GET /slow', 'POST /upload', 'GET /destroy', 'GET /socket']
  const runs = []
  for (const module of [core, http]) {
    const server = closing(t, within(app, module))
    const port = await listen(server)
    for (const head of heads) {
      const client = net.connect(port).on('error', () => {})
      client.write(
        `${head} HTTP/1.1\r\nHost: a\r\n${head === 'POST /upload' ? 'Content-Length: 100\r\n\r\nabc' : '\r\n'}`,
      )
      const closed = once(client, 'close')
      linger(50).then(() => client.destroy())
      await closed
      await linger(50)
      heard.push(head)
    }
    runs.push(heard.splice(0))
  }
  assert.ok(runs[0].length > heads.length)
  assert.deepStrictEqual(runs[1], runs[0])
})
