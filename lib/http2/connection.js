'use strict'

// A connection that carries a session.

const { clearTimeout, setImmediate, setTimeout } = require('node:timers')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { EOF } = require('../constants.js').errno
const { Connection } = require('../net/handle.js')
const { kHasJustSpoken, kOnLost } = require('./symbols.js')

/** How long, in milliseconds, a finished connection waits for the peer to end its side. */
const LINGER = 5000

class Http2Connection extends Connection {
  constructor(id, isTcp) {
    super(id, isTcp)
    this.session = undefined
    this.ended = false
    this.peerEnded = false
    /** Our side has ended. */
    this.shut = false
    /** Whether to wait for the peer's end after ours, and the timer that limits it. */
    this.lingers = false
    this.lingering = undefined
  }

  getSocket() {
    return this.socket
  }

  // --- called by the engine

  onRead(length, memory, offset) {
    if (this.session === undefined) return super.onRead(length, memory, offset)
    if (length > 0) return
    this.peerEnded = true
    const { lingers } = this
    this.lingers = false
    if (this.ended && (this.shut || length !== EOF)) this.end()
    else if (lingers && this.secured) this.shutDown()
    this.session[kOnLost](length === EOF ? undefined : systemError(length, 'read'))
  }

  onWriteError(errno) {
    if (this.session === undefined) return super.onWriteError(errno)
    // If the peer sent something before it went away, that tells more than the failed write: read it first.
    setImmediate(() => this.session[kOnLost](systemError(errno, 'write')))
  }

  onShutdown(status) {
    this.shut = true
    if (this.shutdownRequest !== undefined) super.onShutdown(status)
    if (this.ended) this.leave()
  }

  /**
   * The session is over: everything written leaves, then the end of the stream. If the connection were closed at once, a peer that has not read
   * everything yet would lose the rest. With `lingers` the connection therefore waits for the peer's end.
   */
  finish(lingers) {
    if (this.closing || this.id < 0 || this.ended) return
    this.ended = true
    this.lingers = lingers && !this.peerEnded
    native.http2Forget(this.id)
    if (this.shut) this.leave()
    // Over TLS a peer may treat our `close_notify` as the end of the connection, and drop data that it has not read.
    else if (this.lingers && this.secured && this.session[kHasJustSpoken]())
      this.lingering = setTimeout(() => this.shutDown(), LINGER).unref()
    else this.shutDown()
  }

  shutDown() {
    clearTimeout(this.lingering)
    this.lingers &&= !this.secured
    if (native.end(this.id) < 0) this.end()
  }

  leave() {
    if (this.lingers) this.lingering = setTimeout(() => this.end(), LINGER).unref()
    else this.end()
  }

  end() {
    const { socket } = this
    if (socket !== undefined && !socket.destroyed) socket.destroy()
    else this.close()
  }

  onClose() {
    clearTimeout(this.lingering)
    super.onClose()
    this.session?.[kOnLost](undefined)
  }
}

/** Whether the connection uses TLS. */
Http2Connection.prototype.secured = false

module.exports = { Http2Connection }
