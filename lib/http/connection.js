'use strict'

// One HTTP connection: requests come in as batches of events, responses leave in order.
//
// It is the handle of its socket at the same time (`socket._handle`), and the socket is made only when somebody asks for it.
// As long as nobody does and every response is lean, a request costs one call of the handler and one of `respond`.

const { IncomingMessage, ServerResponse } = require('node:http')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const core = require('../core.js')
const { Connection } = require('../net/handle.js')
const { kConnections } = require('./symbols')
const { parseError, requestTimeout } = require('./errors')
const { flag, makeRequest, complete, deliver, dump, abort } = require('./incoming')
const { makeResponse, end, write } = require('./outgoing')
const { writeOrdinaryHead } = require('./head')
const { install, kConnection } = require('./install')
const channels = require('./channels')
const { makeSocket, failSocket } = require('./socket')

install()

const METHODS = native.httpMethods().split(' ')
const ERRORS = native.httpErrors().split('\n')

/** The table of events that Rust fills; see src/binding/http.rs and src/http1/conn.rs. */
const words = new Uint32Array(native.httpTable())
const CURSOR = 0
const TAKEN = 1
const NOW = 2
const BODY_START = 3
const CONSUMED = 4
const FIRST_EVENT = 8
const EVENT_WORDS = 8
const REQUEST = 1
const BODY = 2
const END = 3

const FastBuffer = Buffer[Symbol.species]
const UV_EOF = -4095

const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i

/** Lean responses that ended, until their listeners (if any) have been told. */
const ended = []
let batching = false

class HttpConnection extends Connection {
  constructor(id, isTcp, server) {
    super(id, isTcp)
    this.server = server
    /** The response whose turn it is. */
    this.current = null
    /** Responses to pipelined requests behind it. */
    this.outgoing = []
    /** Bytes that those hold back. */
    this.outgoingData = 0
    /** The request whose body is arriving. */
    this.incoming = null
    this.requests = 0
    /** The last request's headers, in one and in their parts: the next one's are likely the same. */
    this.lastHead = ''
    this.lastRaw = []
    /** When the connection last became idle (the table's clock); 0 while it is not. */
    this.idleSince = 0
    /** Reading has stopped until responses have left. */
    this.paused = false
    /** Our side is ended or ending: nothing can be sent past the socket. */
    this.ending = false
    /** Another protocol has taken over. */
    this.released = false
    /** A batch of ours is being handled. */
    this.serving = false
    /** The socket has closed: nothing more is served. */
    this.gone = false
    this.highWaterMark = server.highWaterMark ?? 64 * 1024
    /** Bytes written in this turn past the stream, whose callbacks are still to come. */
    this.turnBytes = 0
    this.turnCallbacks = null
    this.onPendingData = (delta) => {
      this.outgoingData += delta
      this.resumeIfDrained()
    }
    this.onPendingData[kConnection] = this
    this.responseOptions = {
      highWaterMark: this.highWaterMark,
      rejectNonStandardBodyWrites: server.rejectNonStandardBodyWrites,
    }
    server[kConnections].add(this)
    this.reading = true
    native.httpAttach(id, server.maxHeaderSize || defaultMaxHeaderSize())
  }

  // --- from the engine

  onHttp(count, text, body) {
    this.socket?._unrefTimer()
    batching = this.serving = true
    for (let event = words[CURSOR]; event < count; event = words[CURSOR]) {
      words[CURSOR] = event + 1
      const at = FIRST_EVENT + event * EVENT_WORDS
      const kind = words[at] & 0xff
      if (kind === REQUEST) this.onRequest(at, text, body)
      else if (kind === BODY) {
        this.onBody(at, body)
        // Where somebody reads the body, ticks and promises run before what follows it, as in Node: the engine calls again.
        if (event + 1 < count && this.incoming !== null) break
      } else if (kind === END) this.onEnd(at, text)
      else this.onParseError(words[at + 1], words[at + 2], body)
    }
    batching = this.serving = false
    if (ended.length > 0) settleEnded()
  }

