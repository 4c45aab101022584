'use strict'

// `https`: Node's module with the server over the native engine, TLS included.

const https = require('node:https')
const { Server } = require('./server.js')

function createServer(options, requestListener) {
  return new Server(options, requestListener)
}

// Not the values: what core lets programs change stays one thing, here and there.
Object.defineProperties(exports, Object.getOwnPropertyDescriptors(https))
Object.assign(exports, { Server, createServer })
