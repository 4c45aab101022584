'use strict'

// `http2`: Node's module with servers over the native engine. What is not listed here is core's: clients, and servers over TLS.

const http2 = require('node:http2')
const { createServer } = require('./server.js')
const { Http2ServerRequest } = require('./request.js')
const { Http2ServerResponse } = require('./response.js')

Object.defineProperties(exports, Object.getOwnPropertyDescriptors(http2))
Object.assign(exports, { createServer, Http2ServerRequest, Http2ServerResponse })
