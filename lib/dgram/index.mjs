import dgram from './index.js'

export * from 'node:dgram'
export const { createSocket, Socket } = dgram
export default dgram
