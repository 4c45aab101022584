'use strict'

// The server as programs meet it: events and their order, errors, aborts, limits, the process around it.

const assert = require('node:assert/strict')
const { execFile, fork } = require('node:child_process')
const { createHash, randomBytes } = require('node:crypto')
const events = require('node:events')
const fs = require('node:fs')
const core = require('node:http')
const coreNet = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { http } = require('../..')
const { linger } = require('../linger')
const { exchange, listen } = require('./exchanges')

const root = path.resolve(__dirname, '../..')

/** Runs `use(port, server)` against a server of ours and closes it. */
async function serving(options, listener, use) {
  if (typeof options === 'function') [options, listener, use] = [{}, options, listener]
  const server = http.createServer(options, listener)
  const port = await listen(server)
  try {
    return await use(port, server)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

function request(port, options = {}, body) {
  return new Promise((resolve, reject) => {
    const req = core.request({ port, host: '127.0.0.1', agent: false, ...options }, (res) => {
      const chunks = []
      res.on('data', (chunk) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }))
    })
    req.on('error', reject)
    req.end(body)
  })
}

const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

test('the classes extend Node’s', async () => {
  await serving(
    (req, res) => {
      assert.ok(req instanceof core.IncomingMessage && req instanceof http.IncomingMessage)
      assert.ok(res instanceof core.ServerResponse && res instanceof core.OutgoingMessage)
      assert.equal(req.constructor, core.IncomingMessage)
      assert.equal(res.constructor, core.ServerResponse)
      assert.ok(req.socket instanceof coreNet.Socket)
      assert.equal(req.connection, req.socket)
      assert.equal(res.req, req)
      assert.equal(req.socket.remoteAddress, '127.0.0.1')
      assert.equal(req.socket.localPort, req.socket.server.address().port)
      res.end('ok')
    },
    async (port) => assert.equal((await request(port)).body.toString(), 'ok'),
  )
})

test('nextTick, promises and timers run in Node’s order', async () => {
  const trace = (module) =>
    new Promise((resolve) => {
      const order = []
      const server = module.createServer(async (req, res) => {
        const n = req.url
        order.push(`handler ${n}`)
        process.nextTick(() => order.push(`tick ${n}`))
        Promise.resolve().then(() => order.push(`promise ${n}`))
        res.on('prefinish', () => order.push(`prefinish ${n}`))
        res.on('finish', () => order.push(`finish ${n}`))
        res.on('close', () => order.push(`res close ${n}`))
        res.end('x')
        order.push(`ended ${n}`)
        await null
        order.push(`awaited ${n}`)
      })
      server.listen(0, async () => {
        await exchange(server.address().port, [get('/1') + LAST])
        server.close(() => resolve(order))
      })
    })
  const [expected, actual] = [await trace(core), await trace(http)]
  assert.deepEqual(
    actual.filter((line) => line.endsWith('/1')),
    expected.filter((line) => line.endsWith('/1')),
  )
  assert.deepEqual(actual.toSorted(), expected.toSorted())
})

test('the async context of a handler does not reach another connection', async () => {
  const { AsyncLocalStorage } = require('node:async_hooks')
  const storage = new AsyncLocalStorage()
  await serving(
    (req, res) => {
      const before = storage.getStore()
      storage.enterWith(req.url)
      setTimeout(() => res.end(`${before} ${storage.getStore()}`), 5)
    },
    async (port) => {
      const answers = await Promise.all(['/1', '/2', '/3'].map((path) => request(port, { path })))
      assert.deepEqual(
        answers.map(({ body }) => body.toString()),
        ['undefined /1', 'undefined /2', 'undefined /3'],
      )
    },
  )
})

