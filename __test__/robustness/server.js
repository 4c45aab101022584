'use strict'

// The server under attack, a process of its own: `node --expose-gc server.js IMPLEMENTATION KIND`, KIND being http, bare, net or rpc.
// Over IPC it says its port, then answers 'measure' with what it holds, and 'close' by closing and going idle.

const { held } = require('./held.js')

const [implementation, kind] = process.argv.slice(2)
const ours = implementation === 'ironwire' ? require('ironwire') : undefined

/** Begun and ended: equal once every connection is gone, or an ending was lost. */
const counts = { begun: 0, ended: 0 }

function track(emitter) {
  counts.begun++
  emitter.once('close', () => counts.ended++)
}

const chunk = Buffer.alloc(64 * 1024, 'x')

/** A megabyte with respect for back-pressure. */
function sendMuch(res, left = 16) {
  for (; left > 0; left--) {
    if (!res.write(chunk)) {
      res.once('drain', () => sendMuch(res, left - 1))
      return
    }
  }
  res.end()
}

const servers = {
  http() {
    // A half-sent request is a client error: without a handler the server answers 400, which is as well.
    return servers.bare().on('connection', track)
  },

  /** Nobody looks at the connections. */
  bare() {
    const { createServer } = ours?.http ?? require('node:http')
    const server = createServer((req, res) => {
      // Not the response: Node tells one that waited behind another nothing when their connection goes.
      track(req)
      req.on('error', () => {})
      if (req.url === '/small') res.end('small')
      else if (req.url === '/much') sendMuch(res)
      else if (req.url === '/late') setTimeout(() => res.end('late'), 3)
      else if (req.url === '/stream') {
        res.write('begun')
        setTimeout(() => res.end('ended'), 3)
      } else {
        let length = 0
        req.on('data', (data) => {
          length += data.length
        })
        req.on('end', () => res.end(String(length)))
      }
    })
    return server
  },

  net() {
    const { createServer } = ours?.net ?? require('node:net')
    return createServer((socket) => {
      track(socket)
      socket.on('error', () => {})
      socket.pipe(socket)
    })
  },

  rpc() {
    const server = ours.rpc.createServer()
    server.method('echo', (request, callback) => {
      counts.begun++
      counts.ended++
      callback(null, request)
    })
    server.method('late', (request, callback) => {
      counts.begun++
      setTimeout(() => {
        counts.ended++
        callback(null, request)
      }, 3)
    })
    server.method('much', (_request, callback) => callback(null, Buffer.alloc(256 * 1024)))
    server.on('error', () => {})
    return server
  },
}

function measure() {
  return { ...held(ours !== undefined), ...counts }
}

const server = servers[kind]()
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
const orphaned = () => process.exit(2)
process.on('disconnect', orphaned)
process.on('message', (message) => {
  if (message === 'measure') process.send(measure())
  if (message === 'close') {
    server.close(() => {
      // A turn later: what closes with the server has to be gone then.
      setTimeout(() => {
        process.send(measure())
        // From here on nothing but a leaked handle keeps the process alive.
        process.removeListener('disconnect', orphaned)
        process.disconnect()
      }, 50)
    })
  }
})
