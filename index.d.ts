/** ironwire: Node's wire stack in Rust, behind the APIs Node programmers know. */

import protobuf = require('./lib/protobuf/index.js')

/** The package's version. */
export const version: string

/** Node's own `Buffer`, the same object. */
export { Buffer } from 'node:buffer'

export * as codec from './lib/codec/index.js'
export * as dgram from './lib/dgram/index.js'
export * as etcd from './lib/etcd/index.js'
export { createStaticServer, serveStatic } from './lib/files/index.js'
export * as grpc from './lib/grpc/index.js'
export * as http from './lib/http/index.js'
export * as http2 from './lib/http2/index.js'
export * as https from './lib/https/index.js'
export * as net from './lib/net/index.js'
export * as rpc from './lib/rpc/index.js'
export * as tls from './lib/tls/index.js'
export { protobuf }
