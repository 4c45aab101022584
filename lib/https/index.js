'use strict'

// `https`: Node's module with a server and a client over the native engine, including TLS. The rest is loaded on first
// use, because that takes some milliseconds, and because it does not exist in a Node built without OpenSSL.

const client = () => require('./client/index.js')

function createServer(options, requestListener) {
  return new exports.Server(options, requestListener)
}

function get(input, options, callback) {
  return client().get(input, options, callback)
}

function request(...args) {
  return client().request(...args)
}

function lazy(name, get, set) {
  Object.defineProperty(exports, name, { configurable: true, enumerable: true, get, set })
}

lazy(
  'Agent',
  () => client().Agent,
  (value) => replace('Agent', value),
)
lazy(
  'globalAgent',
  () => client().globalAgent(),
  (value) => client().setGlobalAgent(value),
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
