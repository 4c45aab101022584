import https from './index.js'

export * from 'node:https'
export const { Server, createServer } = https
export default https