  onRequest(at, text, body) {
    if (this.closing || this.gone) return
    const kind = words[at]
    const flags = words[at + 1]
    const from = words[at + 2]
    const urlEnd = from + words[at + 3]
    const method = METHODS[(kind >>> 8) & 0xff]
    const version = kind >>> 16
    const url = text.slice(from, urlEnd)
    const head = text.slice(urlEnd + 1, from + words[at + 4])
    const { server } = this
    this.idleSince = 0
    const socket = this.getSocket()
    const Message = server[core.kIncomingMessage]
    const req = makeRequest(Message, this, method, url, version, flags, head)
    if (flags & flag.UPGRADE && this.onUpgrade(req, method, body)) return
    const res = makeResponse(server[core.kServerResponse], req, this, (flags & flag.KEEP_ALIVE) !== 0)
    if (flags & flag.HAS_BODY) this.incoming = req
    const started = channels.requestStart
    if (started.hasSubscribers) started.publish({ request: req, response: res, socket, server })
    this.queue(res)
    try {
      if (version === 0x101 && this.answersItself(req, res, flags)) return
      const handler = server._events.request
      if (typeof handler === 'function' && server.emit === core.emit && !server[core.kCapture]) {
        handler.call(server, req, res)
      } else server.emit('request', req, res)
    } finally {
      if ((flags & flag.HAS_BODY) === 0) complete(req, '')
    }
  }

  /** The answers that Node's server gives by itself to a 1.1 request. */
  answersItself(req, res, flags) {
    const { server } = this
    if (server.requireHostHeader && (flags & flag.HOST) === 0) {
      res.writeHead(400, ['Connection', 'close'])
      res.end()
      return true
    }
    const limit = server.maxRequestsPerSocket
    if (typeof limit === 'number' && limit > 0) {
      this.requests++
      res.maxRequestsOnConnectionReached = limit <= this.requests
      if (limit < this.requests) {
        server.emit('dropRequest', req, this.getSocket())
        res.writeHead(503)
        res.end()
        return true
      }
    }
    if ((flags & flag.EXPECT) === 0) return false
    if (CONTINUE.test(req.headers.expect)) {
      res._expect_continue = true
      if (server.listenerCount('checkContinue') > 0) {
        server.emit('checkContinue', req, res)
      } else {
        res.writeContinue()
        server.emit('request', req, res)
      }
    } else if (server.listenerCount('checkExpectation') > 0) {
      server.emit('checkExpectation', req, res)
    } else {
      res.writeHead(417)
      res.end()
    }
    return true
  }

  /** Hands the connection over to whoever listens for upgrades; false when nobody does. */
  onUpgrade(req, method, body) {
    const { server } = this
    const connect = method === 'CONNECT'
    if (!connect && !server.takesUpgrade(req)) return false
    words[TAKEN] = 1
    const head = body.subarray(words[CONSUMED])
    const socket = this.getSocket()
    req.upgrade = true
    this.release()
    const event = connect ? 'connect' : 'upgrade'
    if (server.listenerCount(event) > 0) server.emit(event, req, socket, head)
    else socket.destroy()
    return true
  }

  onBody(at, body) {
    const req = this.incoming
    if (req === null) return
    const start = words[at + 1] - words[BODY_START]
    const length = words[at + 2]
    const chunk = start === 0 && length === body.length ? body : body.subarray(start, start + length)
    if (!deliver(req, chunk)) this.getSocket().pause()
  }

  onEnd(at, text) {
    const req = this.incoming
    if (req === null) return
    this.incoming = null
    const from = words[at + 1]
    complete(req, text.slice(from, from + words[at + 2]))
    if (!this.reading) this.getSocket().resume()
  }

  onParseError(number, offset, packet) {
    const [, code, reason] = /^(\S+) (.*)$/.exec(ERRORS[number])
    this.fail(parseError(code, reason, offset, packet))
  }

  /** An error of the connection itself: 'clientError', or Node's own answer. */
  fail(error) {
    failSocket.call(this.getSocket(), error)
  }

  onRead(length, memory, offset) {
    const { socket } = this
    if (this.released) return super.onRead(length, memory, offset)
    if (length > 0) {
      // The parser has them as well (httpTap).
      socket?.emit('data', offset < 0 ? memory : new FastBuffer(memory, offset, length))
      return
    }
    if (socket?.destroyed) return
    if (length !== UV_EOF) {
      this.getSocket().destroy(systemError(length, 'read'))
      return
    }
    const number = native.httpFinish(this.id)
    if (number >= 0) {
      // The socket's own 'end' first, as its listeners would see it in Node.
      const [, code, reason] = /^(\S+) (.*)$/.exec(ERRORS[number])
      this.fail(parseError(code, reason, 0, undefined))
    } else if (!this.server.httpAllowHalfOpen) {
      this.endSide()
    } else if (this.outgoing.length > 0) {
      this.outgoing[this.outgoing.length - 1]._last = true
    } else if (this.current !== null) {
      this.current._last = true
    } else {
      this.endSide()
    }
    if (this.socket !== undefined && !this.socket.destroyed) super.onRead(length, memory, offset)
  }

