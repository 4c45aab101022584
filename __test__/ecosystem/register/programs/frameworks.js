// Frameworks that start their servers themselves, as their guides have it, with what people put next to them.

process.env.NODE_ENV = 'test'

const { once } = require('node:events')
const http = require('http')
const { exchange } = require('../../../http/exchanges.js')

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: b=c\r\n\r\n`
const post = (path, body) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const last = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** Routes that every one of them has: a parameter, a body, a stream, an error. */
const { Readable } = require('node:stream')
const { setImmediate } = require('node:timers/promises')
/** A turn of the loop apart: newer Nodes send what is written in one turn as one chunk. */
async function* slowly() {
  for (const part of ['one ', 'two ', 'three']) yield await setImmediate(part)
}
const parts = () => Readable.from(slowly())

function express(make) {
  const app = make()
  app.use(require('compression')({ threshold: 10_000 }), make.json())
  app.get('/user/:id', (req, res) => res.cookie('d', 'e').json({ id: req.params.id, ip: req.ip }))
  app.post('/body', (req, res) => res.status(201).send(req.body))
  app.get('/stream', (_req, res) => parts().pipe(res))
  app.get('/error', () => {
    throw new Error('thrown')
  })
  app.get('/last', (_req, res) => res.send('last'))
  return app.listen(0, '127.0.0.1')
}

function koa() {
  const Koa = require('koa')
  const app = new Koa()
  app.silent = true
  app.use(async (ctx, next) => {
    await next()
    ctx.set('X-Done', 'yes')
  })
  app.use(async (ctx) => {
    const [, what, id] = ctx.path.split('/')
    if (what === 'user') ctx.body = { id, ip: ctx.ip }
    else if (what === 'body') ctx.body = Buffer.concat(await ctx.req.toArray())
    else if (what === 'stream') ctx.body = parts()
    else if (what === 'error') throw new Error('thrown')
    else ctx.body = 'last'
  })
  return app.listen(0, '127.0.0.1')
}

async function fastify() {
  const app = require('fastify')({ forceCloseConnections: true })
  app.get('/user/:id', async (request) => ({ id: request.params.id, ip: request.ip }))
  app.post('/body', (request, reply) => reply.code(201).send(request.body))
  app.get('/stream', (_request, reply) => reply.send(parts()))
  app.get('/error', async () => {
    throw new Error('thrown')
  })
  app.get('/last', async () => 'last')
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server
}

function connect() {
  const app = require('connect')()
  app.use(require('cookie-session')({ name: 'session', keys: ['key'] }))
  app.use('/stream', (_req, res) => parts().pipe(res))
  app.use('/error', () => {
    // Connect answers with the stack, which is our server's here.
    throw Object.assign(new Error('thrown'), { stack: 'its stack' })
  })
  app.use((req, res) => {
    req.session.seen = req.url
    res.end(`end of ${req.url}`)
  })
  return app.listen(0, '127.0.0.1')
}

async function webSockets() {
  const { WebSocket, WebSocketServer } = require('ws')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  server.on('connection', (ws, req) => {
    console.log(req.url, req.socket.remoteAddress)
    ws.on('message', (data, binary) => ws.send(data, { binary }))
  })
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}/path`)
  await once(client, 'open')
  for (const message of ['text', Buffer.alloc(3_000_000, 7)]) {
    client.send(message)
    const [data] = await once(client, 'message')
    console.log(data.length, data.equals(Buffer.from(message)))
  }
  client.close(4001, 'bye')
  console.log((await once(client, 'close')).map(String))
  server.close()
}

async function socketIo() {
  const { Server } = require('socket.io')
  const { io } = require('socket.io-client')
  const server = new Server()
  server.on('connection', (socket) => socket.on('length', (text, reply) => reply(text.length)))
  const web = http.createServer()
  server.attach(web)
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  const client = io(`http://127.0.0.1:${web.address().port}`, { forceNew: true })
  await new Promise((resolve, reject) => client.on('connect', resolve).on('connect_error', reject))
  console.log(await client.emitWithAck('length', 'z'.repeat(200_000)))
  if (client.io.engine.transport.name === 'polling') await once(client.io.engine, 'upgrade')
  console.log(client.io.engine.transport.name)
  client.disconnect()
  await server.close()
}

async function proxy() {
  const { createProxyServer } = require('http-proxy')
  const target = http.createServer((req, res) => res.end(`${req.method} ${req.url} ${req.headers['x-forwarded-for']}`))
  target.listen(0, '127.0.0.1')
  await once(target, 'listening')
  const front = createProxyServer({ target: `http://127.0.0.1:${target.address().port}`, xfwd: true })
  front.listen(0, '127.0.0.1')
  if (!front._server.listening) await once(front._server, 'listening')
  const { port } = front._server.address()
  console.log(await (await fetch(`http://127.0.0.1:${port}/a`, { method: 'PUT', body: 'x' })).text())
  front.close()
  target.close()
  target.closeAllConnections()
}

async function main() {
  const servers = {
    'express 5': () => express(require('express')),
    'express 4': () => express(require('express4')),
    koa,
    fastify,
    connect,
  }
  for (const [name, make] of Object.entries(servers)) {
    const server = await make()
    if (!server.listening) await once(server, 'listening')
    console.log(name, server instanceof http.Server)
    const { port } = server.address()
    for (const request of [get('/user/7?q'), post('/body', '{"a":[1]}'), get('/stream'), get('/error'), get('/none')]) {
      console.log(await exchange(port, [request + last]))
    }
    server.closeAllConnections()
    server.close()
  }
  await webSockets()
  await socketIo()
  await proxy()
}

main()
