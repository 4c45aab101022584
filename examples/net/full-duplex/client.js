'use strict'

// The asking side of examples/net/full-duplex/server.js: twelve questions at once, each callback called with its own answer.

const { net, Buffer } = require('ironwire')
const { framing, join, part } = require('./frames')

/** The connection as a stream of messages. */
const messages = net.connect({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3001) }).frames(framing)

/** What waits for an answer, by sequence number. */
const waiting = new Map()
let sequence = 0

/** Error first: `callback(error)` or `callback(null, title)`, once. */
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

// Whoever still waits when the connection ends has to hear about it.
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
