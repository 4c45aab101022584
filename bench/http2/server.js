'use strict'

// One contender's server: `node server.js NAME`.

const { expose } = require('../lib/child.js')
const { identity } = require('../lib/identity.js')
const modules = { ironwire: () => require('../..').http2, 'node:http2': () => require('node:http2') }
const http2 = modules[process.argv[2]]()

const programs = {
  hello: () => http2.createServer((_request, response) => response.end('hello')),
  stream: () =>
    http2.createServer().on('stream', (stream) => {
      stream.respond({ ':status': 200 })
      stream.end('hello')
    }),
  large: () => http2.createServer((_request, response) => response.end(large)),
  secure: () => http2.createSecureServer(identity(), (_request, response) => response.end('hello')),
  'secure large': () => http2.createSecureServer(identity(), (_request, response) => response.end(large)),
}
const large = Buffer.alloc(64 * 1024, 'x')

expose({
  listen: (program) =>
    new Promise((resolve) => {
      const server = programs[program]()
      server.listen(0, '127.0.0.1', () => resolve(server.address().port))
    }),
})
