'use strict'

// `http2`: Node's module with servers and clients over the native engine. Names that are not defined here are Node's. The implementation
// is loaded on first use.

const { promisify } = require('node:util')
const { intercepted } = require('../replaced.js')

/** Node's module. A Node that was built without OpenSSL has no HTTP/2 and throws when the module is loaded. */
function core() {
  try {
    require('node:http2')
  } catch (error) {
    if (error.code !== 'ERR_NO_CRYPTO') throw error
    for (const name of ['createServer', 'createSecureServer', 'connect', 'constants']) {
      lazy(name, () => {
        throw error
      })
    }
    return undefined
  }
  return require('../genuine.js').http2
}

function createServer(options, onRequest) {
  return require('./server.js').createServer(options, onRequest)
}

function createSecureServer(options, onRequest) {
  return require('./server.js').createSecureServer(options, onRequest)
}

function performServerHandshake(socket, options = {}) {
  return require('./server.js').performServerHandshake(socket, options)
}

let otherConnect

function connect(authority, options, listener) {
  otherConnect ??= intercepted(require('node:http2'), 'connect', () => connect)
  const other = otherConnect()
  if (other !== undefined) return other(authority, options, listener)
  return require('./client.js').connect(authority, options, listener)
}

Object.defineProperty(connect, promisify.custom, {
  value: (...args) => require('./client.js').connected(...args),
})

function lazy(name, get) {
  Object.defineProperty(exports, name, {
    configurable: true,
    enumerable: true,
    get,
    set(value) {
      Object.defineProperty(exports, name, { value, configurable: true, enumerable: true, writable: true })
    },
  })
}

const http2 = core()
if (http2 !== undefined) {
  Object.defineProperties(exports, Object.getOwnPropertyDescriptors(http2))
  Object.assign(exports, { createServer, createSecureServer, connect })
  // Older Nodes do not have it.
  if (http2.performServerHandshake !== undefined) Object.assign(exports, { performServerHandshake })
  lazy('Http2ServerRequest', () => require('./request.js').Http2ServerRequest)
  lazy('Http2ServerResponse', () => require('./response.js').Http2ServerResponse)
}
