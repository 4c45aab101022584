'use strict'

// One HTTP connection: requests come in as batches of events, responses leave in order.
//
// It is the handle of its socket at the same time (`socket._handle`). The socket is made with the first request that shows it, and has a
// stream once somebody asks for that (socket.js): until then the connection does without. What arrives is the socket's own until HTTP
// is attached, which the server's 'connection' listener does, and again after an upgrade.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const {
  http: { maxHeaderSize },
} = require('../genuine.js')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const core = require('../core.js')
const { errno, row, flag, busy } = require('../constants.js')
const { Connection } = require('../net/handle.js')
const { kConnections } = require('./symbols')
const { mountOf } = require('./site')
const { aborted, parseError, requestTimeout } = require('./errors')
const { NO_FIELDS, makeRequest, complete, deliver, abort } = require('./incoming')
const { makeResponse, isDirect, end, endNatively, write } = require('./outgoing')
const { onPipe } = require('./source')
const { noticeTraces } = require('./observers')
const { writeOrdinaryHead } = require('./head')
const { install, kConnection } = require('./install')
const channels = require('./channels')
const { answersItself } = require('./answers')
const { ERRORS, none, now, takeOver } = require('./batch')
const { emitClose, finishSent, isHeard, isUnsettled, onFinish, settleEnded, settleLater } = require('./finish')
const { HttpSocket, makeSocket, showSocket, openSocket, failSocket, feed, setTimer } = require('./socket')

install()

const { own } = core
const { EOF } = errno
const { HTTP_1_1 } = row

const FastBuffer = Buffer[Symbol.species]

const NO_RESPONSES = Object.freeze([])

class HttpConnection extends Connection {
  constructor(id, isTcp, server) {
    super(id, isTcp)
    this.server = server
    /** The socket that requests show; it is `socket`, too, as soon as it has a stream. */
    this.shown = undefined
    /** The response whose turn it is. */
    this.current = null
    /** Responses to pipelined requests behind it. */
    this.outgoing = NO_RESPONSES
    /** Bytes that those hold back. */
    this.outgoingData = 0
    /** The request whose body is arriving. */
    this.incoming = null
    /** The header fields of the last request: the next one's are likely the same. */
    this.lastFields = NO_FIELDS
    /** When the connection last became idle (the engine's clock); 0 while it is not, -1 when something else limits the idle time. */
    this.idleSince = 0
    /** Not read until responses have left. */
    this.paused = false
    /** The kernel has not taken all of a response. */
    this.leaving = false
    /** Our side is ended or ending: nothing can be sent past the socket. */
    this.ending = false
    /** What arrives is HTTP; before that, and after an upgrade, it is the socket's. */
    this.attached = false
    /** Events of ours are being handled. */
    this.serving = false
    /** The asynchronous resource of the last request. */
    this.resource = none
    this.highWaterMark = server.highWaterMark ?? 64 * 1024
    /** Bytes written in this turn past the stream, whose callbacks are still to come. */
    this.turnBytes = 0
    this.turnCallbacks = null
    this.onPendingData = updateOutgoingData.bind(this)
    this.onPendingData[kConnection] = this
  }

  /** Speaks HTTP from now on, beginning with what the socket has read already. */
  attach() {
    const { server, socket } = this
    this.attached = true
    noticeTraces()
    server[kConnections].add(this)
    const read = []
    for (let chunk = socket?.read(); chunk; chunk = socket.read()) read.push(chunk)
    this.reading = true
    const mount = mountOf(server)
    native.httpAttach(this.id, server.maxHeaderSize || maxHeaderSize, mount)
    if (mount > 0) {
      this.mounted = true
      // What Rust answers, this connection hears nothing of.
      server.watchIdle()
    }
    if (socket === undefined) return
    socket.attach(this)
    if (socket.isPaused()) this.readStop()
    for (const chunk of read) feed(this, chunk, true)
  }

  // --- from the engine

  /** Events follow, or nothing but the news that bytes came. */
  enter(events) {
    this.serving = true
    if (events && this.idleSince !== 0) this.wake()
    this.socket?._unrefTimer()
    if (events && this.isFlooded()) this.pause()
  }

