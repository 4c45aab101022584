'use strict'

// A connection of an HTTP server: requests arrive as batches of events (batch.js), and responses are sent in the order
// of the requests.
//
// It is also the handle of its socket (`socket._handle`). The socket object is made for the first request, and gets its
// stream state when that is first used (socket.js); until then the connection works without it. Before HTTP is
// attached, which the server's 'connection' listener does, and after an upgrade, received bytes go to the socket as on
// any net.Socket.

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
const { kAttach, kConnections, kRelease, kTakesUpgrade, kWatchIdle } = require('./symbols.js')
const { mountOf } = require('./site')
const { aborted, parseError, requestTimeout } = require('./errors')
const { NO_FIELDS, makeRequest, hasTooMany, complete, deliver, abort } = require('./incoming')
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

const EMPTY = Buffer.alloc(0)

const NO_RESPONSES = Object.freeze([])

class HttpConnection extends Connection {
  constructor(id, isTcp, server) {
    super(id, isTcp)
    this.server = server
    /** The socket that requests show. Once it has a stream, it is also in `socket`. */
    this.shown = undefined
    /** The response whose turn it is to be sent. */
    this.current = null
    /** Responses to pipelined requests, which wait for their turn. */
    this.outgoing = NO_RESPONSES
    /** The number of bytes that the waiting responses have buffered. */
    this.outgoingData = 0
    /** The request whose body is arriving. */
    this.incoming = null
    /** The header fields of the last request: the next one probably has the same. */
    this.lastFields = NO_FIELDS
    /**
     * When the connection became idle, by the event loop's clock in milliseconds. 0: it is not idle. -1:
     * keepAliveTimeout does not apply, because the program has set a timeout of its own, or the idle timeout has
     * already been handled.
     */
    this.idleSince = 0
    /** Whether reading is paused until responses have been sent. */
    this.paused = false
    /** Whether the kernel has not yet taken all of a response. */
    this.leaving = false
    /** Whether our side has ended or is ending: every response must go through the socket's stream then. */
    this.ending = false
    /** Whether received bytes are parsed as HTTP. Before that, and after an upgrade, they go to the socket. */
    this.attached = false
    /** Whether events of this connection are being handled. */
    this.serving = false
    /** The async resource of the last request. */
    this.resource = none
    this.highWaterMark = server.highWaterMark ?? 64 * 1024
    /**
     * The number of bytes written in this turn without the socket's stream, and the callbacks of those writes, which
     * are still to be called.
     */
    this.turnBytes = 0
    this.turnCallbacks = null
    this.onPendingData = updateOutgoingData.bind(this)
    this.onPendingData[kConnection] = this
  }

