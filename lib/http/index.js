'use strict'

// `http`: Node's module with the server over the native engine. The client is Node's own.

const http = require('node:http')
const { Server } = require('./server')

function createServer(options, requestListener) {
  return new Server(options, requestListener)
}

module.exports = { ...http, Server, createServer }

// What core lets programs change stays one thing, here and there.
for (const name of ['globalAgent', 'maxHeaderSize']) {
  Object.defineProperty(module.exports, name, {
    configurable: true,
    enumerable: true,
    get: () => http[name],
    set(value) {
      http[name] = value
    },
  })
}
