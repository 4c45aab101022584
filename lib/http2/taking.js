'use strict'

// Sessions over a socket that the program, or `connect()`, has created.

const process = require('node:process')
const { setImmediate } = require('node:timers')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { kSecure } = require('../http/symbols.js')
const errors = require('./errors.js')
const { tellClosed } = require('./session.js')
const { kAttach, kBind, kGetSocket, kLeave, kOnLost, kStart, kState, kTakeSocket } = require('./symbols.js')
const { take } = require('./taken.js')

/** On a socket: the session that uses it. */
const kSession = Symbol('session of the socket')

/** Returns a class of sessions that extends `Base` and takes over a socket once it is connected. */
function taking(Base) {
  return class extends Base {
    /** Binds the session to a socket that no other session uses. */
    [kBind](socket) {
      if (socket[kSession] !== undefined) throw errors.socketBound()
      socket[kSession] = this
      this[kState].netSocket = socket
      socket.on('error', (error) => this[kOnLost](error))
      socket.on('close', () => this[kOnLost](this.connecting ? errors.socketClosed() : undefined))
      if (!socket.connecting && !socket.secureConnecting) this[kStart]()
      else socket.once(socket[kSecure] === undefined ? 'connect' : 'secureConnect', () => this[kStart]())
    }

    /** The socket is connected. */
    [kStart]() {
      const { netSocket } = this[kState]
      if (!this.destroyed) {
        try {
          this[kTakeSocket]()
        } catch (error) {
          netSocket.destroy(error)
          return
        }
      }
      process.nextTick(() => this.emit('connect', this, netSocket))
    }

    [kTakeSocket]() {
      const { handle, received } = take(this[kState].netSocket)
      const status = this[kAttach](handle)
      if (status < 0) throw systemError(status, 'read')
      const { connectionWindowSize } = this[kState].options
      if (connectionWindowSize !== undefined) this.setLocalWindowSize(connectionWindowSize)
      // The program gets this tick to add its listeners.
      if (received.length > 0) process.nextTick(feed, handle, received)
    }

    [kGetSocket]() {
      return this[kState].netSocket
    }

    /** The session ends when its socket has closed. */
    [kLeave](error) {
      const { netSocket, handle } = this[kState]
      netSocket[kSession] = undefined
      if (netSocket.destroyed) return process.nextTick(tellClosed, this, error)
      netSocket.once('close', () => tellClosed(this, error))
      if (handle !== undefined) handle.finish(this.closed && !error)
      else setImmediate(() => netSocket.destroy())
    }
  }
}

function feed(handle, received) {
  for (const chunk of received) {
    if (!handle.closing) native.http2Feed(handle.id, chunk, chunk.length)
  }
}

module.exports = { taking }
