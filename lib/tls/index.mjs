import tls from './index.js'

export * from 'node:tls'
export const { Server, createServer } = tls
export default tls
