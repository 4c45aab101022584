'use strict'

// Ticks, promises, timers and throws in handlers: each script runs on Node's own server and on ours, and the notes that it took
// must be the same.

const test = require('node:test')
const assert = require('node:assert')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')

const get = (url = '/') => `GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`
const post = (body, url = '/') => `POST ${url} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`

/**
 * Scenario to what the client sends: each element once the reply to the one before has come. Those that throw have a connection
 * each: a throw leaves the parser of Node's own connection where it was, and that one is answered no more.
 */
const exchanges = {
  'http: what a handler puts off': [get(), get()],
  'http: pipelined requests': [get('/1') + get('/2') + get('/3')],
  'http: an async handler': [get(), get()],
  'http: events of a request with a body': [post('hello'), post('again')],
  'http: a body read by async iteration': [post('hello')],
  'http: async context': [post('hello'), post('again')],
  'http: throwing': [get('/sync'), get('/fine'), get('/tick'), get('/promise'), post('x', '/data'), get('/fine')],
  'net: what listeners put off': ['one', 'two'],
  'net: ends and closes': [''],
  'net: throwing': ['good', 'bad', 'good'],
}

function start(t, implementation, scenario) {
  const child = fork(path.join(__dirname, 'order-server.js'), [implementation, scenario], { silent: true })
  t.after(() => child.kill('SIGKILL'))
  return child
}

/**
 * Waits until the server has done all that its handlers have put off: its own timer, longer than theirs, says when. However slow
 * the machine is, no order depends on how long this takes.
 */
async function settled(child, what = 'settle') {
  await new Promise((resolve) => setTimeout(resolve, 20))
  child.send(what)
  await once(child, 'message')
}

async function converse(child, port, texts, implementation) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  let received = ''
  socket.on('data', (data) => {
    received += data
  })
  // What the connection's own handler puts off comes first.
  await settled(child, 'connected')
  for (const text of texts) {
    const before = received.length
    if (text === '') socket.end()
    else socket.write(text)
    for (let i = 0; i < 1000 && received.length === before; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    assert.notStrictEqual(received.length, before, `${implementation} answers ${text}`)
    await settled(child)
  }
  socket.end()
  await settled(child)
}

async function notesOf(t, implementation, scenario) {
  const child = start(t, implementation, scenario)
  const [{ port }] = await once(child, 'message')
  const texts = exchanges[scenario]
  const connections = scenario.startsWith('http: throwing') ? texts.map((text) => [text]) : [texts]
  for (const each of connections) await converse(child, port, each, implementation)
  child.send('notes')
  const [{ notes }] = await once(child, 'message')
  return notes
}

for (const scenario of Object.keys(exchanges)) {
  test(scenario, async (t) => {
    const [expected, actual] = await Promise.all(['node', 'ironwire'].map((one) => notesOf(t, one, scenario)))
    assert.ok(expected.length > 1)
    assert.deepStrictEqual(actual, expected)
  })
}

async function death(t, implementation, scenario) {
  const child = start(t, implementation, scenario)
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const [{ port }] = await once(child, 'message')
  const socket = net.connect(port, '127.0.0.1', () => socket.write(get()))
  socket.on('error', () => {})
  const [code, signal] = await once(child, 'close')
  return {
    code,
    signal,
    thrown: /^.*Error: fatal$/m.exec(stderr)?.[0],
    where: /order-server\.js:\d+/.exec(stderr)?.[0],
  }
}

for (const scenario of ['http: throwing, and nobody listens', 'net: throwing, and nobody listens']) {
  test(scenario, async (t) => {
    const [expected, actual] = await Promise.all(['node', 'ironwire'].map((one) => death(t, one, scenario)))
    assert.strictEqual(expected.thrown, 'Error: fatal')
    assert.deepStrictEqual(actual, expected)
  })
}
