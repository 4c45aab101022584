'use strict'

// The public surface: nothing but wiring. Types and documentation are in index.d.ts.

// The addon comes first: what keeps it from loading is heard at once, not at the first call.
exports.version = require('./binding.js').version()
exports.Buffer = require('node:buffer').Buffer

// The names, for `import`: Node reads them off the text.
exports.codec =
  exports.net =
  exports.dgram =
  exports.rpc =
  exports.protobuf =
  exports.grpc =
  exports.etcd =
  exports.http =
  exports.http2 =
  exports.https =
  exports.tls =
    undefined
exports.serveStatic = exports.createStaticServer = undefined

/** A module is loaded when it is first asked for, so that a program pays for those that it uses. */
function lazy(name, load) {
  Object.defineProperty(exports, name, {
    configurable: true,
    enumerable: true,
    get() {
      const module = load()
      load = () => module
      return module
    },
    set(value) {
      load = () => value
    },
  })
}

lazy('codec', () => require('./lib/codec/index.js'))
lazy('net', () => require('./lib/net/index.js'))
lazy('dgram', () => require('./lib/dgram/index.js'))
lazy('rpc', () => require('./lib/rpc/index.js'))
lazy('protobuf', () => require('./lib/protobuf/index.js'))
lazy('grpc', () => require('./lib/grpc/index.js'))
lazy('etcd', () => require('./lib/etcd/index.js'))
lazy('http', () => require('./lib/http/index.js'))
lazy('http2', () => require('./lib/http2/index.js'))
lazy('https', () => require('./lib/https/index.js'))
lazy('tls', () => require('./lib/tls/index.js'))
lazy('serveStatic', () => require('./lib/files/index.js').serveStatic)
lazy('createStaticServer', () => require('./lib/files/index.js').createStaticServer)