  /** The events are handled. */
  leave() {
    this.serving = false
    if (this.inserted) this.inserted = false
    settleEnded()
    this.settle()
  }

  onRequest(method, url, version, flags, head, body) {
    const { server } = this
    const socket = this.showSocket()
    const Message = server[core.kIncomingMessage]
    const req = makeRequest(Message, this, method, url, version, flags, head)
    if (flags & flag.UPGRADE && this.onUpgrade(req, method, body)) return
    const res = makeResponse(server[core.kServerResponse], req, this, (flags & flag.KEEP_ALIVE) !== 0)
    if (flags & flag.HAS_BODY) this.incoming = req
    const started = channels.requestStart
    if (started.hasSubscribers) started.publish({ request: req, response: res, socket, server })
    if (server[core.kOptimizeEmptyRequests] === true && !announcesBody(req)) req._dumpAndCloseReadable()
    this.queue(res)
    try {
      if (version === HTTP_1_1 && answersItself(this, req, res, flags)) return
      const handler = server._events.request
      if (typeof handler === 'function' && server.emit === own.emit && !server[core.kCapture]) {
        handler.call(server, req, res)
      } else server.emit('request', req, res)
    } finally {
      if ((flags & flag.HAS_BODY) === 0) complete(req, '')
    }
  }

  /** Hands the connection over to whoever listens for upgrades; false when nobody does. */
  onUpgrade(req, method, body) {
    const { server } = this
    const connect = method === 'CONNECT'
    req.upgrade = connect || server.takesUpgrade(req)
    if (!req.upgrade) return false
    const rest = takeOver(body)
    const socket = this.getSocket()
    const waited = this.release()
    complete(req, '')
    const head = waited === undefined ? rest : Buffer.concat([rest, waited])
    const event = connect ? 'connect' : 'upgrade'
    if (server.listenerCount(event) > 0) server.emit(event, req, socket, head)
    else socket.destroy()
    return true
  }

  onBody(chunk) {
    const req = this.incoming
    if (req !== null && !deliver(req, chunk)) this.getSocket().pause()
  }

  onEnd(trailers) {
    const req = this.incoming
    if (req === null) return
    this.incoming = null
    complete(req, trailers)
    if (!this.reading) this.shown.resume()
  }

  onParseError(code, reason, offset, packet) {
    this.fail(parseError(code, reason, offset, packet))
  }

  /** An error of the connection itself: 'clientError', or Node's own answer. */
  fail(error) {
    failSocket.call(this.getSocket(), error)
  }

  onRead(length, memory, offset) {
    const { socket } = this
    if (!this.attached) return super.onRead(length, memory, offset)
    if (length > 0) {
      // Somebody listens for them (httpTap); the first who does feeds the parser.
      this.received = offset < 0 ? memory : new FastBuffer(memory, offset, length)
      socket.emit('data', this.received)
      this.received = undefined
      return
    }
    if (length === EOF) {
      // Who is being answered may look for it.
      if (this.current !== null) this.getSocket()
      if (this.socket === undefined) {
        this.peerEnded = true
        this.onPeerEnd()
      } else super.onRead(length, memory, offset)
    } else if (!socket?.destroyed) this.getSocket().destroy(systemError(length, 'read'))
  }

