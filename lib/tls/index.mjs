import tls from './index.js'

export * from 'node:tls'
export const { Server, createSecureContext, createServer } = tls
export default tls
