'use strict'

// A connection that an HTTP/2 server has accepted. Its `net.Socket` is made when a program first asks for it.

const process = require('node:process')
const { Buffer } = require('node:buffer')
const { clearTimeout, setTimeout } = require('node:timers')
const core = require('../core.js')
const { native } = require('../engine.js')
const { Socket } = require('../net/socket.js')
const { requestTimeout } = require('../http/errors.js')
const { Http2Connection } = require('./connection.js')
const { patience, serveHttp1 } = require('./http1.js')
const { ServerHttp2Session } = require('./server-session.js')
const { kAttach, kGetSocket, kOnLost, kOptions, kSessions } = require('./symbols.js')

const FastBuffer = Buffer[Symbol.species]
const EMPTY = Buffer.alloc(0)
/** The connection preface: the first bytes that every HTTP/2 client sends (RFC 9113, 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

class AcceptedConnection extends Http2Connection {
  constructor(id, isTcp, server) {
    super(id, isTcp)
    this.server = server
    /** The bytes received so far while they may still be the preface, and the timer that limits how long that takes. */
    this.sniffed = undefined
    this.impatience = undefined
  }

  getSocket() {
    if (this.socket === undefined) this.watch(this.makeSocket())
    return this.socket
  }

  watch(socket) {
    socket.on('close', () => this.session?.[kOnLost](undefined))
    // An error of the connection is reported by the session.
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
    const session = new ServerHttp2Session(server, server[kOptions])
    server[kSessions].add(session)
    session.on('error', (error) => server.emit('sessionError', error, session))
    session[kAttach](this)
    if (this.socket !== undefined) this.socket.session = session
    server.emit('session', session)
    process.nextTick(tellConnected, session)
    return session
  }

  /** Reads the first bytes of the client and decides by them: HTTP/2 if they are the preface, else HTTP/1. */
  sniff() {
    this.sniffed = EMPTY
    const wait = patience(this.server)
    if (wait > 0) this.impatience = setTimeout(() => this.expire(), wait).unref()
    this.reading = true
    native.readStart(this.id)
  }

  /** The client has not sent its first bytes in time: HTTP/1 has a response for that case. */
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

  // --- called by the engine

  onRead(length, memory, offset) {
    if (this.sniffed !== undefined) return this.onSniffed(length, memory, offset)
    super.onRead(length, memory, offset)
  }

  onClose() {
    const { server, socket } = this
    clearTimeout(this.impatience)
    super.onClose()
    if (socket !== undefined) return
    server._connections--
    server._emitCloseIfDrained()
  }
}

/** Emits 'connect'. Few programs listen to it, and the socket is made for them only. */
function tellConnected(session) {
  if (session.destroyed || (session.listenerCount('connect') === 0 && session.emit === core.own.emit)) return
  session.emit('connect', session, session[kGetSocket]())
}

module.exports = { AcceptedConnection }