  /** Starts HTTP, beginning with the bytes that the socket has already read. */
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
      // Requests that Rust answers do not reach this object, so none of them would start the timer for idle
      // connections.
      server[kWatchIdle]()
    }
    if (socket === undefined) return
    socket[kAttach](this)
    if (socket.isPaused()) this.readStop()
    for (const chunk of read) feed(this, chunk, true)
  }

  // --- events from the engine

  /** Called before the connection's events are handled. `events` is false if bytes arrived that make no event. */
  enter(events) {
    this.serving = true
    if (events && this.idleSince !== 0) this.wake()
    this.socket?._unrefTimer()
    if (events && this.isFlooded()) this.pause()
  }

  /** Called after the connection's events were handled. */
  leave() {
    this.serving = false
    if (this.inserted) this.inserted = false
    settleEnded()
    this.settle()
  }

  onRequest(method, url, version, flags, head, body) {
    const { server } = this
    if (head !== null && hasTooMany(server, head)) return this.overflow()
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
      if ((flags & flag.HAS_BODY) === 0) complete(req, '', server)
    }
  }

  /**
   * Hands the connection over to the listeners for 'connect' or 'upgrade'. Returns false if the server does not take
   * the upgrade: then the request is an ordinary one.
   */
  onUpgrade(req, method, body) {
    const { server } = this
    const connect = method === 'CONNECT'
    req.upgrade = connect || server[kTakesUpgrade](req)
    if (!req.upgrade) return false
    const rest = takeOver(body)
    const socket = this.getSocket()
    const waited = this.release()
    complete(req, '', server)
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
    const { incoming: req, server } = this
    if (req === null) return
    if (trailers !== '' && hasTooMany(server, trailers)) return this.overflow()
    this.incoming = null
    complete(req, trailers, server)
    if (!this.reading) this.shown.resume()
  }

  onParseError(code, reason, offset, packet) {
    this.fail(parseError(code, reason, offset, packet))
  }

  /** There are more fields than `maxHeadersCount`, so nothing on this connection is a request any more. */
  overflow() {
    this.gone = true
    this.onParseError('HPE_HEADER_OVERFLOW', 'Header overflow', 0, EMPTY)
  }

  /** Handles an error of the connection itself: emits 'clientError', or sends Node's own answer. */
  fail(error) {
    failSocket.call(this.getSocket(), error)
  }

  onRead(length, memory, offset) {
    const { socket } = this
    if (!this.attached) return super.onRead(length, memory, offset)
    if (length > 0) {
      // The program listens for 'data' on the socket (httpTap). `parse` in socket.js is one of the listeners, and feeds
      // the parser.
      this.received = offset < 0 ? memory : new FastBuffer(memory, offset, length)
      socket.emit('data', this.received)
      this.received = undefined
      return
    }
    if (length === EOF) {
      // The handler of the current request may check whether the socket has ended, so the socket needs its stream.
      if (this.current !== null) this.getSocket()
      if (this.socket === undefined) {
        this.peerEnded = true
        this.onPeerEnd()
      } else super.onRead(length, memory, offset)
    } else if (!socket?.destroyed) this.getSocket().destroy(systemError(length, 'read'))
  }

  /** Called when the peer has ended its side; if the socket has a stream, by its 'end' event. */
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

  /** Called when the engine can take more output. It may have sent everything. */
  drained() {
    const { unsent } = this
    if (unsent !== null && !this.leaving) {
      this.unsent = null
      this.unsentBytes = 0
      this.sent(unsent, 0)
    }
    this.resumeIfDrained()
    // The last response may have left only now, so the connection may be idle.
    if (!this.serving) this.settle()
    const res = this.current
    if (res === null || res.finished || !res[core.kNeedDrain] || this.turnCallbacks !== null) return
    // What the stream has written may still be gathered for the end of the turn. Write it now: only then is it known
    // whether the engine will report that it has drained.
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

  /**
   * A socket that gets its stream while the connection is closing calls this again and waits for the callback. After
   * the connection has closed, a callback is not called any more.
   */
  close(callback) {
    if (!this.closing) {
      this.readAtEnd = super.bytesRead
      this.writtenAtEnd = super.bytesWritten
      this.closedBare = this.socket === undefined
      super.close(callback)
    } else if (this.id >= 0) this.closeCallback ??= callback
  }

  // A program that has kept the socket may read the counters after the connection has closed.
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
      // The engine has closed the connection on its own.
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

  /**
   * The connection is gone: aborts the requests that have no complete answer, closes the current response, and since
   * Node 24 destroys the waiting ones.
   */
  abortAll() {
    this.gone = true
    const { current, outgoing } = this
    this.current = null
    this.outgoing = NO_RESPONSES
    // A request that was answered is not aborted, even if its body has not arrived completely.
    if (current !== null) abort(current.req)
    for (const res of outgoing) abort(res.req)
    if (core.abortsResponses) for (const res of outgoing) res.destroy(aborted())
    if (current !== null) emitClose(current)
  }

  // --- responses

  /** Queues a response behind those of earlier requests. */
  queue(res) {
    if (this.current === null && !this.ending) this.turn(res)
    else if (this.outgoing === NO_RESPONSES) this.outgoing = [res]
    else this.outgoing.push(res)
  }

  /** Makes a response the current one, and sends what it has buffered while it waited. */
  turn(res) {
    this.current = res
    if (res.assignSocket !== own.assignSocket) return res.assignSocket(this.shown)
    // Does what core's `assignSocket` does, but adds no listener to the socket for each response: the connection has
    // one for all.
    const { shown } = this
    res.socket = shown
    shown._httpMessage = res
    if (isHeard(res)) res.emit('socket', shown)
    if (res.finished || res.outputData.length > 0) res._flush()
  }

  /** Whether a response may be sent without the socket's stream. */
  isDirect(res) {
    return isDirect(res, this)
  }

  /**
   * A response was written completely without the socket's stream. `status` is the engine's result: positive if output
   * is still queued, or a negative errno.
   */
  sent(res, status) {
    const { shown } = this
    this.current = null
    // The socket's `writableLength` must not count these bytes any more: in Node, `end` uncorks the socket, which
    // writes everything.
    this.turnBytes = 0
    if (res.assignSocket === own.assignSocket) shown._httpMessage = null
    else {
      res.detachSocket(shown)
      res.socket = shown
    }
    this.socket?._unrefTimer()
    if (status > 0) {
      this.leaving = true
      // If the body of a request is still arriving, reading goes on: the client may read the response only after it has
      // sent everything.
      if (this.incoming === null) this.pause()
      this.noteQueue()
    } else if (status < 0) this.onWriteError(status)
    finishSent(this, res)
    if (res._last) this.closeSoon()
    else this.next()
  }

  /** A response is being sent. It is finished only when all of it has left, as in Node. */
  leaves(res) {
    this.unsent = res
    this.leaving = true
    this.socket?._unrefTimer()
    if (this.incoming === null) this.pause()
    this.noteQueue()
    this.unsentBytes = this.lastQueued
  }

  /**
   * A part of a response was written without the socket's stream. Returns whether the program may write more at once.
   */
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

  /** Core ends this response, so its 'finish' event tells when it has been sent. */
  awaitFinish(res) {
    if (!res.finished) res.prependListener('finish', onFinish)
  }

  /** Called after a response: starts the next one, or lets the connection become idle. */
  next() {
    if (this.outgoing.length > 0) {
      this.turn(this.outgoing.shift())
      if (this.paused) this.resumeIfDrained()
    } else if (!this.serving) this.settle()
  }

  /**
   * Called after a batch, or after a response that was sent outside of one. Stops reading if output does not leave;
   * starts the idle time if no request is pending.
   */
  settle() {
    if (this.incoming !== null || !this.attached || this.closing) return
    if (this.leaving) this.pause()
    else if (this.current === null && this.outgoing.length === 0) this.startIdle()
  }

  /** The connection is idle from now on: only keepAliveTimeout applies, as in Node. */
  startIdle() {
    const { server, socket } = this
    if (this.mounted) native.httpSiteRest(this.id)
    if (!server.keepAliveTimeout) return
    this.idleSince = now()
    if (socket?.timeout) setTimer(socket, 0)
    server[kWatchIdle]()
  }

  /** The next request has begun, so the connection is not idle any more. */
  wake() {
    this.idleSince = 0
    const timeout = this.server.timeout || 0
    if (timeout > 0 || this.socket?.timeout) this.getSocket().setTimeout(timeout)
  }

  // --- the socket

  /** The socket as requests show it. It may have no stream yet. */
  showSocket() {
    this.shown ??= showSocket(this)
    return this.shown
  }

  /** The socket with its stream. */
  getSocket() {
    if (this.socket === undefined) {
      if (this.shown === undefined) this.shown = makeSocket(this)
      else openSocket(this, this.shown)
    }
    return this.socket
  }

  /** Whether the socket has no stream yet and neither side of it has been ended or closed here. */
  isUnopened() {
    return this.socket === undefined && !this.ending && !this.closing
  }

  /** Whether an error reply would corrupt a response: one that has begun, or one that was sent but is not finished. */
  hasAnswered() {
    const { current } = this
    return current?._headerSent || isUnsettled(this)
  }

  /** Hands the connection over to another protocol. Returns the bytes that waited to be parsed, if there are any. */
  release() {
    const { socket, server } = this
    this.attached = false
    server[kConnections].delete(this)
    socket[kRelease]()
    return native.httpDetach(this.id)
  }

  /** Ends the connection once everything written has been sent. */
  closeSoon() {
    if (this.ending) return
    this.ending = this.finalEnd = true
    if (this.socket !== undefined) this.socket.destroySoon()
    else native.end(this.id)
  }

  /** The peer has ended its side, so ours ends, too. */
  endSide() {
    if (this.ending) return
    this.ending = true
    // A response that is still to be written must find the socket ended, so the socket needs its stream.
    if (this.socket !== undefined || this.current !== null) this.getSocket().end()
    else native.end(this.id)
  }

  /** Closes the connection at once. */
  destroy() {
    if (this.socket !== undefined) this.socket.destroy()
    else this.close()
  }

  /**
   * Whether the connection must not be read: output does not leave, or too many responses or bytes wait for their turn.
   */
  isFlooded() {
    return (
      this.leaving ||
      (this.outgoingData > 0 && this.outgoingData >= this.highWaterMark) ||
      this.outgoing.length >= MAX_PIPELINED ||
      this.socket?.writableNeedDrain === true
    )
  }

  /**
   * Whether the next request of a batch must wait: bytes were inserted before it, or output does not leave. Responses
   * that wait for their turn hold it back only far above the usual limit, because the handler of the current response
   * may depend on the next request.
   */
  mustWait() {
    if (this.closing || this.gone) return false
    if (this.inserted) return true
    const waits =
      this.leaving ||
      (this.outgoingData > 0 && this.outgoingData >= this.highWaterMark * MOST_MARKS) ||
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
    // Not after each response that makes room for one request: resuming costs more than a request.
    if (!this.paused || this.outgoing.length > MAX_PIPELINED / 2 || this.isFlooded()) return
    this.paused = false
    native.httpResume(this.id)
    this.readStart()
  }

  // These skip needless calls only while HTTP is attached: before and after, Node's socket code sets `reading` itself
  // before it calls them.
  readStart() {
    if (this.id < 0 || this.closing || (this.attached && (this.paused || this.reading))) return 0
    return super.readStart()
  }

  readStop() {
    if (this.id < 0 || this.closing || (this.attached && !this.reading)) return 0
    return super.readStop()
  }

  /**
   * How long the connection has been idle at `time`, in milliseconds; 0 while requests wait or output is being sent.
   */
  idleFor(time) {
    // Both are modulo 2^32.
    const idle = (time - this.idleSince) | 0
    switch (native.httpBusy(this.id)) {
      case 0:
        return idle
      case busy.READING:
        // A part of a head has arrived. Each part counts as activity; the time for the whole head has its own limits.
        return Math.min(idle, native.httpQuiet(this.id))
      default:
        return 0
    }
  }

  /** Takes the start of the idle time from Rust, if Rust answers requests of this connection. */
  noteIdle() {
    if (!this.mounted || this.idleSince < 0) return
    const since = native.httpSiteIdle(this.id)
    if (since >= 0) this.idleSince = since
  }

  /** Closes the connection unless a request is being read or answered. Output that is queued is sent first. */
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

  /** Fails the connection if the request being read exceeds one of the timeouts, in milliseconds (0 for none). */
  expire(headersTimeout, wholeTimeout) {
    if (this.id < 0 || this.closing) return
    if (native.httpExpired(this.id, headersTimeout, wholeTimeout)) this.fail(requestTimeout())
  }
}

