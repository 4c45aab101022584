'use strict'

// The public face of `rpc`: many calls in flight over one connection, answered in any order. docs/rpc-protocol.md
// describes the bytes.

const { invalidArgValue } = require('../errors')
const { Server } = require('./server')
const { Client } = require('./client')
const { RpcError, StatusError } = require('./errors')
const { Metadata } = require('./metadata')
const { metrics } = require('./metrics')
const { status } = require('./status')
const { target: readTarget, masked } = require('./target')

/** Creates a server without methods. */
function createServer(options) {
  return new Server(options)
}

/**
 * Creates a client for `target` ('host:port', 'registry://…', a list, 'udp://…', …) that reconnects when the connection
 * is lost.
 */
function connect(target, options) {
  const found = readTarget(target)
  if (found.udp !== undefined) {
    const { UdpClient } = require('./udp/client')
    return new UdpClient(found.udp, options)
  }
  if (found.host !== undefined || found.path !== undefined) return new Client(found, options)
  if (found.service === '') {
    throw invalidArgValue(
      'target',
      masked(target),
      `must name a service, '${found.etcd ? 'etcd' : 'registry'}://host:port/service'`,
    )
  }
  if (found.etcd !== undefined && options?.registrySecret != null) {
    throw invalidArgValue(
      'options.registrySecret',
      '***',
      "is for 'registry://': etcd takes 'etcd://user:password@host/service'",
    )
  }
  const { BalancedClient } = require('./balanced')
  return new BalancedClient(found, options)
}

/** Creates an addressing server. */
function createRegistry(options) {
  const { Registry } = require('./registry/server')
  return new Registry(options)
}

/** Creates a client of the addressing server at `target` ('registry://host:port'), or of etcd ('etcd://host:port'). */
function connectRegistry(target, options) {
  return require('./registry/connect').connectRegistry(target, options)
}

module.exports = {
  createServer,
  connect,
  createRegistry,
  connectRegistry,
  Server,
  Client,
  RpcError,
  StatusError,
  Metadata,
  metrics,
  status,
}
