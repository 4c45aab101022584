// The same exports for `import { http } from 'ironwire'`, each from its own file: bundlers leave out what is not imported.
import binding from './binding.js'

export { Buffer } from 'node:buffer'
export { default } from './index.js'
export { default as codec } from './lib/codec/index.js'
export { default as dgram } from './lib/dgram/index.js'
export { default as etcd } from './lib/etcd/index.js'
export { createStaticServer, serveStatic } from './lib/files/index.mjs'
export { default as grpc } from './lib/grpc/index.js'
export { default as http } from './lib/http/index.js'
export { default as http2 } from './lib/http2/index.js'
export { default as https } from './lib/https/index.js'
export { default as net } from './lib/net/index.js'
export { default as protobuf } from './lib/protobuf/index.js'
export { default as rpc } from './lib/rpc/index.js'
export { default as tls } from './lib/tls/index.js'

export const version = binding.version()
