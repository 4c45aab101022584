'use strict'

// Connecting and listening, for connections that carry rpc frames.

const process = require('node:process')
const net = require('../net')
const { native } = require('../engine')
const { systemError } = require('../errors')
const { LOOPBACK, LOOPBACK_6 } = require('./options')
const { listenOptions } = require('./target')
const { Wire } = require('./wire')
const { SecureWire } = require('./secure-wire')
const { kAccepted } = require('../net/symbols.js')

const wireOf = (id, isServer, options, tls) =>
  tls === null ? new Wire(id, isServer, options) : new SecureWire(id, isServer, options, tls)

/**
 * Starts to connect to `{ host, port }` or `{ path }`. Calls `peer.attach(wire)` or `peer.onClose(error)`.
 * `tls.start(wire)` begins TLS; `tls` is null for a plain connection.
 */
function connect({ host, port, path }, peer, options, tls) {
  const id = path === undefined ? native.createTcp() : native.createPipe()
  if (id < 0) {
    process.nextTick(() => peer.onClose(systemError(id, 'socket')))
    return null
  }
  const wire = wireOf(id, false, options, tls)
  wire.peer = peer
  wire.address = path ?? host
  wire.port = port
  const status = path === undefined ? native.connectTcp(id, host, port) : native.connectPipe(id, path)
  if (status < 0) wire.fail(systemError(status, 'connect', wire.address, port))
  return wire
}

/** Listens like `net.Server`, with cluster support, and passes each connection to `onWire`. */
class Acceptor extends net.Server {
  constructor(options, onWire) {
    super()
    this.maxConnections = options.maxConnections
    this.wireOptions = options
    this.onWire = onWire
  }

  /**
   * Like `net.Server.listen`, but the default host is the loopback address: a server is reachable from other machines
   * only if the program says so; and 'host:port' is that, not the path of a socket.
   */
  listen(...args) {
    if (typeof args[0] === 'string' && !(Number(args[0]) >= 0)) {
      args[0] = listenOptions(args[0], this.wireOptions.tls !== null)
    }
    const [options] = net._normalizeArgs(args)
    const [first, second] = args
    const takesPort = 'port' in options || args.length === 0
    if (!takesPort || options.host) return super.listen(...args)
    if (options === first)
      return super.listen({ ...options, host: options.ipv6Only ? LOOPBACK_6 : LOOPBACK }, ...args.slice(1))
    if (args.length === 0 || typeof first === 'function') args.unshift(0, LOOPBACK)
    else args.splice(1, second ? 0 : 1, LOOPBACK)
    return super.listen(...args)
  }

  [kAccepted](id) {
    this.onWire(wireOf(id, true, this.wireOptions, this.wireOptions.tls))
  }

  /** A connection is gone. A closing acceptor ends with the last one. */
  released() {
    this._connections--
    this._emitCloseIfDrained()
  }
}

module.exports = { connect, Acceptor }
