'use strict'

// The handle of a connection of an HTTP/2 server's. Its socket is made when somebody asks for it.

const { Buffer } = require('node:buffer')
const { clearTimeout, setTimeout } = require('node:timers')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { EOF } = require('../constants.js').errno
const { Connection } = require('../net/handle.js')
const { Socket } = require('../net/socket.js')
const { requestTimeout } = require('../http/errors.js')
const { patience, serveHttp1 } = require('./http1.js')
const { ServerHttp2Session } = require('./session.js')

const FastBuffer = Buffer[Symbol.species]
const EMPTY = Buffer.alloc(0)
/** For so many milliseconds a connection that is done waits for its peer to be. */
const LINGER = 5000
/** What a client of HTTP/2 begins with. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

class Http2Connection extends Connection {
  constructor(id, isTcp, server) {
    super(id, isTcp)
    this.server = server
    this.session = undefined
    this.ended = false
    this.peerEnded = false
    /** Our side has ended. */
    this.shut = false
    /** The peer's end is waited for behind ours, and for how long. */
    this.lingers = false
    this.lingering = undefined
    /** What has come of a beginning that may be the preface, and how long that may take. */
    this.sniffed = undefined
    this.impatience = undefined
  }

  getSocket() {
    if (this.socket === undefined) this.watch(this.makeSocket())
    return this.socket
  }

  watch(socket) {
    socket.on('close', () => this.session?.onLost(undefined))
    // An error of the connection is the session's.
    socket.on('error', () => {})
  }

  makeSocket() {
    const { server } = this
    const socket = new Socket({
      handle: this,
      allowHalfOpen: true,
      readable: true,
      writable: true,
      manualStart: true,
    })
    socket.server = server
    socket._server = server
    return socket
  }

  attach() {
    const { server } = this
    this.reading = true
    // A part of a response does not wait for the one before it.
    if (this.isTcp) this.setNoDelay(true)
    const session = new ServerHttp2Session(this, server, server.options)
    this.session = session
    server.sessions.add(session)
    session.on('error', (error) => server.emit('sessionError', error, session))
    session.attach()
    if (this.socket !== undefined) this.socket.session = session
    server.emit('session', session)
    return session
  }

  /** Looks at what the peer begins with before it decides what is spoken. */
  sniff() {
    this.sniffed = EMPTY
    const wait = patience(this.server)
    if (wait > 0) this.impatience = setTimeout(() => this.expire(), wait).unref()
    this.reading = true
    native.readStart(this.id)
  }

  /** It has not begun: HTTP/1 has an answer to that. */
  expire() {
    if (this.sniffed !== undefined) serveHttp1(this, EMPTY).fail(requestTimeout())
  }

  onSniffed(length, memory, offset) {
    if (length <= 0) return this.close()
    const chunk = offset < 0 ? memory : new FastBuffer(memory, offset, length)
    const bytes = this.sniffed.length === 0 ? chunk : Buffer.concat([this.sniffed, chunk])
    const common = Math.min(bytes.length, PREFACE.length)
    const begins = bytes.compare(PREFACE, 0, common, 0, common) === 0
    this.sniffed = begins && common < PREFACE.length ? bytes : undefined
    if (this.sniffed === undefined) clearTimeout(this.impatience)
    if (!begins) serveHttp1(this, bytes)
    else if (common === PREFACE.length) {
      this.attach()
      native.http2Feed(this.id, bytes, bytes.length)
    }
  }

  // --- from the engine

  onRead(length, memory, offset) {
    if (this.sniffed !== undefined) return this.onSniffed(length, memory, offset)
    if (this.session === undefined) return super.onRead(length, memory, offset)
    if (length > 0) return
    this.peerEnded = true
    const { lingers } = this
    this.lingers = false
    if (this.ended && (this.shut || length !== EOF)) this.end()
    else if (lingers && this.secured) this.shutDown()
    this.session.onLost(length === EOF ? undefined : systemError(length, 'read'))
  }

  onWriteError(errno) {
    if (this.session === undefined) return super.onWriteError(errno)
    this.session.onLost(systemError(errno, 'write'))
  }

  onShutdown(status) {
    this.shut = true
    if (this.shutdownRequest !== undefined) super.onShutdown(status)
    if (this.ended) this.leave()
  }

  /**
   * The session is over: what is said leaves, then the end. A peer that goes on reading may still have something to say, and would lose what it has
   * not read if the connection were closed before it has: then that waits for the peer's end.
   */
  finish(lingers) {
    if (this.closing || this.id < 0 || this.ended) return
    this.ended = true
    this.lingers = lingers && !this.peerEnded
    native.http2Forget(this.id)
    if (this.shut) this.leave()
    // Over TLS a peer may take our end for the end of all, and drop what it has not read.
    else if (this.lingers && this.secured && this.session.hasJustSpoken())
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
    const { server, socket } = this
    clearTimeout(this.lingering)
    clearTimeout(this.impatience)
    super.onClose()
    this.session?.onLost(undefined)
    if (socket !== undefined) return
    server._connections--
    server._emitCloseIfDrained()
  }
}

/** There is TLS. */
Http2Connection.prototype.secured = false

module.exports = { Http2Connection }
