import http from './index.js'

export * from 'node:http'
export const { Server, createServer } = http
export default http
