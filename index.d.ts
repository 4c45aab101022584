/**
 * ironwire: Node's wire stack in Rust, behind the APIs that Node programmers already know.
 *
 * Each module is also available on its own, for example `ironwire/http`.
 *
 * @example
 * ```js
 * const { http } = require('ironwire') // instead of require('node:http')
 * http.createServer((req, res) => res.end('hello')).listen(8080)
 * ```
 */

import protobuf = require('./lib/protobuf/index.js')

/** The version of the installed package, for example `'0.1.0'`. */
export const version: string

/** Node's own `Buffer`: the same object, not a copy of the class. */
export { Buffer } from 'node:buffer'

/** Binary data: numbers, arrays of numbers, record layouts, framing of messages in a stream. See `docs/codec.md`. */
export * as codec from './lib/codec/index.js'
/** `node:dgram` over the native engine. See `docs/dgram.md`. */
export * as dgram from './lib/dgram/index.js'
/** A client of etcd (API v3). See `docs/etcd.md`. */
export * as etcd from './lib/etcd/index.js'
/** Static files: a handler for any server, and a complete server. See `docs/static.md`. */
export { createStaticServer, serveStatic } from './lib/files/index.js'
/** The API of `@grpc/grpc-js` over ironwire's HTTP/2. See `docs/grpc.md`. */
export * as grpc from './lib/grpc/index.js'
/** `node:http` over the native engine. See `docs/http.md`. */
export * as http from './lib/http/index.js'
/** `node:http2` over the native engine. See `docs/http2.md`. */
export * as http2 from './lib/http2/index.js'
/** `node:https` over the native engine, with TLS by rustls. See `docs/https.md`. */
export * as https from './lib/https/index.js'
/** `node:net` over the native engine. See `docs/net.md`. */
export * as net from './lib/net/index.js'
/** Remote calls: many in flight over one connection, with typed services, streams and balancing. See `docs/rpc.md`. */
export * as rpc from './lib/rpc/index.js'
/** `node:tls` over the native engine, by rustls. See `docs/tls.md`. */
export * as tls from './lib/tls/index.js'
/** Protocol Buffers: schemas, messages, JSON and text format. See `docs/protobuf.md`. */
export { protobuf }
