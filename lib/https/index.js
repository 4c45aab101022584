'use strict'

// `https`: Node's module with the server over the native engine, TLS included. What it stands on is loaded with its first use: that takes
// some milliseconds, and a Node that was built without OpenSSL has none of it.

function createServer(options, requestListener) {
  return new exports.Server(options, requestListener)
}

// The client is Node's, as it is when it is called: whoever replaces it there is obeyed here, too.

function get(input, options, callback) {
  return require('node:https').get(input, options, callback)
}

function request(...args) {
  return require('node:https').request(...args)
}

function lazy(name, get, set) {
  Object.defineProperty(exports, name, { configurable: true, enumerable: true, get, set })
}

lazy(
  'Agent',
  () => require('node:https').Agent,
  (value) => replace('Agent', value),
)
lazy(
  'globalAgent',
  () => require('node:https').globalAgent,
  (value) => {
    require('node:https').globalAgent = value
  },
)
lazy(
  'Server',
  () => require('./server.js').Server,
  (value) => replace('Server', value),
)
Object.assign(exports, { createServer, get, request })

function replace(name, value) {
  Object.defineProperty(exports, name, { configurable: true, enumerable: true, writable: true, value })
}
