'use strict'

// `http`: Node's module with the server over the native engine. The client is Node's own.

const http = require('node:http')
const { Server } = require('./server')

function createServer(options, requestListener) {
  return new Server(options, requestListener)
}

// Not the values: what core lets programs change (`globalAgent`) stays one thing, here and there, and what it loads when asked for
// (`WebSocket`) is not loaded.
Object.defineProperties(exports, Object.getOwnPropertyDescriptors(http))

exports.Server = Server
exports.createServer = createServer
