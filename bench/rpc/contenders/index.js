'use strict'

// Contenders by name: `{listen(secure): Promise<port>, connect(port, secure): Promise<call(body, callback)>}`, with TLS
// or without. Every server echoes the body.

module.exports = {
  get ironwire() {
    return require('./ironwire.js')
  },
  get 'node:net'() {
    return require('./node-net.js').plain
  },
  get 'node:net, corked'() {
    return require('./node-net.js').corked
  },
  get 'node:tls'() {
    return require('./node-net.js').plain
  },
  get 'node:tls, corked'() {
    return require('./node-net.js').corked
  },
  get '@grpc/grpc-js'() {
    return require('./grpc-js.js')
  },
}
