'use strict'

// Peers that read slowly, late or never: what they asked for leaves as they take it, and until then little of it is held.

const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const path = require('node:path')
const { describe, it, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')

const AT_ONCE = { concurrency: 2 }
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A server in a process of its own, so that its memory is its own: `ask()` says what it handled and how much it held at most. */
async function serve(options) {
  const child = fork(path.join(__dirname, 'readers-server.js'), [JSON.stringify(options)], {
    execArgv: ['--expose-gc', '--max-semi-space-size=1'],
  })
  const [{ port }] = await once(child, 'message')
  const ask = async () => {
    child.send('how much?')
    const [answer] = await once(child, 'message')
    return answer
  }
  return { port, ask, stop: () => child.kill() }
}

/** What a server may hold for ten peers that never read: the kernel's share is not in it, 16 KiB heads and bodies of 10 kB are. */
const HELD_MIB = 64

describe('peers that pipeline and never read', AT_ONCE, () => {
  for (const mode of ['lean', 'late', 'never', 'streamed', 'buffers', 'posted', 'behind']) {
    it(mode, async () => {
      const server = await serve({ mode, size: 10_000 })
      try {
        const before = await server.ask()
        const request = mode === 'posted' ? 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc' : GET
        const input = Buffer.from(request.repeat(2000))
        const clients = Array.from({ length: 10 }, () => {
          const client = net.connect(server.port, '127.0.0.1').pause()
          const write = () => {
            for (let more = true, i = 0; more && i < 100; i++) more = client.write(input)
          }
          return client
            .on('connect', write)
            .on('drain', write)
            .on('error', () => {})
        })
        await sleep(2000)
        const after = await server.ask()
        assert.ok(after.handled > 0)
        assert.ok(after.peak - before.peak < HELD_MIB, `${after.peak - before.peak} MiB for ${after.handled} requests`)
        for (const client of clients) client.destroy()
      } finally {
        server.stop()
      }
    })
  }
})

/** Reads a connection to its end, `rate` bytes every 20 ms. */
async function readSlowly(client, rate, expected) {
  let received = 0
  client.pause()
  while (received < expected && !client.destroyed && !client.readableEnded) {
    await sleep(20)
    for (let left = rate; left > 0; ) {
      const chunk = client.read(Math.min(left, client.readableLength)) ?? client.read()
      if (chunk === null) break
      received += chunk.length
      left -= chunk.length
    }
  }
  return received
}

describe('a slow but steady reader gets everything', { concurrency: 4 }, () => {
  const COUNT = 120
  for (const [name, options] of Object.entries({
    'keepAliveTimeout shorter than it takes': { keepAliveTimeout: 1 },
    'server.timeout shorter than it takes': { timeout: 1500 },
    'a socket’s timeout shorter than it takes': { socketTimeout: 1500 },
    'close() meanwhile': { closeAfter: COUNT },
    'closeIdleConnections() meanwhile': { closeIdleAfter: COUNT },
  })) {
    for (const mode of ['lean', 'streamed', 'buffers']) {
      it(`${name}, ${mode}`, async () => {
        const server = await serve({ mode, size: 60_000, ...options })
        try {
          const client = net.connect(server.port, '127.0.0.1').on('error', () => {})
          client.write(GET.repeat(COUNT))
          const received = await readSlowly(client, 60_000, COUNT * 60_000)
          assert.ok(received >= COUNT * 60_000, `${received} bytes of ${COUNT * 60_000}`)
          client.destroy()
        } finally {
          server.stop()
        }
      })
    }
  }
})

test('a client that reads only when all is written: an upload that was answered early is read to its end', async () => {
  const server = await serve({ mode: 'lean', size: 60_000 })
  try {
    const client = net.connect(server.port, '127.0.0.1').pause()
    const length = 30 << 20
    client.write(GET.repeat(100))
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
    const written = new Promise((resolve) => client.write(Buffer.alloc(length), resolve))
    // What a hundred pipelined answers wait for is read first; the rest waits for the upload.
    for (let received = 0; received < 100 * 60_000; ) {
      const chunk = client.read()
      if (chunk === null) await once(client, 'readable')
      else received += chunk.length
    }
    await written
    client.destroy()
  } finally {
    server.stop()
  }
})

test('the idle clock starts when the handler is done, however long it held the loop', async () => {
  const server = await serve({ mode: 'blocking', size: 10, keepAliveTimeout: 1 })
  try {
    for (const again of ['lean', 'streamed']) {
      const client = net.connect(server.port, '127.0.0.1').resume()
      client.write(`GET /${again} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await once(client, 'data')
      // The loop was held for longer than an idle connection lives; there is still a second left.
      await sleep(200)
      client.write(GET)
      const [data] = await Promise.race([once(client, 'data'), once(client, 'close')])
      assert.match(String(data), /^HTTP\/1.1 200/)
      client.destroy()
    }
  } finally {
    server.stop()
  }
})

test('the idle clock starts when the upload has ended', async () => {
  const server = await serve({ mode: 'lean', size: 10, keepAliveTimeout: 1 })
  try {
    const client = net.connect(server.port, '127.0.0.1').resume()
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n')
    for (let i = 0; i < 16; i++) {
      await sleep(100)
      client.write('x')
    }
    await sleep(200)
    client.write(GET)
    const [data] = await Promise.race([once(client, 'data'), once(client, 'close')])
    assert.match(String(data), /^HTTP\/1.1 200/)
    client.destroy()
  } finally {
    server.stop()
  }
})
