'use strict'

// Calls over one connection: many in flight, answers in any order. The bytes are in docs/rpc-protocol.md.

const { Server } = require('./server')
const { Client } = require('./client')
const { RpcError, StatusError } = require('./errors')
const { Metadata } = require('./metadata')
const { status } = require('./status')

/** A server without methods yet. */
function createServer(options) {
  return new Server(options)
}

/** A client that connects to `target` ('host:port', a path, …) and keeps coming back to it. */
function connect(target, options) {
  return new Client(target, options)
}

module.exports = { createServer, connect, Server, Client, RpcError, StatusError, Metadata, status }
