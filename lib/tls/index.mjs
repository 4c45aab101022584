import tls from './index.js'

export * from 'node:tls'
export const { Server, connect, createSecureContext, createServer } = tls
export default tls
