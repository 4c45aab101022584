'use strict'

// Options of servers that came with later versions of Node, held against the running one; where it does not know them, they do nothing.

const assert = require('node:assert/strict')
const core = require('node:http')
const { once } = require('node:events')
const net = require('node:net')
const { test } = require('node:test')
const { inspect } = require('node:util')
const { http } = require('../..')
const { exchange, listen } = require('./exchanges')

/** What a server with `options` answers to each of `requests`, and what its handler saw, on Node's server and on ours. */
async function same(options, requests, handler) {
  const results = []
  for (const module of [core, http]) {
    const seen = []
    const server = module.createServer(options, (req, res) => handler(req, res, seen))
    const port = await listen(server)
    const answers = []
    for (const request of requests) answers.push(await exchange(port, [request]))
    // What is told in later ticks.
    await new Promise(setImmediate)
    results.push([answers, seen])
    server.closeAllConnections()
    server.close()
  }
  assert.deepEqual(results[1], results[0])
  return results[1]
}

const CLOSE = 'Host: a\r\nConnection: close\r\n'

for (const httpValidation of ['strict', 'relaxed', 'insecure', undefined]) {
  test(`httpValidation: ${httpValidation}`, () =>
    same(
      { httpValidation },
      [
        `GET / HTTP/1.1\r\n${CLOSE}X: a\x01b\r\n\r\n`,
        'GET / HTTP/1.1\nHost: a\nConnection: close\n\n',
        `POST / HTTP/1.1\r\n${CLOSE}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
      ],
      (req, res, seen) => {
        seen.push(req.rawHeaders)
        try {
          res.setHeader('X', 'a\x01b')
        } catch (error) {
          seen.push(error.code)
        }
        res.end('x')
      },
    ))
}

for (const optimizeEmptyRequests of [true, false]) {
  test(`optimizeEmptyRequests: ${optimizeEmptyRequests}`, async () => {
    const requests = [
      `GET / HTTP/1.1\r\n${CLOSE}\r\n`,
      `POST / HTTP/1.1\r\n${CLOSE}Content-Length: 0\r\n\r\n`,
      `POST / HTTP/1.1\r\n${CLOSE}Content-Length: 3\r\n\r\nabc`,
      `POST / HTTP/1.1\r\n${CLOSE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ]
    const [answers] = await same({ optimizeEmptyRequests }, requests, (req, res, seen) => {
      seen.push([req.method, req._dumped, req.readable, req.destroyed, req.readableEnded])
      for (const event of ['data', 'end', 'close', 'error']) req.on(event, () => seen.push(event))
      if (req.readable) req.on('end', () => res.end('x'))
      else res.end('x')
    })
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 OK/)
  })
}

test('private state of servers and agents is not printed or copied', () => {
  const keys = (made) => [Object.keys(made), Object.getOwnPropertySymbols({ ...made }).map(String)]
  for (const make of [({ Server }) => new Server(), ({ Agent }) => new Agent({ keepAlive: true })]) {
    assert.deepEqual(keys(make(http)), keys(make(core)))
    assert.doesNotMatch(inspect(make(http), { depth: 0 }), /ironwire/)
  }
})

// Newer versions of Node refuse what older ones leave away.
for (const maxHeadersCount of [undefined, 0, 1, 1.5, 2, 33, -1]) {
  test(`maxHeadersCount: ${maxHeadersCount}`, async () => {
    const results = []
    for (const module of [core, http]) {
      const seen = []
      const server = module.createServer((req, res) => {
        seen.push(req.rawHeaders.length, Object.keys(req.headers))
        req.resume()
        req.on('end', () => {
          seen.push(req.rawTrailers.length, Object.keys(req.trailers))
          res.end()
        })
        req.on('error', () => {})
      })
      server.on('clientError', (error, socket) => {
        seen.push(error.code, error.message)
        socket.end('HTTP/1.1 431 refused\r\nConnection: close\r\n\r\n')
      })
      server.maxHeadersCount = maxHeadersCount
      const port = await listen(server)
      for (const count of [3, 40, 70]) {
        const fields = Array.from({ length: count - 1 }, (_, i) => `x${i}: 1\r\n`).join('')
        seen.push((await exchange(port, [`GET / HTTP/1.1\r\n${CLOSE}${fields}\r\n`])).status)
        const chunked = 'Transfer-Encoding: chunked\r\n'
        seen.push((await exchange(port, [`POST / HTTP/1.1\r\n${CLOSE}${chunked}\r\n0\r\n${fields}\r\n`])).status)
      }
      results.push(seen)
      server.closeAllConnections()
      server.close()
    }
    assert.deepEqual(results[1], results[0])
  })
}

test('highWaterMark: 0', async () => {
  for (const module of [core, http]) {
    const server = module.createServer({ highWaterMark: 0 }, (req, res) => res.end(req.url))
    const port = await listen(server)
    const socket = net.connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (data) => {
      text += data
      // The next request comes when the last one is answered.
      if (/\/1$/.test(text)) socket.write(`GET /2 HTTP/1.1\r\n${CLOSE}\r\n`)
    })
    socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'close')
    assert.match(text, /\/2$/)
    server.close()
  }
})