HttpConnection.prototype.keepsResource = false
/** The class of the connection's socket. */
HttpConnection.prototype.Socket = HttpSocket
// Defaults on the prototype: few connections ever have other values.
/** Whether Rust answers requests by itself where it can (site.js). */
HttpConnection.prototype.mounted = false
/** The response that is finished when all of it has left: a file, which may take long to send. */
HttpConnection.prototype.unsent = null
/** The number of its bytes that were not sent at once. */
HttpConnection.prototype.unsentBytes = 0
/** The number of requests so far. It is only counted if the server has maxRequestsPerSocket. */
HttpConnection.prototype.requests = 0
/** Whether bytes were inserted before the rest of the batch. */
HttpConnection.prototype.inserted = false
/** The bytes that are being emitted as 'data'. */
HttpConnection.prototype.received = undefined
/** Whether the connection was aborted: no more requests are served. */
HttpConnection.prototype.gone = false
/**
 * Whether the socket had no stream when the connection closed. Then the connection does what the socket would have
 * done.
 */
HttpConnection.prototype.closedBare = false
HttpConnection.prototype.peerEnded = false
/** Whether the connection closes once our side has ended, even if the peer has not ended its side. */
HttpConnection.prototype.finalEnd = false
/** File streams (source.js) that are piped into the current response and wait until it has drained. */
HttpConnection.prototype.waiting = undefined
HttpConnection.prototype.readAtEnd = 0
HttpConnection.prototype.writtenAtEnd = 0

