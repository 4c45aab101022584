'use strict'

// What either side makes of the other's certificates.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const core = require('node:tls')
const { tls } = require('../..')
const { file, listen } = require('../https/support.js')
const { isOurs } = require('./support.js')

const key = fs.readFileSync(file('chains/key.pem'), 'latin1')
const own = { key, cert: fs.readFileSync(file('chains/good.pem'), 'latin1') }

/** What a client of `connect` makes of a server with the chain; ends of chains have `key`. */
async function server({ connect }, cert, ca) {
  const server = core.createServer({ key, cert }, (socket) => socket.on('error', () => {}))
  const socket = connect({ port: await listen(server), host: '127.0.0.1', servername: 'localhost', ca })
  try {
    return await new Promise((resolve) => {
      socket.on('error', ({ code, message }) => resolve([code, message]))
      socket.on('secureConnect', () => resolve([socket.authorized, socket.authorizationError]))
    })
  } finally {
    socket.destroy()
    server.close()
  }
}

/** What a server of `createServer` makes of a client with it. */
async function client({ createServer }, cert, ca) {
  const options = { ...own, ca, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, (socket) => socket.on('error', () => {}))
  const port = await listen(server)
  const socket = core.connect({ port, host: '127.0.0.1', key, cert, rejectUnauthorized: false })
  socket.on('error', () => {})
  try {
    const [peer] = await once(server, 'secureConnection')
    if (createServer === tls.createServer) assert.ok(isOurs(peer), 'rustls does it')
    return [peer.authorized, peer.authorizationError]
  } finally {
    socket.destroy()
    server.close()
  }
}

module.exports = { server, client }
