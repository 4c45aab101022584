'use strict'

// `http`: Node's module with server and client over the native engine.

const { http } = require('../genuine.js')
const { Server } = require('./server')
const { globalAgent, ...client } = require('./client')

function createServer(options, requestListener) {
  return new Server(options, requestListener)
}

// Not the values: what core lets programs change stays one thing, here and there, and what it loads when asked for (`WebSocket`) is not
// loaded.
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
