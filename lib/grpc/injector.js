'use strict'

// Connection injectors: with one, a server serves connections that it has not accepted itself but that a stream
// carries.

const net = require('../net')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { register, unregister } = require('./channelz-registry.js')
const { peerText } = require('./uri.js')
const { kDismiss, kInjectors } = require('./symbols.js')

/**
 * Opens a connection whose bytes a stream carries, and returns its id. A pair of sockets connects the two: the engine
 * has one end, and what arrives at the other is piped to the stream and back.
 */
function carried(stream) {
  const pair = native.socketPair()
  if (typeof pair === 'number') throw systemError(pair, 'socketpair')
  const [near, far] = pair
  const socket = new net.Socket({ fd: far })
  stream.pipe(socket).pipe(stream)
  // When either ends, so does the other.
  stream.on('error', () => {})
  stream.on('close', () => socket.destroy())
  socket.on('error', () => {})
  socket.on('close', () => (stream.destroySoon === undefined ? stream.destroy() : stream.destroySoon()))
  const id = native.openFd(near, false)
  if (id >= 0) return id
  socket.destroy()
  throw systemError(id, 'open')
}

/** What `Server.createConnectionInjector` returns. `accept(injector, id, peer)` serves the connection `id`. */
class ConnectionInjector {
  #accept
  #ended = false

  constructor(server, credentials, accept) {
    this.server = server
    this.credentials = credentials
    this.interceptors = [...credentials._getInterceptors(), ...server.interceptors]
    this.links = new Set()
    this.#accept = accept
    this.channelz = register('socket', 'injector', this, server.options)
    credentials._hold()
    server[kInjectors].add(this)
  }

  /** Serves the connection that a stream carries. */
  injectConnection(stream) {
    if (stream.destroyed) return
    if (this.#ended) return stream.destroy()
    this.#accept(this, carried(stream), peerText(stream.remoteAddress, stream.remotePort))
  }

  /** Closes the current connections. Their calls have at most `graceTime` milliseconds to end. */
  drain(graceTime) {
    this.server[kDismiss](this.links, graceTime)
  }

  /** Takes no more connections, and closes the current ones when their calls have ended. */
  destroy() {
    if (this.#ended) return
    this.#ended = true
    this.credentials._release()
    unregister(this.channelz)
    this.server[kInjectors].delete(this)
    for (const link of this.links) link.drain()
  }

  /** Called when a connection has ended. An acceptor counts its connections; an injector does not. */
  left() {}
}

module.exports = { ConnectionInjector }
