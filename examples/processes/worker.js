'use strict'

// A worker of examples/processes/main.js: computes hashes when called.

const { createHash } = require('node:crypto')
const { Buffer, rpc } = require('ironwire')

const server = rpc.createServer()

server.method('hash', (request, callback) => {
  const { text, rounds } = JSON.parse(request.toString())
  let digest = text
  for (let i = 0; i < rounds; i++) digest = createHash('sha256').update(digest).digest('hex')
  callback(null, Buffer.from(JSON.stringify({ pid: process.pid, digest })))
})

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

// The channel closes when the main process ends for any reason. A worker must not outlive it.
process.on('disconnect', () => process.exit())
