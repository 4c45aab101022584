'use strict'

// The asking side of examples/net/full-duplex/server.js: twelve questions at once, each callback called with its own answer.

const { net, Buffer } = require('ironwire')
const { encode, decoder } = require('./frames')

const socket = net.connect({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3001) })

/** What waits for an answer, by sequence number. */
const waiting = new Map()
let sequence = 0

/** Error first: `callback(error)` or `callback(null, title)`, once. */
function ask(id, callback) {
  const body = Buffer.alloc(4)
  body.writeInt32BE(id)
  sequence += 1
  waiting.set(sequence, callback)
  socket.write(encode(sequence, body))
}

const push = decoder((sequence, body) => {
  const callback = waiting.get(sequence)
  waiting.delete(sequence)
  callback?.(null, body.toString())
})
socket.on('data', (chunk) => {
  try {
    push(chunk)
  } catch (error) {
    socket.destroy(error)
  }
})

// Whoever still waits when the connection ends has to hear about it.
let failure = new Error('The connection ended before the answer came')
socket.on('error', (error) => {
  failure = error
  process.exitCode = 1
})
socket.on('close', () => {
  for (const callback of waiting.values()) callback(failure)
})

for (let i = 1; i <= 12; i++) {
  const id = [1000, 2000, 3000, 4000][i % 4]
  ask(id, (error, title) => {
    if (error) return console.error(`question ${i} failed: ${error.message}`)
    console.log(`question ${i}: ${id} is ${title}`)
    if (waiting.size === 0) socket.end()
  })
}