  /** The peer has ended its side: 'end' of the socket, where there is one. */
  onPeerEnd() {
    const number = native.httpFinish(this.id)
    if (number >= 0) {
      const [code, reason] = ERRORS[number]
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
  }

  onDrain() {
    this.leaving = false
    super.onDrain()
    this.drained()
  }

  /** The engine has room again, and may have all of it. */
  drained() {
    const { unsent } = this
    if (unsent !== null && !this.leaving) {
      this.unsent = null
      this.unsentBytes = 0
      this.sent(unsent, 0)
    }
    this.resumeIfDrained()
    // What was answered has left only now.
    if (!this.serving) this.settle()
    const res = this.current
    if (res === null || res.finished || !res[core.kNeedDrain] || this.turnCallbacks !== null) return
    // What the stream has handed on may only be gathered: to write it now shows whether there will be news of it.
    native.flush(this.id)
    this.noteQueue()
    if (this.socket?.writableNeedDrain || this.lastQueued > 0) return
    res[core.kNeedDrain] = false
    res.emit('drain')
  }

  onWriteError(errno) {
    this.failure = errno
    if (this.shown === undefined) return this.close()
    this.getSocket()
    super.onWriteError(errno)
  }

  onShutdown(status) {
    if (this.shutdownRequest !== undefined) return super.onShutdown(status)
    this.destroy()
  }

  /** A socket that gets its stream while the connection closes does so once more, and wants to hear of it. Afterwards it is too late. */
  close(callback) {
    if (!this.closing) {
      this.readAtEnd = super.bytesRead
      this.writtenAtEnd = super.bytesWritten
      this.closedBare = this.socket === undefined
      super.close(callback)
    } else if (this.id >= 0) this.closeCallback ??= callback
  }

  // Whoever has kept the socket may ask when it is closed.
  get bytesRead() {
    return this.closedBare ? this.readAtEnd : super.bytesRead
  }

  get bytesWritten() {
    return this.closedBare ? this.writtenAtEnd : super.bytesWritten
  }

  onClose() {
    const { server, socket } = this
    this.resource.emitDestroy()
    server[kConnections].delete(this)
    if (!this.closing) {
      // The engine has given the connection up.
      this.closing = true
      this.closedBare = socket === undefined
    }
    super.onClose()
    if (this.closedBare) {
      server._connections--
      this.abortAll()
      server._emitCloseIfDrained()
    } else if (socket !== undefined && !socket.destroyed) socket.destroy()
  }

  /** The connection is gone: pending requests and responses hear of it. */
  abortAll() {
    this.gone = true
    const { current, outgoing } = this
    this.current = null
    this.outgoing = NO_RESPONSES
    // A request that was answered hears nothing, even if its body was still to come.
    if (current !== null) abort(current.req)
    for (const res of outgoing) abort(res.req)
    if (core.abortsResponses) for (const res of outgoing) res.destroy(aborted())
    if (current !== null) emitClose(current)
  }

  // --- responses

  /** Puts a response behind those of earlier requests. */
  queue(res) {
    if (this.current === null && !this.ending) this.turn(res)
    else if (this.outgoing === NO_RESPONSES) this.outgoing = [res]
    else this.outgoing.push(res)
  }

  /** The turn of a response, with what it has gathered while it waited. */
  turn(res) {
    this.current = res
    if (res.assignSocket !== own.assignSocket) return res.assignSocket(this.shown)
    // All that core's does, without a listener of each response to the socket's end: the connection has one.
    const { shown } = this
    res.socket = shown
    shown._httpMessage = res
    if (isHeard(res)) res.emit('socket', shown)
    if (res.finished || res.outputData.length > 0) res._flush()
  }

  /** Whether a response may send past the socket's stream. */
  isDirect(res) {
    return isDirect(res, this)
  }

  /** A response has gone out whole, past the stream; `status` is what the engine said. */
  sent(res, status) {
    const { shown } = this
    this.current = null
    // As far as its stream says, all has left: core's `end` uncorks it.
    this.turnBytes = 0
    if (res.assignSocket === own.assignSocket) shown._httpMessage = null
    else {
      res.detachSocket(shown)
      res.socket = shown
    }
    this.socket?._unrefTimer()
    if (status > 0) {
      this.leaving = true
      // A request whose body is still coming is read to its end: its client may look for the response only then.
      if (this.incoming === null) this.pause()
      this.noteQueue()
    } else if (status < 0) this.onWriteError(status)
    finishSent(this, res)
    if (res._last) this.closeSoon()
    else this.next()
  }

  /** A response is on its way that is out when all of it has left, as Node's are. */
  leaves(res) {
    this.unsent = res
    this.leaving = true
    this.socket?._unrefTimer()
    if (this.incoming === null) this.pause()
    this.noteQueue()
    this.unsentBytes = this.lastQueued
  }

  /** Part of a response has gone past the stream. Returns whether it may go on at once. */
  wrote(length, status, callback) {
    this.socket?._unrefTimer()
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
    if (this.outgoing.length > 0) {
      this.turn(this.outgoing.shift())
      if (this.paused) this.resumeIfDrained()
    } else if (!this.serving) this.settle()
  }

  /** After a batch, or a response that came later: reads no further when too much waits, and is idle when nothing does. */
  settle() {
    if (this.incoming !== null || !this.attached || this.closing) return
    if (this.leaving) this.pause()
    else if (this.current === null && this.outgoing.length === 0) this.startIdle()
  }

  /** Idle from now on: of all timeouts only that of keep-alive counts, as in Node. */
  startIdle() {
    const { server, socket } = this
    if (this.mounted) native.httpSiteRest(this.id)
    if (!server.keepAliveTimeout) return
    this.idleSince = now()
    if (socket?.timeout) setTimer(socket, 0)
    server.watchIdle()
  }

  /** The next request has begun. */
  wake() {
    this.idleSince = 0
    const timeout = this.server.timeout || 0
    if (timeout > 0 || this.socket?.timeout) this.getSocket().setTimeout(timeout)
  }

  // --- the socket

  /** For requests to show. */
  showSocket() {
    this.shown ??= showSocket(this)
    return this.shown
  }

  /** With its stream. */
  getSocket() {
    if (this.socket === undefined) {
      if (this.shown === undefined) this.shown = makeSocket(this)
      else openSocket(this, this.shown)
    }
    return this.socket
  }

  /** Whether a socket is shown, and all is as it was when it was made. */
  isUnopened() {
    return this.socket === undefined && !this.ending && !this.closing
  }

  /** Whether a reply from outside the turn would corrupt a response: one that has begun, or is out but not settled. */
  hasAnswered() {
    const { current } = this
    return current?._headerSent || isUnsettled(this)
  }

  /** The connection is another protocol's from now on. Returns bytes that waited to be parsed, if there are any. */
  release() {
    const { socket, server } = this
    this.attached = false
    server[kConnections].delete(this)
    socket.release()
    return native.httpDetach(this.id)
  }

  /** Ends after what is written. */
  closeSoon() {
    if (this.ending) return
    this.ending = this.finalEnd = true
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

  /** Whether the connection is not to be read: output does not leave, or much waits for its turn. */
  isFlooded() {
    return (
      this.leaving ||
      this.outgoingData >= this.highWaterMark ||
      this.outgoing.length >= MAX_PIPELINED ||
      this.socket?.writableNeedDrain === true
    )
  }

  /**
   * Whether the next request of a batch waits: bytes go before it, or output does not leave. What waits for its turn does not hold it
   * back, because the answer whose turn it is may wait for it; unless that is far too much.
   */
  mustWait() {
    if (this.closing || this.gone) return false
    if (this.inserted) return true
    const waits =
      this.leaving ||
      this.outgoingData >= this.highWaterMark * MOST_MARKS ||
      this.outgoing.length >= MAX_PIPELINED ||
      this.socket?.writableNeedDrain === true
    if (waits) {
      this.pause()
      native.httpPause(this.id)
    }
    return waits
  }

  pause() {
    if (this.paused) return
    this.paused = true
    this.readStop()
  }

  resumeIfDrained() {
    // Not with every response that makes room for one request: to resume costs more than a request.
    if (!this.paused || this.outgoing.length > MAX_PIPELINED / 2 || this.isFlooded()) return
    this.paused = false
    native.httpResume(this.id)
    this.readStart()
  }

  // Node's own sockets, as this one's is before and after HTTP, note what they want before they call.
  readStart() {
    if (this.id < 0 || this.closing || (this.attached && (this.paused || this.reading))) return 0
    return super.readStart()
  }

  readStop() {
    if (this.id < 0 || this.closing || (this.attached && !this.reading)) return 0
    return super.readStop()
  }

  /** For how long nothing has come of what is awaited: 0 while it is our output that does not leave. */
  idleFor(time) {
    // Both are taken modulo 2^32.
    const idle = (time - this.idleSince) | 0
    switch (native.httpBusy(this.id)) {
      case 0:
        return idle
      case busy.READING:
        // Half a head: each part of it counts as activity, and its own timeouts, too.
        return Math.min(idle, native.httpQuiet(this.id))
      default:
        return 0
    }
  }

  /** Takes over since when the connection is idle, where Rust knows. */
  noteIdle() {
    if (!this.mounted || this.idleSince < 0) return
    const since = native.httpSiteIdle(this.id)
    if (since >= 0) this.idleSince = since
  }

  /** Closes unless a request is being read or answered; what is still leaving may leave. */
  closeIdle() {
    const { current } = this
    if (this.serving || this.ending || this.outgoing.length > 0) return
    native.flush(this.id)
    const state = native.httpBusy(this.id)
    if (state === busy.READING || state === busy.WAITING) return
    if (current !== null) {
      if (current.writableEnded) current._last = true
    } else if (state === busy.SENDING) this.closeSoon()
    else this.destroy()
  }

  /** Enforces the timeouts of heads and whole requests. */
  expire(headersTimeout, wholeTimeout) {
    if (this.id < 0 || this.closing) return
    if (native.httpExpired(this.id, headersTimeout, wholeTimeout)) this.fail(requestTimeout())
  }
}

HttpConnection.prototype.keepsResource = false
/** The class of its socket. */
HttpConnection.prototype.Socket = HttpSocket
// What few connections ever have otherwise.
/** Rust answers what it can by itself. */
HttpConnection.prototype.mounted = false
/** The response that is out when all of it has left: a file, which is long on its way. */
HttpConnection.prototype.unsent = null
/** What of it had not left at once, in bytes. */
HttpConnection.prototype.unsentBytes = 0
/** Requests so far, where they are counted. */
HttpConnection.prototype.requests = 0
/** Bytes were put in front of what is left of the batch. */
HttpConnection.prototype.inserted = false
/** The bytes that listeners for 'data' are being told of. */
HttpConnection.prototype.received = undefined
/** The socket has closed: nothing more is served. */
HttpConnection.prototype.gone = false
/** There was no stream when the connection closed: what a socket does then is left to us. */
HttpConnection.prototype.closedBare = false
HttpConnection.prototype.peerEnded = false
/** The connection closes once our side has ended, whether or not the peer has ended its side. */
HttpConnection.prototype.finalEnd = false
/** Files that are piped into the response whose turn it is, and wait until that has drained. */
HttpConnection.prototype.waiting = undefined
HttpConnection.prototype.readAtEnd = 0
HttpConnection.prototype.writtenAtEnd = 0

/** What core calls with the bytes that a response gathers before its turn, and that leave then. */
function updateOutgoingData(delta) {
  this.outgoingData += delta
  this.resumeIfDrained()
}

/** So many times `highWaterMark` may wait before what was read already is served no further. */
const MOST_MARKS = 16

/** Pipelined requests that may wait for their turn before the connection is read no further. */
const MAX_PIPELINED = 256

// What core's prototype methods do for responses of ours (install.js).
HttpConnection.prototype.endResponse = function (res, chunk, encoding, callback, core) {
  if (res.finished) settleLater(this, res)
  return end(this, res, chunk, encoding, callback, core)
}
HttpConnection.prototype.writeResponse = function (res, chunk, encoding, callback, core) {
  if (res.finished) settleLater(this, res)
  return write(this, res, chunk, encoding, callback, core)
}
HttpConnection.prototype.pipe = function (res, event, stream) {
  onPipe(this, res, event, stream)
}
HttpConnection.prototype.endNatively = function (res, engine, body) {
  // Of two versions of this package in one process, each has an engine, and knows only its own connections.
  return engine === native && endNatively(this, res, body)
}
HttpConnection.prototype.writeHead = function (res, status, reason, headers) {
  return writeOrdinaryHead(res, status, reason, headers)
}

/** Whether a request has header fields that announce a body, even an empty one. */
function announcesBody({ headers }) {
  return 'content-length' in headers || 'transfer-encoding' in headers
}

/** What was written in the last turn is with the engine: callbacks, and 'drain' for whoever waits. */
function settleWrites(connection) {
  const callbacks = connection.turnCallbacks
  connection.turnCallbacks = null
  connection.turnBytes = 0
  for (const callback of callbacks) callback(null)
  connection.drained()
}

module.exports = { HttpConnection }
