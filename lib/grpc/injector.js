'use strict'

// Connections that a server has not accepted itself: whatever stream carries them.

const net = require('../net')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { register, unregister } = require('./channelz-registry.js')

/** The near end of a pair of sockets, of which the far end is a stream's: what comes on one of them goes to the other. */
function carried(stream) {
  const pair = native.socketPair()
  if (typeof pair === 'number') throw systemError(pair, 'socketpair')
  const [near, far] = pair
  const socket = new net.Socket({ fd: far })
  stream.pipe(socket).pipe(stream)
  // Either ends with the other.
  stream.on('error', () => {})
  stream.on('close', () => socket.destroy())
  socket.on('error', () => {})
  socket.on('close', () => (stream.destroySoon === undefined ? stream.destroy() : stream.destroySoon()))
  const id = native.openFd(near, false)
  if (id >= 0) return id
  socket.destroy()
  throw systemError(id, 'open')
}

function peerOf({ remoteAddress: address, remotePort: port }) {
  if (address === undefined) return 'unknown'
  return port === undefined ? address : `${address}:${port}`
}

/** What `Server.createConnectionInjector` gives. `accept(injector, id, peer)` serves the connection `id`. */
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
    server.injectors.add(this)
  }

  /** Serves what a stream carries. */
  injectConnection(stream) {
    if (stream.destroyed) return
    if (this.#ended) return stream.destroy()
    this.#accept(this, carried(stream), peerOf(stream))
  }

  /** Ends the connections that there are, with their calls in so many milliseconds at most. */
  drain(graceTime) {
    this.server.dismiss(this.links, graceTime)
  }

  /** Takes no more, and lets those that there are end. */
  destroy() {
    if (this.#ended) return
    this.#ended = true
    this.credentials._release()
    unregister(this.channelz)
    this.server.injectors.delete(this)
    for (const link of this.links) link.drain()
  }

  /** One connection is over. */
  left() {}
}

module.exports = { ConnectionInjector }
