'use strict'

// ironwire's own rpc: an echo method, and a service with a stream.

const { proto, course } = require('../course.js')
const { ca, key, cert } = require('../identity.js')

module.exports = {
  listen(secure) {
    const { protobuf, rpc } = require('../../..')
    return new Promise((resolve, reject) => {
      const server = rpc.createServer(secure ? { tls: { key, cert } } : {})
      server.method('echo', (request, callback) => callback(null, request))
      server.addService(protobuf(proto).Catalog, {
        echo: (request, callback) => callback(null, request),
        watch(_request, call) {
          const go = () => {
            while (call.write(course));
            if (!call.destroyed) call.once('drain', go)
          }
          go()
        },
      })
      server.on('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(server.address().port))
    })
  },

  connect(port, secure) {
    const { protobuf, rpc } = require('../../..')
    const client = rpc.connect(`127.0.0.1:${port}`, secure ? { tls: { ca } } : {})
    const catalog = client.service(protobuf(proto).Catalog)
    return Promise.resolve({
      call: (body, callback) => client.call('echo', body, callback),
      typed: (message, callback) => catalog.echo(message, callback),
      async iterate(take) {
        for await (const message of catalog.watch()) if (!take(message)) break
      },
      listen(take) {
        const stream = catalog.watch()
        stream.on('data', (message) => take(message) || stream.destroy())
        return new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject))
      },
    })
  },
}