/** Core calls this with the change in the number of bytes that a response has buffered before its turn. */
function updateOutgoingData(delta) {
  this.outgoingData += delta
  this.resumeIfDrained()
}

/**
 * Requests that were already read are held back once the waiting responses have buffered this many times
 * `highWaterMark`.
 */
const MOST_MARKS = 16

/** The connection is not read while this many responses wait for their turn. */
const MAX_PIPELINED = 256

// What the methods on core's prototypes (install.js) call for our responses.
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
  // If two versions of this package run in one process, each has its own engine, which knows only its own connections.
  return engine === native && endNatively(this, res, body)
}
HttpConnection.prototype.writeHead = function (res, status, reason, headers) {
  return writeOrdinaryHead(res, status, reason, headers)
}

/** Whether a request has header fields that announce a body, even an empty one. */
function announcesBody({ headers }) {
  return 'content-length' in headers || 'transfer-encoding' in headers
}

/**
 * Runs in the tick after writes, when the engine has the bytes: calls the callbacks, and emits 'drain' if that is due.
 */
function settleWrites(connection) {
  const callbacks = connection.turnCallbacks
  connection.turnCallbacks = null
  connection.turnBytes = 0
  for (const callback of callbacks) callback(null)
  connection.drained()
}

module.exports = { HttpConnection }
