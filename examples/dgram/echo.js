'use strict'

// Sends datagrams there and back. Each one is a message of its own, which arrives completely or not at all. Run it:
// node examples/dgram/echo.js

const { dgram } = require('../..')

const server = dgram.createSocket('udp4')
// `from` is the sender: { address, family, port, size }.
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
  // Datagrams of one turn are sent together. A callback tells when a datagram was sent; only an answer can tell that it
  // arrived.
  for (const word of words) client.send(word, server.address().port, '127.0.0.1')
})