  onDrain() {
    super.onDrain()
    this.drained()
  }

  /** The engine has room again, and may have all of it. */
  drained() {
    this.resumeIfDrained()
    const res = this.current
    if (res === null || res.finished || !res[core.kNeedDrain] || this.turnCallbacks !== null) return
    if (this.socket.writableNeedDrain || native.queued(this.id) > 0) return
    res[core.kNeedDrain] = false
    res.emit('drain')
  }

  onWriteError(errno) {
    if (this.socket !== undefined) return super.onWriteError(errno)
    this.failure = errno
    this.close()
  }

  onShutdown(status) {
    if (this.shutdownRequest !== undefined) return super.onShutdown(status)
    this.close()
  }

  onClose() {
    const { server } = this
    server[kConnections].delete(this)
    const bare = this.socket === undefined
    this.closing = true
    super.onClose()
    if (bare) {
      server._connections--
      this.abortAll()
      server._emitCloseIfDrained()
    }
  }

  /** The connection is gone: pending requests and responses hear of it. */
  abortAll() {
    this.gone = true
    const { current, outgoing } = this
    this.current = null
    this.outgoing = []
    if (current !== null) abort(current.req)
    for (const res of outgoing) abort(res.req)
    if (current !== null) emitClose(current)
  }

  // --- responses

  /** Puts a response behind those of earlier requests. */
  queue(res) {
    if (this.current === null && !this.ending) {
      this.current = res
      if (res.assignSocket === assignSocket) {
        // All that core's does to a new response, without a listener of its own to the socket's end: the connection has one.
        res.socket = this.socket
        this.socket._httpMessage = res
      } else res.assignSocket(this.socket)
    } else {
      this.outgoing.push(res)
      this.pauseIfFlooded()
    }
  }

  /** The turn of a response that has waited, with what it has gathered. */
  turn(res) {
    this.current = res
    res.assignSocket(this.socket)
  }

  /** A response has gone out whole, past the stream; `status` is what the engine said. */
  sent(res, status) {
    const { socket } = this
    this.current = null
    socket._httpMessage = null
    socket._unrefTimer()
    if (status > 0) this.pause()
    else if (status < 0) this.onWriteError(status)
    if (res._eventsCount > 0 || channels.responseFinish.hasSubscribers) process.nextTick(emitFinish, this, res)
    else if (ended.push(res) === 1 && !batching) process.nextTick(settleEnded)
    if (res._last) this.closeSoon()
    else this.next()
  }

  /** Part of a response has gone past the stream. Returns whether it may go on at once. */
  wrote(length, status, callback) {
    const { socket } = this
    socket._unrefTimer()
    if (status < 0) {
      this.onWriteError(status)
      return false
    }
    if (this.turnCallbacks === null) {
      this.turnCallbacks = []
      process.nextTick(settleWrites, this)
    }
    if (typeof callback === 'function') this.turnCallbacks.push(callback)
    this.turnBytes += length
    return status === 0 && this.turnBytes < this.highWaterMark
  }

  /** Core ends a response of ours: its event says when it is out. */
  awaitFinish(res) {
    if (!res.finished) res.prependListener('finish', onFinish)
  }

  /** After a response: the next one's turn, or idleness. */
  next() {
    if (this.outgoing.length > 0) this.turn(this.outgoing.shift())
    else {
      this.idleSince = words[NOW] || 1
      this.server.watchIdle()
    }
  }

  // --- the socket

  getSocket() {
    return this.socket ?? makeSocket(this)
  }

  /** Whether a reply from outside the turn would corrupt a response: one that has begun, or is out but not settled. */
  hasAnswered() {
    const { current } = this
    return (current !== null && current._headerSent) || ended.some((res) => res._onPendingData[kConnection] === this)
  }

  /** The connection is another protocol's from now on. */
  release() {
    const { socket, server } = this
    this.released = true
    server[kConnections].delete(this)
    native.httpDetach(this.id)
    socket.release()
  }

  /** Ends after what is written. */
  closeSoon() {
    if (this.ending) return
    this.ending = true
    if (this.socket !== undefined) this.socket.destroySoon()
    else native.end(this.id)
  }

