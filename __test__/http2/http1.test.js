'use strict'

// HTTP/1 on the port of an HTTP/2 server.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const http = require('node:http')
const net = require('node:net')
const test = require('node:test')
const { ask, core, ours } = require('./support.js')
const { kSessions } = require('../../lib/http2/symbols.js')
const { usage } = require('../../lib/engine.js')

async function withBoth(use) {
  const server = ours.createServer({ allowHTTP1: true }, async (req, res) => {
    let length = 0
    for await (const chunk of req) length += chunk.length
    res.setHeader('x-version', req.httpVersion)
    res.end(`${req.method} ${req.url} ${length}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use(server, server.address().port)
  } finally {
    const closed = once(server, 'close')
    server.close()
    await closed
  }
}

async function get(port, options = {}, body = undefined) {
  const request = http.request({ port, host: '127.0.0.1', path: '/one', ...options })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return [response.headers['x-version'], text]
}

test('HTTP/1 and HTTP/2 are served on one port', async () => {
  const before = usage().slots
  await withBoth(async (server, port) => {
    const client = core.connect(`http://127.0.0.1:${port}`)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await get(port, { agent }), ['1.1', 'GET /one 0'])
      const { headers, body } = await ask(client, { ':path': '/two', ':method': 'POST' }, 'abc')
      assert.deepEqual([headers['x-version'], body], ['2.0', 'POST /two 3'])
    }
    assert.deepEqual(await get(port, { agent, method: 'PUT' }, 'x'.repeat(100_000)), ['1.1', 'PUT /one 100000'])
    assert.equal(server[kSessions].size, 1)
    agent.destroy()
    client.destroy()
  })
  while (usage().slots > before) await new Promise(setImmediate)
})

test('the first bytes may arrive one by one, or resemble the preface', async () => {
  await withBoth(async (_server, port) => {
    for (const [text, expected] of [
      ['GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', /^HTTP\/1.1 200 OK[\s\S]*GET \/a 0$/],
      ['PROPFIND /b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', /^HTTP\/1.1 200 OK[\s\S]*PROPFIND \/b 0$/],
      ['PRI * HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400 Bad Request/],
      // The settings of a server, and no HTTP/1.
      ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^\0\0/],
    ]) {
      const socket = net.connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      socket.setEncoding('latin1')
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
        if (text.includes('2.0')) socket.destroy()
      })
      socket.on('error', () => {})
      for (const character of text) {
        socket.write(character)
        await new Promise(setImmediate)
      }
      if (!socket.destroyed) await once(socket, 'close')
      assert.match(answer, expected)
    }
  })
})

test('a client that disconnects without sending anything', async () => {
  const before = usage().slots
  await withBoth(async (server, port) => {
    for (const text of ['', 'PRI *']) {
      const socket = net.connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.resume()
      socket.end(text)
      await once(socket, 'close')
    }
    assert.equal(server[kSessions].size, 0)
  })
  while (usage().slots > before) await new Promise(setImmediate)
})

test('a client that sends nothing gets the timeout response of HTTP/1', async () => {
  for (const beginning of ['', 'P', 'PRI * HT', 'GET / HTTP/1.1\r\n']) {
    const options = { allowHTTP1: true, headersTimeout: 30, requestTimeout: 60, connectionsCheckingInterval: 10 }
    const server = ours.createServer(options, () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = net.connect(server.address().port, '127.0.0.1')
    socket.write(beginning)
    let text = ''
    for await (const chunk of socket.setEncoding('latin1')) text += chunk
    assert.match(text, /^HTTP\/1\.1 408 Request Timeout\r\n/, beginning)
    server.close()
    await once(server, 'close')
  }
})
