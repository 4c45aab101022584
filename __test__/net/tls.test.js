// TLS above sockets of ours: of either side, connected or not yet, and of an HTTP connection that was taken over.

'use strict'

const assert = require('node:assert')
const { once } = require('node:events')
const fs = require('node:fs')
const https = require('node:https')
const path = require('node:path')
const { test } = require('node:test')
const tls = require('node:tls')
const { http, net } = require('../..')
const { listening } = require('./support.js')

const read = (name) => fs.readFileSync(path.join(__dirname, 'fixtures', name))
const secrets = { key: read('key.pem'), cert: read('cert.pem') }
const trusting = { ca: secrets.cert, servername: 'localhost' }

async function echoed(secure, bytes) {
  secure.write(bytes)
  const chunks = []
  let length = 0
  for await (const chunk of secure) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= bytes.length) secure.end()
  }
  return Buffer.concat(chunks)
}

test('both sides start TLS in the middle of a connection', async (t) => {
  const server = net.createServer((socket) => {
    socket.once('data', (line) => {
      assert.strictEqual(String(line), 'STARTTLS')
      socket.write('220 go')
      const secure = new tls.TLSSocket(socket, { isServer: true, ...secrets })
      secure.pipe(secure)
    })
  })
  const port = await listening(t, server)
  const socket = net.connect(port, '127.0.0.1')
  socket.write('STARTTLS')
  assert.strictEqual(String((await once(socket, 'data'))[0]), '220 go')
  const secure = tls.connect({ socket, ...trusting })
  await once(secure, 'secureConnect')
  assert.ok(secure.authorized)
  const bytes = Buffer.from(Array.from({ length: 2_000_000 }, (_, i) => i * 7))
  assert.ok(bytes.equals(await echoed(secure, bytes)))
  if (!socket.closed) await once(socket, 'close')
})

test('TLS over a socket that is still connecting, and with an https server', async (t) => {
  const secure = https.createServer(secrets, (_req, res) => res.end('secure'))
  const port = await listening(
    t,
    net.createServer((socket) => secure.emit('connection', socket)),
  )
  const createConnection = () => tls.connect({ ...trusting, socket: net.connect(port, '127.0.0.1') })
  const [response] = await once(https.get({ port, createConnection }), 'response')
  assert.strictEqual(String(await response.setEncoding('latin1').reduce((text, chunk) => text + chunk, '')), 'secure')
})

test('data that is not TLS is an error of the secure socket', async (t) => {
  const server = net.createServer((socket) => {
    const secure = new tls.TLSSocket(socket, { isServer: true, ...secrets })
    secure.on('error', (error) => server.emit('failed', error))
  })
  const failed = once(server, 'failed')
  const socket = net.connect(await listening(t, server), '127.0.0.1')
  socket.end('this is not the beginning of a handshake')
  assert.strictEqual((await failed)[0].code, 'ERR_SSL_WRONG_VERSION_NUMBER')
  if (!socket.closed) await once(socket.resume(), 'close')
})

test('TLS through a tunnel of an HTTP server', async (t) => {
  const inner = http.createServer((req, res) =>
    res.end(`${req.url} within ${req.socket.encrypted ? 'TLS' : 'nothing'}`),
  )
  const server = http.createServer().on('connect', (_req, socket) => {
    socket.write('HTTP/1.1 200 Connected\r\n\r\n')
    inner.emit('connection', new tls.TLSSocket(socket, { isServer: true, ...secrets }))
  })
  const port = await listening(t, server)
  const request = http.request({ port, host: '127.0.0.1', method: 'CONNECT', path: 'localhost:443' }).end()
  const [, socket] = await once(request, 'connect')
  const createConnection = () => tls.connect({ ...trusting, socket })
  const [response] = await once(http.get({ path: '/deep', createConnection }), 'response')
  assert.strictEqual(await response.setEncoding('latin1').reduce((text, chunk) => text + chunk, ''), '/deep within TLS')
  socket.destroy()
})

test('an error of the underlying socket ends the secure socket only', async (t) => {
  const server = net.createServer((socket) => {
    const secure = new tls.TLSSocket(socket, { isServer: true, ...secrets })
    // In some states it hears of the error, in others only of the end.
    secure.on('error', () => {}).on('close', () => server.emit('closed'))
    secure.once('secure', () => socket.destroy(new Error('broken')))
  })
  const closed = once(server, 'closed')
  const client = tls.connect({ port: await listening(t, server), host: '127.0.0.1', ...trusting })
  await Promise.all([
    closed,
    new Promise((resolve) =>
      client
        .on('error', () => {})
        .on('close', resolve)
        .resume(),
    ),
  ])
})
