'use strict'

// Body chunks that programs keep, write over or give away: what arrives in large reads is not copied, and must be theirs alone.

const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { createHash, randomFillSync } = require('node:crypto')
const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const { test } = require('node:test')
const { http } = require('../..')

const hash = (chunks) => chunks.reduce((sum, chunk) => sum.update(chunk), createHash('sha256')).digest('hex')
const random = (length) => randomFillSync(Buffer.alloc(length))

async function listen(t, handler) {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  await once(server, 'listening')
  return server.address().port
}

/** Sends `body`, in one piece or as `parts`; resolves to the answer. */
function post(port, body, { parts, agent } = {}) {
  return new Promise((resolve, reject) => {
    const headers = parts === undefined ? { 'Content-Length': body.length } : {}
    const req = http.request({ host: '127.0.0.1', port, method: 'POST', headers, agent }, (res) => {
      const chunks = []
      res.on('data', (chunk) => chunks.push(chunk))
      res.on('end', () => resolve(Buffer.concat(chunks)))
      res.on('error', reject)
    })
    req.on('error', reject)
    for (const part of parts ?? []) req.write(part)
    req.end(parts === undefined ? body : undefined)
  })
}

/** `body` in pieces of one to `most` bytes. */
function cut(body, most) {
  const parts = []
  for (let at = 0; at < body.length; at += parts.at(-1).length) {
    parts.push(body.subarray(at, at + 1 + Math.floor(Math.random() * most)))
  }
  return parts
}

test('chunks that a program keeps do not change', async (t) => {
  const kept = []
  const port = await listen(t, (req, res) => {
    const chunks = []
    kept.push(chunks)
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => res.end(hash(chunks)))
  })
  const bodies = Array.from({ length: 24 }, (_, i) => random([10, 5_000, 40_000, 65_536, 300_000, 2_000_000][i % 6]))
  const sent = bodies.map((body, i) => post(port, body, i % 4 === 3 ? { parts: cut(body, 50_000) } : {}))
  const answers = (await Promise.all(sent)).map(String)
  const expected = bodies.map((body) => hash([body]))
  assert.deepEqual(answers, expected)
  assert.deepEqual(kept.map(hash).sort(), [...expected].sort())
})

test('responses that a program keeps do not change', async (t) => {
  const bodies = Array.from({ length: 12 }, (_, i) => random([10, 40_000, 300_000, 2_000_000][i % 4]))
  const port = await listen(t, (req, res) => {
    req.resume()
    const body = bodies[Number(req.url.slice(1))]
    if (body.length % 3 === 0) res.setHeader('Content-Length', body.length)
    res.write(body.subarray(0, 7))
    res.end(body.subarray(7))
  })
  const received = await Promise.all(
    bodies.map(
      (_, i) =>
        new Promise((resolve, reject) => {
          const chunks = []
          const collect = (res) => res.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(chunks))
          http.get({ host: '127.0.0.1', port, path: `/${i}` }, collect).on('error', reject)
        }),
    ),
  )
  assert.deepEqual(
    received.map(hash),
    bodies.map((body) => hash([body])),
  )
})

test('a program may overwrite or transfer the memory of a chunk', async (t) => {
  const whole = []
  const port = await listen(t, (req, res) => {
    const sum = createHash('sha256')
    req.on('data', (chunk) => {
      sum.update(chunk)
      const { buffer } = chunk
      if (chunk.length < 32_768) return
      whole.push(buffer.byteLength)
      if (whole.length % 2 === 0) structuredClone(buffer, { transfer: [buffer] })
      else new Uint8Array(buffer).fill(88)
    })
    req.on('end', () => res.end(sum.digest('hex')))
  })
  const bodies = Array.from({ length: 8 }, () => random(1_500_000))
  const answers = await Promise.all(bodies.map((body) => post(port, body)))
  assert.deepEqual(
    answers.map(String),
    bodies.map((body) => hash([body])),
  )
  // So many large chunks came that what is tested was done.
  assert.ok(whole.length > 16, String(whole.length))
})

test('data after a body in the same read is not changed', async (t) => {
  const port = await listen(t, (req, res) => {
    let length = 0
    req.on('data', (chunk) => {
      length += chunk.length
      if (chunk.length >= 32_768) new Uint8Array(chunk.buffer).fill(88)
    })
    req.on('end', () => res.end(`${req.method} ${req.url} ${length}\n`))
  })
  const head = (url, length) => `POST ${url} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`
  let text = ''
  let expected = ''
  for (let i = 0; i < 40; i++) {
    const length = 33_000 + 500 * i
    text += head(`/${i}`, length) + 'x'.repeat(length) + head(`/${i}/small`, 3) + 'abc'
    expected += `POST /${i} ${length}\nPOST /${i}/small 3\n`
  }
  const socket = net.connect(port, '127.0.0.1')
  let answered = ''
  socket.on('data', (data) => (answered += data.toString('latin1')))
  socket.write(text)
  const lines = () => answered.split('\r\n\r\n').flatMap((part) => part.match(/^POST.*\n/gm) ?? [])
  while (lines().length < 80) await once(socket, 'data')
  socket.destroy()
  assert.equal(lines().join(''), expected)
})

/** Runs a part of kept-program.js, which sends what it has found. */
async function run(part) {
  const child = fork(path.join(__dirname, 'kept-program.js'), [part], { execArgv: ['--expose-gc'] })
  let found
  child.on('message', (message) => (found = message))
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  return found
}

test('a small chunk does not keep the memory of a large read', async () => {
  const { kept, memory } = await run('small')
  assert.equal(kept, 2000)
  assert.ok(memory < 2_000_000, `${memory} bytes for 2,000 chunks of 10`)
})

test('connections with half a body hold no memory for the rest', async () => {
  const { connections, memory } = await run('slow')
  assert.equal(connections, 300)
  assert.ok(memory < 2_000_000, `${memory} bytes for 300 connections`)
})

test('a worker can be terminated during uploads', async () => {
  const { workers } = await run('worker')
  assert.equal(workers, 2)
})
