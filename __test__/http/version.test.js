// The version of a request, read from the lean object and from the one that has become core's.

'use strict'

const assert = require('node:assert')
const net = require('node:net')
const { once } = require('node:events')
const { test } = require('node:test')
const { http } = require('../..')

const read = (req) => [req.httpVersion, req.httpVersionMajor, req.httpVersionMinor]

test('httpVersion before and after the stream of the request is accessed', async (t) => {
  const seen = []
  const server = http.createServer((req, res) => {
    seen.push(read(req))
    // Body and socket are asked for: from here on this is core's object.
    req.resume()
    req.on('end', () => {
      seen.push(read(req))
      res.end()
    })
  })
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  for (const version of ['1.0', '1.1']) {
    const socket = net.connect(server.address().port, '127.0.0.1')
    socket.end(`POST / HTTP/${version}\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi`)
    socket.resume()
    await once(socket, 'close')
  }
  assert.deepStrictEqual(seen, [
    ['1.0', 1, 0],
    ['1.0', 1, 0],
    ['1.1', 1, 1],
    ['1.1', 1, 1],
  ])
})
