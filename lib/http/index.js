// `http`: Node's module with the server over the native engine. The client is Node's own.

const http = require('node:http')
const { Server } = require('./server')

function createServer(options, requestListener) {
  return new Server(options, requestListener)
}

module.exports = { ...http, Server, createServer }
