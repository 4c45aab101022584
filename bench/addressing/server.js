'use strict'

// A registry, or a server that registers with one: `node server.js`.

const { expose } = require('../lib/child.js')
const { rpc } = require('../..')

const listening = (server) =>
  new Promise((resolve, reject) => {
    server.on('error', reject)
    server.on('listening', () => resolve(server.address().port))
    server.listen(0, '127.0.0.1')
  })

let registrar

expose({
  registry: () => listening(rpc.createRegistry()),
  async serve(registry) {
    const server = rpc.createServer()
    server.method('echo', (request, callback) => callback(null, request))
    const port = await listening(server)
    registrar = rpc.connectRegistry(`registry://127.0.0.1:${registry}`)
    await new Promise((resolve) => registrar.register('echo', { port }).once('registered', resolve))
    return port
  },
})
