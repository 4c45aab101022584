'use strict'

// A child process of server.test.js: opens and drops connections at random moments and reports what is left.

const net = require('node:net')
const { http } = require('../..')
const { usage } = require('../../lib/engine.js')

const ROUNDS = 40
const CONNECTIONS = 50

let served = 0
const server = http.createServer((req, res) => {
  served++
  const kind = served % 5
  if (kind === 0) res.end('at once')
  else if (kind === 1) setTimeout(() => res.end('later'), served % 7)
  else if (kind === 2) req.pipe(res)
  else if (kind === 3) {
    res.on('close', () => {})
    res.write('never ended')
  } else throwAway(req.socket)
})

function throwAway(socket) {
  if (served % 2) socket.destroy()
  else socket.end()
}

const INPUTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5),
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  'GET / HT',
  'nonsense',
  '',
]

function connection(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write(INPUTS[Math.floor(Math.random() * INPUTS.length)])
      setTimeout(() => (Math.random() < 0.5 ? socket.destroy() : socket.resetAndDestroy()), Math.random() * 10)
    })
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('close', resolve)
  })
}

server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address()
  const usageBefore = usage()
  let middle = 0
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(Array.from({ length: CONNECTIONS }, () => connection(port)))
    if (round === ROUNDS / 2) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      gc()
      middle = process.memoryUsage().rss
    }
  }
  for (let i = 0; i < 500 && usage().slots !== usageBefore.slots; i++) await new Promise((r) => setTimeout(r, 20))
  gc()
  process.send({ usage: usage(), usageBefore, served, grown: process.memoryUsage().rss - middle })
  process.disconnect()
  server.close()
})
