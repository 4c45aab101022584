'use strict'

// Datagrams there and back: each is a message by itself, which comes whole or not at all.
// Run it: node examples/dgram/echo.js

const { dgram } = require('../..')

const server = dgram.createSocket('udp4')
// `from` says where it came from: { address, family, port, size }.
server.on('message', (message, from) => server.send(`You said ${message}`, from.port, from.address))
server.bind(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const client = dgram.createSocket('udp4')
  const words = ['one', 'two', 'three']
  let answers = 0
  client.on('message', (message) => {
    console.log(String(message)) // You said one, You said two, You said three
    if (++answers < words.length) return
    client.close()
    server.close()
  })
  // Those of one turn leave together. To know that one has left, pass a callback; that it has arrived, only an answer can say.
  for (const word of words) client.send(word, server.address().port, '127.0.0.1')
})
