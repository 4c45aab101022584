// Sockets and servers that go to another process, and those that cannot: for these an error, not a crash in Node's native code.

'use strict'

const assert = require('node:assert')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')
const { http, net } = require('../..')
const { listening } = require('./support.js')

function start(t) {
  const child = fork(path.join(__dirname, 'fixtures', 'receiver.js'))
  t.after(() => child.kill())
  return child
}

async function exchange(port, text) {
  const socket = net.connect(port, '127.0.0.1')
  if (text) socket.write(text)
  let answer = ''
  for await (const chunk of socket.setEncoding('latin1')) answer += chunk
  return answer
}

test('child.send(message, socket)', async (t) => {
  const child = start(t)
  const sent = []
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    child.send('socket', socket, (error) => sent.push(error))
  })
  assert.strictEqual(await exchange(await listening(t, server), 'a line'), 'child got a line')
  assert.deepStrictEqual(sent, [null])
})

test('child.send(message, server)', async (t) => {
  const child = start(t)
  const server = net.createServer(() => assert.fail('the child accepts'))
  const port = await listening(t, server)
  child.send('server', server)
  await once(child, 'message')
  server.close()
  await once(server, 'close')
  assert.strictEqual(await exchange(port), 'child accepted')
})

test('pauseOnConnect without a child: a socket like any other', async (t) => {
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    assert.ok(socket instanceof net.Socket)
    assert.ok(socket.isPaused())
    assert.strictEqual(socket.remoteAddress, '127.0.0.1')
    socket.on('data', (data) => socket.end(data))
    setImmediate(() => socket.resume())
  })
  assert.strictEqual(await exchange(await listening(t, server), 'there and back'), 'there and back')
})

test('a socket that cannot be sent is an error', async (t) => {
  const child = start(t)
  const unsendable = { name: 'TypeError', code: 'ERR_INVALID_HANDLE_TYPE', message: /pauseOnConnect/ }
  const server = net.createServer((socket) => {
    for (const keepOpen of [false, true]) {
      assert.throws(() => child.send('socket', socket, { keepOpen }), unsendable)
    }
    socket.end('still here')
  })
  const port = await listening(t, server)
  assert.strictEqual(await exchange(port), 'still here')

  const client = net.connect(port, '127.0.0.1')
  await once(client, 'connect')
  assert.throws(() => child.send('socket', client), unsendable)
  await once(client.resume(), 'close')

  const web = http.createServer((req, res) => {
    assert.throws(() => child.send('socket', req.socket), unsendable)
    res.end('still here')
  })
  const response = await fetch(`http://127.0.0.1:${await listening(t, web)}`)
  assert.strictEqual(await response.text(), 'still here')
})
