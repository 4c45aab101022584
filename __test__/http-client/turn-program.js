'use strict'

// Responses that arrive on many connections in one turn of the loop: `node turn-program.js IMPLEMENTATION SCENARIO` sends its notes.

const { AsyncLocalStorage } = require('node:async_hooks')
const { once } = require('node:events')
const net = require('node:net')
const { linger } = require('../linger')

const [implementation, scenario] = process.argv.slice(2)
const http = implementation === 'ironwire' ? require('../..').http : require('node:http')

const COUNT = 8
const notes = []
const storage = new AsyncLocalStorage()

const answers = {
  plain: (i) => `HTTP/1.1 200 OK\r\nX-Number: ${i}\r\nContent-Length: 4\r\n\r\nbody`,
  same: () => 'HTTP/1.1 200 Fine\r\nServer: same\r\nContent-Length: 4\r\n\r\nbody',
  chunked: () =>
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\nfour\r\n0\r\nTrailing: field\r\n\r\n',
  closing: () => 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end',
  throwing: () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody',
  broken: (i) =>
    i % 3 === 1 ? 'HTTP/1.1 200 OK\r\nbad field\r\n\r\n' : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  destroyed: () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody',
}

function serve() {
  const sockets = []
  return net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      if (sockets.push(socket) < COUNT) return
      // All at once, so that they are read in one turn.
      for (const [i, each] of sockets.entries()) {
        const answer = answers[scenario](i)
        if (scenario === 'closing') each.end(answer)
        else each.write(answer)
      }
    })
  })
}

function request(port, agent, i, over) {
  const note = (text) => notes.push([i, text])
  const putOff = (name) => {
    process.nextTick(() => note(`tick of ${name}`))
    Promise.resolve().then(() => {
      note(`promise of ${name}`)
      process.nextTick(() => note(`tick in promise of ${name}`))
    })
    queueMicrotask(() => note(`microtask of ${name}`))
  }
  const req = storage.run(i, () => http.get({ host: '127.0.0.1', port, agent, path: `/${i}` }))
  req.on('close', () => {
    note(`request closed in ${storage.getStore()}`)
    over()
  })
  req.on('error', ({ code, message }) => note(`error ${code} ${message}`))
  req.on('response', (res) => {
    note(`response ${res.statusMessage} ${res.rawHeaders.join()} in ${storage.getStore()}`)
    // Of no other response.
    res.rawHeaders.push('more')
    putOff('response')
    res.on('data', (chunk) => {
      note(`data ${chunk} in ${storage.getStore()}`)
      putOff('data')
      if (scenario === 'throwing' && i % 4 === 2) throw new Error(`thrown by ${i}`)
    })
    res.on('aborted', () => note('aborted'))
    res.on('error', ({ code }) => note(`response error ${code}`))
    res.on('end', () => {
      note(`end ${res.rawTrailers}`)
      putOff('end')
    })
    res.on('close', () => note('response closed'))
    if (scenario === 'throwing' && i % 4 === 1) throw new Error(`thrown by ${i}`)
    // One that has not had its turn, or has had it.
    if (scenario === 'destroyed' && i === 2) for (const other of [1, 5]) requests[other].destroy()
  })
  return req
}

const requests = []

async function main() {
  process.on('uncaughtException', (error) => notes.push([-1, error.message]))
  const server = serve().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new http.Agent({ keepAlive: true })
  let left = COUNT
  const over = () => {
    if (--left === 0) linger(30).then(() => process.send(notes, () => process.exit()))
  }
  for (let i = 0; i < COUNT; i++) requests.push(request(server.address().port, agent, i, over))
  // A response whose handler has thrown may never close.
  if (scenario !== 'throwing') return
  for (let before = -1; notes.length === 0 || notes.length > before; ) {
    before = notes.length
    await linger(300)
  }
  process.send(notes, () => process.exit())
}

main()
