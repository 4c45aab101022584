import net from './index.js'

export * from 'node:net'
export const { connect, createConnection, createServer, Server, Socket, Stream } = net
export default net
