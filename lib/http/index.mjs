import http from './index.js'

export * from 'node:http'
export const { Agent, ClientRequest, Server, createServer, get, globalAgent, request } = http
export default http
