'use strict'

// The client for examples/net/one-way/server.js: it sends three words and ends.

const { net } = require('ironwire')

const socket = new net.Socket()
socket.connect({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3001) })

const words = ['one', 'two', 'three']
socket.on('connect', () => {
  const timer = setInterval(() => {
    socket.write(words.shift())
    if (words.length > 0) return
    clearInterval(timer)
    socket.end()
  }, 200)
})
socket.on('error', (error) => {
  console.error(`${error.message}\nIs the server running?`)
  process.exitCode = 1
})
