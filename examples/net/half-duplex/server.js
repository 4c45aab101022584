'use strict'

// Half duplex: one question at a time on a connection. Each is answered before the next is asked.
//
//   node examples/net/half-duplex/server.js    and in another terminal   node examples/net/half-duplex/client.js

const { net, Buffer } = require('ironwire')

const courses = { 1: 'java', 2: 'javascript', 3: 'python' }
const QUESTION_BYTES = 2

const server = net.createServer((socket) => {
  let held = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk])
    // A question is two bytes. The second may arrive later than the first.
    while (held.length >= QUESTION_BYTES) {
      const id = held.readInt16BE(0)
      held = held.subarray(QUESTION_BYTES)
      // The answer ends with a newline, so that the client can find its end.
      socket.write(`${courses[id] ?? 'unknown'}\n`)
    }
  })
  socket.on('error', (error) => console.log(`the client is gone: ${error.code}`))
})

server.listen(process.env.PORT ?? 3001, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`)
})
