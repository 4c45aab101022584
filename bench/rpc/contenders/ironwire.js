'use strict'

// ironwire's own rpc: a method that gives back what it got.

module.exports = {
  listen() {
    const { rpc } = require('../../..')
    return new Promise((resolve, reject) => {
      const server = rpc.createServer()
      server.method('echo', (request, callback) => callback(null, request))
      server.on('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(server.address().port))
    })
  },

  connect(port) {
    const { rpc } = require('../../..')
    const client = rpc.connect(`127.0.0.1:${port}`)
    return Promise.resolve((body, callback) => client.call('echo', body, callback))
  },
}