test('an exception in a handler reaches uncaughtException and affects only its own request', async () => {
  const script = `
    const { http } = require(${JSON.stringify(root)})
    process.on('uncaughtException', (error) => console.log('uncaught ' + error.message))
    const server = http.createServer((req, res) => {
      if (req.url === '/throw') { res.end('before'); throw new Error('mine') }
      if (req.url === '/reject') { res.end('x'); return Promise.reject(new Error('promised')) }
      res.end(req.url)
    })
    server.listen(0, () => {
      const socket = require('net').connect(server.address().port)
      const get = (url) => 'GET ' + url + ' HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'
      socket.write(get('/a') + get('/throw') + get('/b') + get('/throw') + get('/reject') + get('/c'))
      let seen = ''
      socket.on('data', (data) => {
        seen += data
        if (!seen.endsWith('/c')) return
        console.log(seen.match(/(?<=\\r\\n\\r\\n)[^H]+/g).join(' '))
        process.exit()
      })
    })`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script])
  assert.deepEqual(stdout.trim().split('\n').toSorted(), [
    '/a before /b before x /c',
    'uncaught mine',
    'uncaught mine',
    'uncaught promised',
  ])
})

test('bodies arrive unchanged, however they are chunked', async () => {
  const body = randomBytes(3_000_000)
  const digest = createHash('sha1').update(body).digest('hex')
  const listener = (req, res) => {
    const hash = createHash('sha1')
    req.on('data', (chunk) => hash.update(chunk))
    req.on('end', () => res.end(hash.digest('hex')))
  }
  await serving(listener, async (port) => {
    for (const chunked of [false, true]) {
      const answer = await new Promise((resolve, reject) => {
        const headers = chunked ? {} : { 'Content-Length': body.length }
        const req = core.request({ port, method: 'POST', headers, agent: false }, async (res) => {
          let text = ''
          for await (const chunk of res) text += chunk
          resolve(text)
        })
        req.on('error', reject)
        for (let at = 0; at < body.length; ) {
          const size = 1 + Math.floor(Math.random() * 70_000)
          req.write(body.subarray(at, at + size))
          at += size
        }
        req.end()
      })
      assert.equal(answer, digest)
    }
  })
})

test('strings of every length that end in a wide character at the end of the memory', async () => {
  const text = (path) => `${'a'.repeat(path.slice(1))}😀 and more`
  const agent = new core.Agent({ keepAlive: true, maxSockets: 1 })
  await serving(
    (req, res) => res.end(text(req.url)),
    async (port) => {
      for (let length = 0; length < 600; length++) {
        const { body } = await request(port, { agent, path: `/${length}` })
        assert.equal(body.toString(), text(`/${length}`))
      }
    },
  )
  agent.destroy()
})

test('an echo under back-pressure, and a slow reader', async () => {
  const body = randomBytes(8_000_000)
  await serving(
    (req, res) => req.pipe(res),
    async (port) => {
      const received = await new Promise((resolve, reject) => {
        const req = core.request({ port, method: 'POST', agent: false }, (res) => {
          const chunks = []
          res.on('data', (chunk) => {
            chunks.push(chunk)
            if (chunks.length % 10 === 0) {
              res.pause()
              setTimeout(() => res.resume(), 1)
            }
          })
          res.on('end', () => resolve(Buffer.concat(chunks)))
        })
        req.on('error', reject)
        req.end(body)
      })
      assert.ok(received.equals(body))
    },
  )
})

test('a queued response continues after back-pressure', async () => {
  for (const size of [100, 17_000, 65_536, 100_000]) {
    const part = 'x'.repeat(size)
    const application = (req, res) => {
      if (req.url === '/late') return setTimeout(() => res.end('late'), 3)
      let left = 16
      const more = () => {
        while (left-- > 0) if (!res.write(part)) return res.once('drain', more)
        res.end()
      }
      more()
    }
    await serving(application, async (port) => {
      const answers = await exchange(port, [get('/late') + get('/much') + LAST.replace('/last', '/late')])
      assert.equal(answers.split(part).length - 1, 16, `parts of ${size}`)
      assert.match(answers, /late$/)
    })
  }
})