  /** The peer ended its side: so do we. */
  endSide() {
    if (this.ending) return
    this.ending = true
    // A response that is still to come must find the socket ended.
    if (this.socket !== undefined || this.current !== null) this.getSocket().end()
    else native.end(this.id)
  }

  /** Closes at once. */
  destroy() {
    if (this.socket !== undefined) this.socket.destroy()
    else this.close()
  }

  pause() {
    if (this.paused) return
    this.paused = true
    this.readStop()
  }

  pauseIfFlooded() {
    if (this.outgoingData >= this.highWaterMark || this.outgoing.length >= MAX_PIPELINED) this.pause()
  }

  resumeIfDrained() {
    if (this.paused && this.outgoingData < this.highWaterMark && this.outgoing.length < MAX_PIPELINED) {
      this.paused = false
      this.readStart()
    }
  }

  readStart() {
    if (this.paused || this.reading || this.id < 0 || this.closing) return 0
    return super.readStart()
  }

  readStop() {
    if (!this.reading || this.id < 0 || this.closing) return 0
    return super.readStop()
  }

  /** Whether no request is being read or answered. */
  isIdle() {
    return !this.serving && this.current === null && !this.isReading()
  }

  /** Whether a request has begun to arrive and not ended. */
  isReading() {
    return native.httpStarted(this.id) !== 0
  }

  /** Enforces the timeouts of heads and whole requests. */
  expire(headersTimeout, requestTimeout_) {
    if (this.id < 0 || this.closing) return
    const age = native.httpStarted(this.id)
    const late = age > 0 ? headersTimeout > 0 && age > headersTimeout : false
    if (late || (requestTimeout_ > 0 && Math.abs(age) > requestTimeout_)) this.fail(requestTimeout())
  }
}

/** Pipelined requests that may wait for their turn before the connection is read no further. */
const MAX_PIPELINED = 1000

// What core's prototype methods do for responses of ours (install.js).
HttpConnection.prototype.endResponse = function (res, chunk, encoding, callback, core) {
  return end(this, res, chunk, encoding, callback, core)
}
HttpConnection.prototype.writeResponse = function (res, chunk, encoding, callback, core) {
  return write(this, res, chunk, encoding, callback, core)
}
HttpConnection.prototype.writeHead = function (res, status, reason, headers) {
  return writeOrdinaryHead(res, status, reason, headers)
}

const { assignSocket } = ServerResponse.prototype

function defaultMaxHeaderSize() {
  return require('node:http').maxHeaderSize
}

/** What core does to a response that is out, and to its request, where nobody listens. */
function settleEnded() {
  for (let i = 0; i < ended.length; i++) {
    const res = ended[i]
    if (res._eventsCount > 0) process.nextTick(emitFinish, res._onPendingData[kConnection], res)
    else {
      settle(res)
      res.destroyed = res._closed = true
    }
  }
  ended.length = 0
}

function settle(res) {
  dump(res.req)
  res.socket = null
  if (core.kWritableFinished !== undefined) res[core.kWritableFinished] = true
}

function emitFinish(connection, res) {
  const finished = channels.responseFinish
  const { req } = res
  if (finished.hasSubscribers) {
    finished.publish({ request: req, response: res, socket: connection.socket, server: connection.server })
  }
  // In Node the server listens first: all this is done when the application's listeners hear.
  settle(res)
  process.nextTick(emitClose, res)
  res.emit('finish')
}

function emitClose(res) {
  if (res._closed) return
  res.destroyed = res._closed = true
  res.emit('close')
}

/** What was written in the last turn is with the engine: callbacks, and 'drain' for whoever waits. */
function settleWrites(connection) {
  const callbacks = connection.turnCallbacks
  connection.turnCallbacks = null
  connection.turnBytes = 0
  if (connection.current?.[core.kNeedDrain]) native.flush(connection.id)
  for (const callback of callbacks) callback(null)
  connection.drained()
}

/** Core's response is out: Node's resOnFinish. */
function onFinish() {
  const connection = this._onPendingData[kConnection]
  const { socket } = connection
  const { req } = this
  const finished = channels.responseFinish
  if (finished.hasSubscribers) finished.publish({ request: req, response: this, socket, server: connection.server })
  dump(req)
  if (connection.current !== this) return
  this.detachSocket(socket)
  connection.current = null
  process.nextTick(emitClose, this)
  if (this._last) connection.closeSoon()
  else connection.next()
}

module.exports = { HttpConnection, now: () => native.httpNow() }
