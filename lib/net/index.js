'use strict'

// `net`: Node's module, with sockets and servers over the native engine.

const net = require('node:net')
const { Socket } = require('./socket.js')
const { Server } = require('./server.js')
const { intercepted } = require('../replaced.js')
const { channel } = require('node:diagnostics_channel')

/**
 * Older versions of Node publish to this channel in `net.connect`, newer ones in `Socket.prototype.connect`, which is
 * used here. The first connection with a subscriber shows which version this is.
 */
const connecting = channel('net.client.socket')
let toldBySocket

const otherConnect = intercepted(net, 'connect', () => connect)
const otherCreate = intercepted(net, 'createConnection', () => connect)

function createServer(options, connectionListener) {
  return new Server(options, connectionListener)
}

function connect(...args) {
  const other = otherConnect() ?? otherCreate()
  if (other !== undefined) return other(...args)
  const normalized = net._normalizeArgs(args)
  const [options] = normalized
  const socket = new Socket(options)
  if (options.timeout) socket.setTimeout(options.timeout)
  if (!connecting.hasSubscribers || toldBySocket) return socket.connect(normalized)
  return toldBySocket === undefined ? findOut(socket, normalized) : tell(socket).connect(normalized)
}

function tell(socket) {
  connecting.publish({ socket })
  return socket
}

function findOut(socket, normalized) {
  const hear = (message) => {
    if (message.socket === socket) toldBySocket = true
  }
  connecting.subscribe(hear)
  try {
    return socket.connect(normalized)
  } finally {
    connecting.unsubscribe(hear)
    toldBySocket ??= false
    if (!toldBySocket) tell(socket)
  }
}

// Copies descriptors, not values: some of Node's exports are loaded lazily.
Object.defineProperties(exports, Object.getOwnPropertyDescriptors(net))

Object.assign(exports, { Server, Socket, Stream: Socket, createServer, connect, createConnection: connect })