test('an unread body stops the peer, and is dropped after the response', async () => {
  await serving(
    (req, res) => {
      req.pause()
      req.on('data', () => {})
      req.pause()
      setTimeout(() => {
        assert.ok(req.socket.bytesRead < 4_000_000, `${req.socket.bytesRead} bytes were read`)
        res.end('no thanks')
      }, 100)
    },
    async (port) => {
      const { body } = await request(port, { method: 'POST' }, Buffer.alloc(20_000_000))
      assert.equal(body.toString(), 'no thanks')
    },
  )
})

test('fs.createReadStream().pipe(res)', async () => {
  const file = path.join(os.tmpdir(), `ironwire-http-${process.pid}`)
  fs.writeFileSync(file, randomBytes(1_500_000))
  try {
    const listener = (_req, res) => {
      res.writeHead(200)
      fs.createReadStream(file).pipe(res)
    }
    await serving(listener, async (port) => {
      const { body } = await request(port)
      assert.ok(body.equals(fs.readFileSync(file)))
    })
  } finally {
    fs.unlinkSync(file)
  }
})

test('curl', async (t) => {
  const listener = (req, res) => req.pipe(res.writeHead(200, { 'Content-Type': 'text/plain' }))
  await serving(listener, async (port) => {
    const url = `http://127.0.0.1:${port}/`
    const run = async (...args) => {
      try {
        return (await promisify(execFile)('curl', ['-sS', ...args])).stdout
      } catch (error) {
        if (error.code !== 'ENOENT') throw error
        return undefined
      }
    }
    const answer = await run('-d', 'hello', url, '--next', '-sS', '-d', 'again', url)
    if (answer === undefined) return t.skip('no curl here')
    assert.equal(answer, 'helloagain')
    assert.match(await run('-I', url), /^HTTP\/1\.1 200 OK\r\n/)
    assert.equal(await run('-0', '-d', 'old', url), 'old')
    assert.equal(await run('-H', 'Transfer-Encoding: chunked', '-d', 'in chunks', url), 'in chunks')
    assert.equal(await run('-H', 'Expect: 100-continue', '-d', 'expected', url), 'expected')
  })
})

test('a taken port is EADDRINUSE', async () => {
  await serving(
    () => {},
    async (port) => {
      const [error] = await events.once(http.createServer().listen(port, '127.0.0.1'), 'error')
      assert.equal(error.code, 'EADDRINUSE')
      assert.equal(error.syscall, 'listen')
      assert.equal(error.port, port)
    },
  )
})

test('a client that goes away: aborted, close, ECONNRESET', async () => {
  for (const touch of ['request', 'response', 'neither']) {
    const seen = []
    const server = http.createServer((req, res) => {
      if (touch === 'request') {
        req.on('aborted', () => seen.push('aborted'))
        req.on('error', (error) => seen.push(`${error.code} ${error.message}`))
        req.on('close', () => seen.push('req close'))
      }
      if (touch === 'response') res.on('close', () => seen.push(`res close ${res.writableEnded} ${res.destroyed}`))
      res.write('begun')
      server.emit('begun', req, res)
    })
    const port = await listen(server)
    const socket = coreNet.connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
    const [req, res] = await events.once(server, 'begun')
    await events.once(socket, 'data')
    socket.destroy()
    while (!res.destroyed) await new Promise((resolve) => setTimeout(resolve, 5))
    await linger()
    assert.equal(req.aborted, true)
    assert.equal(req.destroyed, true)
    if (touch === 'request') assert.deepEqual(seen.toSorted(), ['ECONNRESET aborted', 'aborted', 'req close'])
    if (touch === 'response') assert.deepEqual(seen, ['res close false true'])
    res.end('too late')
    await new Promise((resolve) => server.close(resolve))
  }
})

test('a response emits close when its client disconnects', async () => {
  const server = http.createServer((_req, res) => server.emit('got', res))
  const port = await listen(server)
  const socket = coreNet.connect(port, '127.0.0.1')
  socket.write(get('/'))
  const [res] = await events.once(server, 'got')
  const closed = events.once(res, 'close')
  socket.destroy()
  await closed
  assert.equal(res.destroyed, true)
  assert.equal(res.writableFinished, false)
  res.writeHead(200)
  res.end('too late')
  await new Promise((resolve) => server.close(resolve))
})

