'use strict'

// One way: the client sends, the server listens.
//
//   node examples/net/one-way/server.js        and in another terminal   node examples/net/one-way/client.js

const { net } = require('ironwire')

const server = net.createServer((socket) => {
  // TCP carries a stream of bytes, not messages: `chunk` is whatever has arrived, perhaps half a message, perhaps
  // three.
  socket.on('data', (chunk) => console.log(`received ${chunk}`))
  socket.on('end', () => console.log('the client has finished'))
  socket.on('error', (error) => console.log(`the client is gone: ${error.code}`))
})

server.listen(process.env.PORT ?? 3001, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`)
})
