'use strict'

// Full duplex with multiplexing: many questions are in flight on one connection, and are answered as soon as each
// answer is ready. This is what ironwire's `rpc` does, written by hand; see examples/rpc for the short way.
//
//   node examples/net/full-duplex/server.js    and in another terminal   node examples/net/full-duplex/client.js

const { net, Buffer } = require('ironwire')
const { framing, join, part } = require('./frames')

const courses = { 1000: 'java', 2000: 'javascript', 3000: 'python' }

const server = net.createServer((socket) => {
  const messages = socket.frames(framing)
  messages.on('data', (message) => {
    const { sequence, body } = part(message)
    const id = body.length === 4 ? body.readInt32BE(0) : -1
    // Each answer takes a random time, so answers overtake each other. The sequence number is sent back with the
    // answer.
    setTimeout(() => {
      if (messages.writable) messages.write(join(sequence, Buffer.from(courses[id] ?? 'unknown')))
    }, Math.random() * 200)
  })
  // The client is gone, or sent an invalid message. Then it is unknown where the next one begins, so the connection
  // ends.
  messages.on('error', (error) => console.log(error.message))
})

server.listen(process.env.PORT ?? 3001, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`)
})