test('clientError gets a socket that can answer, and Node’s error', async () => {
  const server = http.createServer(() => assert.fail('no request'))
  server.on('clientError', (error, socket) => {
    assert.equal(error.code, 'HPE_INVALID_METHOD')
    assert.equal(error.message, 'Parse Error: Invalid method encountered')
    assert.equal(error.reason, 'Invalid method encountered')
    assert.equal(error.bytesParsed, 0)
    assert.equal(error.rawPacket.toString(), 'xyz\r\n\r\n')
    socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
  })
  const port = await listen(server)
  assert.equal(await exchange(port, ['xyz\r\n\r\n']), 'HTTP/1.1 418 Teapot\r\n\r\n')
  server.close()
})

test('upgrade hands over the socket and the first bytes', async () => {
  const server = http.createServer()
  server.on('upgrade', (req, socket, head) => {
    assert.equal(req.headers.upgrade, 'echo')
    assert.ok(socket instanceof coreNet.Socket)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
    socket.write(head)
    socket.pipe(socket)
  })
  const port = await listen(server)
  const socket = coreNet.connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nfirst ')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
    if (text.endsWith('first ')) socket.end('second')
  })
  await events.once(socket, 'close')
  assert.equal(text.split('\r\n\r\n')[1], 'first second')
  await new Promise((resolve) => server.close(resolve))
})

