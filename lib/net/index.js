'use strict'

// `net`: Node's module with sockets and servers over the native engine.

const net = require('node:net')
const { Socket } = require('./socket.js')
const { Server } = require('./server.js')
const { channel } = require('node:diagnostics_channel')

/** Before Node 24 the channel is told by `net.connect` itself, later by `Socket.prototype.connect`, which serves here. */
const connecting = channel('net.client.socket')
const toldByConnect = /ClientSocket/.test(net.connect)

function createServer(options, connectionListener) {
  return new Server(options, connectionListener)
}

function connect(...args) {
  const [options] = net._normalizeArgs(args)
  const socket = new Socket(options)
  if (toldByConnect && connecting.hasSubscribers) connecting.publish({ socket })
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
