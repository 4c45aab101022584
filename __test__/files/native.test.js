'use strict'

// Files of a server that does nothing else are answered without JavaScript: byte for byte as by serve-static on node:http, and only as long as
// nobody hooks into requests.

const assert = require('node:assert')
const { once } = require('node:events')
const http = require('node:http')
const { describe, test } = require('node:test')
const { setTimeout } = require('node:timers/promises')
const reference = require('serve-static')
const { connect, serve, LARGE, MIDDLE } = require('./native-support')

const undated = (head) => head.replace(/^Date: .*$/gm, 'Date: *')

describe('a response', () => {
  const EXCHANGES = [
    ['GET', '/a.txt'],
    ['HEAD', '/a.txt'],
    ['GET', '/a.txt?query'],
    ['GET', '/sub'],
    ['GET', '/sub/'],
    ['GET', '/%61.txt'],
    ['GET', '/a.txt', 'Range: bytes=1-2\r\n'],
    ['GET', '/a.txt', 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n'],
    ['GET', '/a.txt', 'If-None-Match: *\r\n'],
    ['GET', '/middle.bin', 'Range: bytes=5-\r\n'],
    ['GET', '/middle.bin', 'Range: bytes=-70000\r\n'],
    ['GET', '/large.bin'],
    ['GET', '/a.txt', 'Connection: close\r\n'],
  ]

  test("is serve-static's on node:http, byte for byte", async (t) => {
    const { root, port, call } = await serve(t)
    const files = reference(root)
    const other = http.createServer((req, res) => files(req, res, () => res.end('none')))
    t.after(() => other.close())
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    for (const [method, target, headers] of EXCHANGES) {
      const answers = []
      for (const to of [port, other.address().port]) {
        const connection = await connect(t, to)
        // What comes again, byte for byte, is known by its bytes.
        for (let again = 0; again < (headers?.includes('close') ? 1 : 4); again++) {
          connection.send(method, target, headers)
          const { head, body } = await connection.response({ method })
          const answer = { head: undated(head), body: body.toString('latin1') }
          if (again > 0) assert.deepStrictEqual(answer, answers.at(-1), `${method} ${target} ${headers}, again`)
          else answers.push(answer)
        }
        connection.socket.destroy()
      }
      assert.deepStrictEqual(answers[0], answers[1], `${method} ${target} ${headers}`)
    }
    assert.deepStrictEqual(await call('calls'), [], 'and none of it is by JavaScript')
  })

  test('is left to JavaScript if there is no file or the request is unusual', async (t) => {
    const { port, call } = await serve(t)
    const connection = await connect(t, port)
    const unusual = [
      ['GET', '/none'],
      ['POST', '/a.txt', 'Content-Length: 0\r\n'],
      ['OPTIONS', '/a.txt'],
      ['GET', '/a.txt', 'Content-Length: 3\r\n', 'abc'],
      ['GET', '/a.txt', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
      ['GET', 'http://x/a.txt'],
      ['GET', '/a.txt#fragment'],
      ['GET', '/a.txt', 'Range: bytes=0-1\r\nRange: bytes=2-3\r\n'],
    ]
    for (const [method, target, headers, body] of unusual) {
      connection.send(method, target, headers, body)
      const { head } = await connection.response()
      assert.match(head, /^X-From: JavaScript/m)
      assert.strictEqual((await connection.get('/a.txt')).text, 'alpha', `after ${method} ${target} ${headers}`)
    }
    assert.strictEqual((await call('calls')).length, unusual.length)
    connection.send('GET', '/a.txt', 'Expect: 100-continue\r\n')
    assert.match((await connection.response()).head, /^HTTP\/1.1 100 /)
    assert.match((await connection.response()).text, /^JavaScript/)
    connection.socket.write('GET /a.txt HTTP/1.0\r\n\r\n')
    assert.match((await connection.response()).head, /Connection: close/)
    await connection.rest()
  })

  test('is 400 to a request without Host', async (t) => {
    const { port } = await serve(t)
    const connection = await connect(t, port)
    connection.socket.write('GET /a.txt HTTP/1.1\r\n\r\n')
    assert.strictEqual((await connection.response()).status, 400)
  })

  test('keeps its order among other responses', async (t) => {
    const { port } = await serve(t)
    const kinds = ['/a.txt', '/b.txt', '/none', '/middle.bin', '/a.txt?x']
    const wanted = { '/a.txt': 'alpha', '/b.txt': 'beta', '/a.txt?x': 'alpha' }
    const targets = Array.from({ length: 1000 }, (_, i) => kinds[(i * 7 + (i >> 3)) % 5])
    const connection = await connect(t, port)
    const requests = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\nX-Number: ${target}\r\n\r\n`)
    connection.socket.write(requests.join(''))
    for (const target of targets) {
      const { head, text, body } = await connection.response()
      // What comes together with a request of JavaScript's may be its, too.
      if (head.includes('X-From')) assert.strictEqual(text, `JavaScript ${target}`)
      else if (target === '/middle.bin') assert.ok(body.equals(MIDDLE))
      else assert.strictEqual(text, wanted[target])
    }
  })

  test('arrives however the requests are split', async (t) => {
    const { port, call } = await serve(t)
    const connection = await connect(t, port)
    const text = 'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=1-\r\n\r\n'
    for (let at = 1; at < text.length; at += 3) {
      connection.socket.write(text.slice(0, at))
      await setTimeout(2)
      connection.socket.write(text.slice(at))
      assert.strictEqual((await connection.response()).text, 'alpha')
      assert.strictEqual((await connection.response()).text, 'eta')
    }
    assert.deepStrictEqual(await call('calls'), [])
  })

  test('is written to the access log, once per turn', async (t) => {
    const { port, call } = await serve(t, { logs: true })
    const connection = await connect(t, port)
    connection.send('HEAD', '/a.txt')
    await connection.response({ method: 'HEAD' })
    await connection.get('/middle.bin?q', 'Range: bytes=0-9\r\n')
    await connection.get('/none')
    const rows = (await call('log')).trimEnd().split('\n')
    assert.deepStrictEqual(
      rows.map((row) => row.split('\t').slice(0, 5)),
      [
        ['127.0.0.1', 'HEAD', '/a.txt', '200', '0'],
        ['127.0.0.1', 'GET', '/middle.bin?q', '206', '10'],
      ],
    )
    for (const row of rows) assert.match(row.split('\t')[5], /^\d+$/)
  })
})

describe('a program that replaces or listens', () => {
  test('is called from then on, until it stops', async (t) => {
    const { port, call } = await serve(t)
    for (const name of await call('hooks')) {
      const connection = await connect(t, port)
      assert.strictEqual((await connection.get('/a.txt')).text, 'alpha', `before ${name}`)
      await call('hook', name)
      assert.strictEqual((await connection.get('/a.txt')).text, 'JavaScript /a.txt', name)
      assert.strictEqual((await (await connect(t, port)).get('/b.txt')).text, 'JavaScript /b.txt', name)
      await call('unhook')
      const fresh = await connect(t, port)
      assert.strictEqual((await fresh.get('/a.txt')).text, 'alpha', `after ${name}`)
    }
  })

  test("listens for 'data' on a socket, or sets its timeout", async (t) => {
    const { port, call } = await serve(t)
    await call('tapNext')
    const tapped = await connect(t, port)
    assert.strictEqual((await tapped.get('/a.txt')).text, 'JavaScript /a.txt')
    assert.match((await call('seen')).join(''), /^GET \/a\.txt/)
    await call('timeNext')
    const timed = await connect(t, port)
    assert.strictEqual((await timed.get('/a.txt')).text, 'JavaScript /a.txt')
  })

  test('can measure requests', async (t) => {
    const { port, call } = await serve(t)
    const connection = await connect(t, port)
    assert.strictEqual((await connection.get('/a.txt')).text, 'alpha')
    await call('observe')
    assert.strictEqual((await connection.get('/a.txt')).text, 'JavaScript /a.txt')
  })

  test('sees bytesRead and close of a socket', async (t) => {
    const { port, call } = await serve(t)
    await call('watchNext')
    const connection = await connect(t, port)
    const { head, body } = await connection.get('/large.bin')
    assert.ok(body.equals(LARGE))
    const last = await connection.get('/a.txt', 'Connection: close\r\n')
    await connection.rest()
    const sent = head.length + LARGE.length + last.head.length + last.body.length
    const received =
      'GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    for (;;) {
      const [line] = await call('seen')
      if (line === undefined) continue
      assert.strictEqual(line, `closed ${received.length} ${sent}`)
      break
    }
  })
})
