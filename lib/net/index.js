'use strict'

// `net`: Node's module with sockets and servers over the native engine.

const net = require('node:net')
const { Socket } = require('./socket.js')
const { Server } = require('./server.js')

function createServer(options, connectionListener) {
  return new Server(options, connectionListener)
}

function connect(...args) {
  const [options] = net._normalizeArgs(args)
  const socket = new Socket(options)
  if (options.timeout) socket.setTimeout(options.timeout)
  return socket.connect(...args)
}

module.exports = {
  ...net,
  Server,
  Socket,
  Stream: Socket,
  createServer,
  connect,
  createConnection: connect,
}
