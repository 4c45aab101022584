'use strict'

// `http`: Node's module with a server and a client over the native engine.

const { http } = require('../genuine.js')
const { Server } = require('./server')
const { globalAgent, ...client } = require('./client')

function createServer(options, requestListener) {
  return new Server(options, requestListener)
}

// Copies property descriptors, not values: what programs can change in core stays one thing in both modules, and what
// core loads on first use (`WebSocket`) is not loaded here.
Object.defineProperties(exports, Object.getOwnPropertyDescriptors(http))
Object.assign(exports, client, { Server, createServer })
Object.defineProperty(exports, 'globalAgent', {
  configurable: true,
  enumerable: true,
  get: globalAgent,
  set(value) {
    http.globalAgent = value
  },
})
