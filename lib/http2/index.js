'use strict'

// `http2`: Node's module with servers over the native engine. What is not listed here is core's: clients.

/** A Node that was built without OpenSSL has no HTTP/2, and says so when somebody asks for it. */
function core() {
  try {
    return require('node:http2')
  } catch (error) {
    if (error.code !== 'ERR_NO_CRYPTO') throw error
    for (const name of ['createServer', 'createSecureServer', 'connect', 'constants']) {
      Object.defineProperty(exports, name, {
        configurable: true,
        enumerable: true,
        get() {
          throw error
        },
      })
    }
  }
}

const http2 = core()
if (http2 !== undefined) {
  const { createServer, createSecureServer } = require('./server.js')
  const { Http2ServerRequest } = require('./request.js')
  const { Http2ServerResponse } = require('./response.js')
  Object.defineProperties(exports, Object.getOwnPropertyDescriptors(http2))
  Object.assign(exports, { createServer, createSecureServer, Http2ServerRequest, Http2ServerResponse })
}
