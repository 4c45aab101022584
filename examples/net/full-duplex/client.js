'use strict'

// The client for examples/net/full-duplex/server.js: twelve questions at once, and each callback gets its own answer.

const { net, Buffer } = require('ironwire')
const { framing, join, part } = require('./frames')

/** The connection as a stream of messages. */
const messages = net.connect({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3001) }).frames(framing)

/** The callbacks that wait for an answer, by sequence number. */
const waiting = new Map()
let sequence = 0

/** Calls `callback(error)` or `callback(null, title)` once. */
function ask(id, callback) {
  const body = Buffer.alloc(4)
  body.writeInt32BE(id)
  sequence += 1
  waiting.set(sequence, callback)
  messages.write(join(sequence, body))
}

messages.on('data', (message) => {
  const { sequence, body } = part(message)
  const callback = waiting.get(sequence)
  waiting.delete(sequence)
  callback?.(null, body.toString())
})

// When the connection ends, all waiting callbacks get an error.
let failure = new Error('The connection ended before the answer came')
messages.on('error', (error) => {
  failure = error
  process.exitCode = 1
})
messages.on('close', () => {
  for (const callback of waiting.values()) callback(failure)
})

for (let i = 1; i <= 12; i++) {
  const id = [1000, 2000, 3000, 4000][i % 4]
  ask(id, (error, title) => {
    if (error) return console.error(`question ${i} failed: ${error.message}`)
    console.log(`question ${i}: ${id} is ${title}`)
    if (waiting.size === 0) messages.end()
  })
}
