'use strict'

// An echo over UDP. Each datagram is a message of its own, which arrives complete or not at all.
// Run it: node examples/dgram/echo.js

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
  // Datagrams of one turn of the loop leave together. A callback tells you that a datagram has left; only an answer tells you that it has arrived.
  for (const word of words) client.send(word, server.address().port, '127.0.0.1')
})
