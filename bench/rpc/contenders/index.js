'use strict'

// Name to `{listen(): Promise<port>, connect(port): Promise<call(body, callback)>}`; every server answers with the body it got.

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
  get '@grpc/grpc-js'() {
    return require('./grpc-js.js')
  },
}
