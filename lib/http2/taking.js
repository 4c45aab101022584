'use strict'

// Sessions over a socket that somebody else has made.

const process = require('node:process')
const { setImmediate } = require('node:timers')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { kSecure } = require('../http/symbols.js')
const errors = require('./errors.js')
const { tellClosed } = require('./session.js')
const { kAttach, kBind, kGetSocket, kLeave, kOnLost, kStart, kState, kTakeSocket } = require('./symbols.js')
const { take } = require('./taken.js')

/** On a socket: the session that has it. */
const kSession = Symbol('session of the socket')

/** Sessions of `Base` that take a socket's connection when it is connected. */
function taking(Base) {
  return class extends Base {
    /** Takes a socket, which is no other session's. */
    [kBind](socket) {
      if (socket[kSession] !== undefined) throw errors.socketBound()
      socket[kSession] = this
      this[kState].netSocket = socket
      socket.on('error', (error) => this[kOnLost](error))
      socket.on('close', () => this[kOnLost](this.connecting ? errors.socketClosed() : undefined))
      if (!socket.connecting && !socket.secureConnecting) this[kStart]()
      else socket.once(socket[kSecure] === undefined ? 'connect' : 'secureConnect', () => this[kStart]())
    }

    /** There is a connection. */
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
      // Whoever has made the session may want to hear of what comes.
      if (received.length > 0) process.nextTick(feed, handle, received)
    }

    [kGetSocket]() {
      return this[kState].netSocket
    }

    /** It is over when its socket is. */
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