test('timeouts: an idle connection, a slow head, a slow body', async () => {
  const idle = { keepAliveTimeout: 50 }
  await serving(
    idle,
    (_req, res) => res.end('x'),
    async (port, server) => {
      server.keepAliveTimeoutBuffer = 0
      assert.match(await exchange(port, [get('/')]), /\r\n\r\nx$/)
    },
  )
  const options = { headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 20 }
  await serving(
    options,
    (_req, res) => res.end('x'),
    async (port) => {
      assert.equal(await exchange(port, ['GET / HT']), 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
    },
  )
  await serving(
    options,
    () => {},
    async (port) => {
      const slow = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab'
      assert.equal(await exchange(port, [slow]), 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
    },
  )
})

test('server.setTimeout and res.setTimeout', async () => {
  const server = http.createServer((_req, res) => {
    res.setTimeout(30, (socket) => {
      res.statusCode = 503
      res.end('late')
      assert.equal(socket, res.socket ?? socket)
    })
  })
  const port = await listen(server)
  assert.equal((await request(port)).status, 503)
  server.closeAllConnections()
  server.close()
  const other = http.createServer(() => {})
  other.setTimeout(30)
  const otherPort = await listen(other)
  assert.equal(await exchange(otherPort, [get('/')]), '')
  other.close()
})

test('close ends idle connections and waits for answers', async () => {
  const server = http.createServer((req, res) => (req.url === '/' ? res.end('idle') : server.emit('got', res)))
  const port = await listen(server)
  const idle = exchange(port, [get('/')])
  const waiting = exchange(port, [LAST])
  const [res] = await events.once(server, 'got')
  let closed = false
  server.close(() => (closed = true))
  assert.match(await idle, /idle$/)
  assert.equal(closed, false)
  res.end('answered')
  assert.match(await waiting, /answered$/)
  while (!closed) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('classes of the application', async () => {
  class Request extends http.IncomingMessage {
    get shout() {
      return this.url.toUpperCase()
    }
  }
  class Response extends http.ServerResponse {
    ok(text) {
      this.writeHead(200, { 'X-Own': 'yes' })
      this.end(text)
    }
  }
  const options = { IncomingMessage: Request, ServerResponse: Response }
  await serving(
    options,
    (req, res) => res.ok(req.shout),
    async (port) => {
      const { headers, body } = await request(port, { path: '/loud' })
      assert.equal(headers['x-own'], 'yes')
      assert.equal(body.toString(), '/LOUD')
    },
  )
})

test('any Duplex can be served', async () => {
  const server = http.createServer((_req, res) => res.end('over any stream'))
  const proxy = coreNet.createServer((socket) => server.emit('connection', socket))
  const port = await listen(proxy)
  assert.equal((await request(port)).body.toString(), 'over any stream')
  proxy.close()
  server.close()
})

test('Duplex streams are closed with the server, and have its timeouts', async () => {
  for (const module of [core, http]) {
    const server = module.createServer({ headersTimeout: 20, connectionsCheckingInterval: 10 }, (_req, res) =>
      res.end(),
    )
    await listen(server)
    const proxy = coreNet.createServer((socket) => server.emit('connection', socket))
    const port = await listen(proxy)
    const open = async (bytes) => {
      const socket = coreNet.connect(port, '127.0.0.1')
      socket.write(bytes)
      const [data] = await events.once(socket, 'data')
      return { socket, closed: events.once(socket, 'close'), status: /\d{3}/.exec(data)[0] }
    }
    const late = await open('GET / HTTP/1.1\r\n')
    assert.equal(late.status, '408')
    await late.closed
    server.headersTimeout = 0
    const idle = await open(get('/'))
    server.closeIdleConnections()
    await idle.closed
    // The next one is in the middle of a request.
    const busy = await open(`${get('/')}GET /`)
    server.closeAllConnections()
    await busy.closed
    proxy.close()
    server.close()
  }
})

test('hundreds of requests in one write are answered in order', async () => {
  await serving(
    (req, res) => (req.url.endsWith('7') ? setImmediate(() => res.end(`${req.url};`)) : res.end(`${req.url};`)),
    async (port) => {
      let input = ''
      for (let i = 0; i < 500; i++) input += get(`/${i}`)
      const bodies = (await exchange(port, [input + LAST])).match(/\/(\d+|last);/g)
      assert.deepEqual(bodies, [...Array.from({ length: 500 }, (_, i) => `/${i};`), '/last;'])
    },
  )
})

test('a client that never reads cannot grow the memory', async () => {
  await serving(
    (_req, res) => res.end('x'.repeat(50_000)),
    async (port) => {
      const socket = coreNet.connect(port, '127.0.0.1')
      socket.pause()
      const pipelined = get('/').repeat(2_000)
      const before = process.memoryUsage().rss
      for (let i = 0; i < 20; i++) socket.write(pipelined)
      await new Promise((resolve) => setTimeout(resolve, 300))
      const grown = process.memoryUsage().rss - before
      socket.destroy()
      assert.ok(grown < 200e6, `grew by ${Math.round(grown / 1e6)} MB for 2 GB of answers`)
    },
  )
})

test('a reader that pauses gets every answer, with and without a socket in use', async () => {
  for (const touched of [false, true]) {
    const answer = 'x'.repeat(40_000)
    await serving(
      (req, res) => {
        if (touched) req.socket.remotePort
        res.end(answer)
      },
      async (port) => {
        const socket = coreNet.connect(port, '127.0.0.1')
        const count = 1_000
        socket.pause()
        for (let i = 0; i < count; i++) socket.write(get('/'))
        socket.write(LAST)
        setTimeout(() => socket.resume(), 50)
        let length = 0
        socket.on('data', (chunk) => (length += chunk.length))
        await events.once(socket, 'close')
        assert.ok(length > (count + 1) * answer.length, `${length} bytes came`)
      },
    )
  }
})

test('connections leave nothing behind', { timeout: 60_000 }, async () => {
  const child = fork(path.join(__dirname, 'churn.js'), { execArgv: ['--expose-gc'] })
  const [report] = await events.once(child, 'message')
  assert.deepEqual(report.usage, report.usageBefore)
  assert.equal(report.served > 0, true)
  assert.ok(report.grown < 40e6, `RSS grew by ${report.grown} bytes over the second half`)
  const [code] = await events.once(child, 'exit')
  assert.equal(code, 0)
})
