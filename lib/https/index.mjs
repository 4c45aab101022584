import https from './index.js'

export * from 'node:https'
export const { Agent, Server, createServer, get, globalAgent, request } = https
export default https
