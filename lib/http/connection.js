'use strict'

// One HTTP connection: requests come in as batches of events, responses leave in order.
//
// It is the handle of its socket at the same time (`socket._handle`), and the socket is made only when somebody asks for it.
// As long as nobody does and every response is lean, a request costs one call of the handler and one of `respond`.

const { Buffer } = require('node:buffer')
const { IncomingMessage, ServerResponse } = require('node:http')
const process = require('node:process')
const { native } = require('../engine.js')
const { systemError } = require('../errors.js')
const { Connection } = require('../net/handle.js')
const { lean, kConnection, kConnections, kReparenting } = require('./widen')
const { parseError, requestTimeout } = require('./errors')
const { LeanRequest, flag, kFlags, fill, widenRequest, complete, deliver, dump, abort } = require('./request')
const { LeanResponse, wire, widenResponse, prepare, responseOptions, closeLean, settleLean } = require('./response')
const channels = require('./channels')
const { makeSocket, failSocket, setTimer } = require('./socket')

const METHODS = native.httpMethods().split(' ')
const ERRORS = native.httpErrors().split('\n')

/** The table of events that Rust fills; see src/binding/http.rs and src/http1/conn.rs. */
const words = new Uint32Array(native.httpTable())
const CURSOR = 0
const TAKEN = 1
const HOLD = 2
const BODY_START = 3
const CONSUMED = 4
const FIRST_EVENT = 8
const EVENT_WORDS = 8
const REQUEST = 1
const BODY = 2
const END = 3

/** What `httpBusy` says. */
const busy = { READING: 1, WAITING: 2, SENDING: 3 }

const FastBuffer = Buffer[Symbol.species]
const UV_EOF = -4095
const TEXT = 1 << 14
const BYTES = 1 << 15
const LINES = 1 << 16
const SECONDS = 17

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
    /** When the connection last became idle (the engine's clock); 0 while it is not, -1 when something else limits the idle time. */
    this.idleSince = 0
    /** Not read until responses have left. */
    this.paused = false
    /** The kernel has not taken all of a lean response. */
    this.leaving = false
    /** Bytes were put in front of what is left of the batch. */
    this.inserted = false
    /** The bytes that listeners for 'data' are being told of. */
    this.received = undefined
    /** Our side is ended or ending: nothing can be sent past the socket. */
    this.ending = false
    /** Another protocol has taken over. */
    this.released = false
    /** A batch of ours is being handled. */
    this.serving = false
    /** The socket has closed: nothing more is served. */
    this.gone = false
    /** There was no socket when the connection closed: what a socket does then is left to us. */
    this.closedBare = false
    this.onPendingData = onPendingDataNothing
    this.highWaterMark = server.highWaterMark ?? 64 * 1024
    server[kConnections].add(this)
    this.reading = true
    native.httpAttach(id, server.maxHeaderSize || defaultMaxHeaderSize())
  }

  // --- from the engine

  onHttp(count, text, body) {
    if (this.idleSince !== 0 && count > 0) this.wake()
    this.socket?._unrefTimer()
    batching = this.serving = true
    for (let event = words[CURSOR]; event < count; event = words[CURSOR]) {
      const at = FIRST_EVENT + event * EVENT_WORDS
      const kind = words[at] & 0xff
      if (kind === REQUEST) {
        if (event > 0 && this.mustWait()) {
          words[HOLD] = 1
          break
        }
        if (this.isFlooded()) this.pause()
      }
      words[CURSOR] = event + 1
      if (kind === REQUEST) this.onRequest(at, text, body)
      else if (kind === BODY) {
        this.onBody(at, body)
        // Where somebody reads the body, ticks and promises run before what follows it, as in Node: the engine calls again.
        if (event + 1 < count && this.incoming !== null && this.incoming[lean] === null) break
      } else if (kind === END) this.onEnd(at, text)
      else this.onParseError(words[at + 1], words[at + 2], body)
    }
    batching = this.serving = this.inserted = false
    if (ended.length > 0) settleEnded()
    if (count > 0) this.settle()
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
    // One request in a hundred needs more than this.
    if (version !== 0x101 || (flags & (flag.UPGRADE | flag.EXPECT | flag.HOST)) !== flag.HOST || server.isSpecial()) {
      this.onSpecialRequest(method, url, version, flags, head, body)
      return
    }
    const req = new LeanRequest(this, method, url, version, flags, head)
    if (flags & flag.HAS_BODY) this.incoming = req
    const res = new LeanResponse(this, req)
    this.queue(res)
    try {
      const handler = server._events.request
      if (typeof handler === 'function' && !server.capturesRejections) handler.call(server, req, res)
      else server.emit('request', req, res)
    } finally {
      if ((flags & flag.HAS_BODY) === 0) complete(req, '')
    }
  }

  /** Everything that Node's server does with a head, step by step. */
  onSpecialRequest(method, url, version, flags, head, body) {
    const { server } = this
    const req = this.makeRequest(method, url, version, flags, head)
    if (flags & flag.UPGRADE && this.onUpgrade(req, method, body)) return
    if (flags & flag.HAS_BODY) this.incoming = req
    const res = this.makeResponse(req, flags)
    const started = channels.requestStart
    if (started.hasSubscribers) started.publish({ request: req, response: res, socket: this.getSocket(), server })
    this.queue(res)
    try {
      if (version !== 0x101 || !this.answersItself(req, res, flags)) server.emit('request', req, res)
    } finally {
      if ((flags & flag.HAS_BODY) === 0) complete(req, '')
    }
  }

  makeRequest(method, url, version, flags, head) {
    const { IncomingMessage: Custom } = this.server
    if (Custom === IncomingMessage) {
      const req = new LeanRequest(this, method, url, version, flags, head)
      if (this.server[kReparenting] > 0) widenRequest(req)
      return req
    }
    const req = new Custom(this.getSocket())
    req[lean] = null
    req[kFlags] = flags
    fill(req, this, method, url, version >>> 8, version & 0xff, head, null)
    return req
  }

  makeResponse(req, flags) {
    const { ServerResponse: Custom } = this.server
    let res
    if (Custom === ServerResponse) {
      res = new LeanResponse(this, req)
      // Anything but a plain 1.1 exchange is core's business.
      const ordinary = req.httpVersionMajor === 1 && req.httpVersionMinor === 1
      const reparenting = this.server[kReparenting] > 0
      if (reparenting) this.server[kReparenting]--
      if (ordinary && !reparenting && !channels.responseCreated.hasSubscribers) return res
      widenDetached(res)
    } else {
      res = new Custom(req, responseOptions(this))
      res[lean] = null
      prepare(res, this, (flags & flag.KEEP_ALIVE) !== 0)
    }
    res.prependListener('finish', onFinish.bind(undefined, this, res))
    return res
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
    const rest = body.subarray(words[CONSUMED])
    const socket = this.getSocket()
    req.upgrade = true
    const waited = this.release()
    const head = waited === undefined ? rest : Buffer.concat([rest, waited])
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
      // Somebody listens for them (httpTap); the first who does feeds the parser.
      this.received = offset < 0 ? memory : new FastBuffer(memory, offset, length)
      socket.emit('data', this.received)
      this.received = undefined
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
    this.leaving = false
    super.onDrain()
    this.resumeIfDrained()
    // What was answered has left only now.
    if (!this.serving) this.settle()
  }

  onWriteError(errno) {
    if (this.socket !== undefined) return super.onWriteError(errno)
    this.failure = errno
    this.close()
  }

  onShutdown(status) {
    if (this.shutdownRequest !== undefined) return super.onShutdown(status)
    this.destroy()
  }

  /** A socket that is made of a closed connection closes it once more, and wants to hear of it. */
  close(callback) {
    if (!this.closing) {
      this.closedBare = this.socket === undefined
      super.close(callback)
    } else if (this.id >= 0) this.closeCallback ??= callback
    else if (callback !== undefined) process.nextTick(callback)
  }

  onClose() {
    const { server, socket } = this
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
    } else if (!socket.destroyed) socket.destroy()
  }

  /** The connection is gone: pending requests and responses hear of it. */
  abortAll() {
    this.gone = true
    const { current, outgoing } = this
    this.outgoing = []
    // A request that was answered hears nothing, even if its body was still to come.
    if (current !== null) abort(current.req)
    for (const res of outgoing) abort(res.req)
    // Core's own listener on the socket tells a core response.
    if (current === null || current[lean] === null) return
    closeLean(current)
    if (current._events === undefined) return
    widenResponse(current)
    current._closed = false
    emitClose(current)
  }

  // --- responses

  /** Puts a response behind those of earlier requests. */
  queue(res) {
    if (this.current === null) this.turn(res)
    else this.outgoing.push(res)
  }

  /** It is this response's turn. */
  turn(res) {
    if (res[lean]) {
      this.current = res
      if (this.socket !== undefined) this.socket._httpMessage = res
      return
    }
    const socket = this.getSocket()
    this.current = res
    res.assignSocket(socket)
  }

  /** Whether `res` may answer past the socket. */
  takesLean(res) {
    if (this.current !== res || this.ending || this.failure !== 0 || this.server.keepAliveTimeout > MAX_KEEP_ALIVE)
      return false
    const { socket } = this
    return socket === undefined || (socket.writableLength === 0 && !socket.destroyed)
  }

  /** A whole lean response, in its turn. */
  respond(res, flags, lines, body) {
    const { server, socket } = this
    const { keepAliveTimeout } = server
    if (keepAliveTimeout > 0) flags |= (Math.floor(keepAliveTimeout / 1000) + 1) << SECONDS
    if (lines !== '') flags |= LINES
    let status
    if (typeof body === 'string') status = native.httpRespond(this.id, flags | TEXT, lines, body)
    else if (body === undefined) status = native.httpRespond(this.id, flags, lines)
    else status = native.httpRespond(this.id, flags | BYTES, lines, body, body.length)
    this.current = null
    if (socket !== undefined) {
      socket._httpMessage = null
      socket._unrefTimer()
    }
    if (status > 0) {
      this.leaving = true
      // A request whose body is still coming is read to its end: its client may look for the response only then.
      if (this.incoming === null) this.pause()
      if (socket !== undefined) this.noteQueue()
    } else if (status < 0) this.onWriteError(status)
    if (res._events !== undefined) {
      // Their turn is the next tick, in order with whatever else the handler puts off.
      process.nextTick(emitFinish, res, res.req)
      res.emit('prefinish')
    } else if (ended.push(res) === 1 && !batching) process.nextTick(settleEnded)
    if (flags & wire.CLOSE) this.closeSoon()
    else this.next()
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
    if (this.incoming !== null || this.released || this.closing) return
    if (this.leaving) this.pause()
    else if (this.current === null && this.outgoing.length === 0) this.startIdle()
  }

  /** Idle from now on: of all timeouts only that of keep-alive counts, as in Node. */
  startIdle() {
    const { server, socket } = this
    if (!server.keepAliveTimeout) return
    this.idleSince = native.httpNow() || 1
    if (socket?.timeout) setTimer(socket, 0)
    server.watchIdle()
  }

  /** The next request has begun. */
  wake() {
    this.idleSince = 0
    const timeout = this.server.timeout || 0
    if (timeout > 0 || this.socket?.timeout) this.getSocket().setTimeout(timeout)
  }

  /** A lean response becomes core's: gives it the socket if it is its turn. */
  adopt(res) {
    res.prependListener('finish', onFinish.bind(undefined, this, res))
    if (this.onPendingData === onPendingDataNothing) {
      this.onPendingData = (delta) => {
        this.outgoingData += delta
        this.resumeIfDrained()
      }
    }
    res._onPendingData = this.onPendingData
    if (this.current !== res) return
    const socket = this.getSocket()
    if (socket._httpMessage === res) socket._httpMessage = null
    res.assignSocket(socket)
  }

  widenRequest(req) {
    widenRequest(req)
  }

  widenResponse(res) {
    widenResponse(res)
  }

  // --- the socket

  getSocket() {
    return this.socket ?? makeSocket(this)
  }

  /** Whether a reply from outside the turn would corrupt a response: one that has begun, or is out but not settled. */
  hasAnswered() {
    const { current } = this
    return (
      ended.some((res) => res[lean] !== null && res[kConnection] === this) ||
      (current !== null && current[lean] === null && current._headerSent)
    )
  }

  /** The connection is another protocol's from now on. Returns bytes that waited to be parsed, if there are any. */
  release() {
    const { socket, server } = this
    this.released = true
    server[kConnections].delete(this)
    socket.release()
    return native.httpDetach(this.id)
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

  readStart() {
    if (this.paused || this.reading || this.id < 0 || this.closing) return 0
    return super.readStart()
  }

  readStop() {
    if (!this.reading || this.id < 0 || this.closing) return 0
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

/** What the bits of a lean response can say, about nine hours. */
const MAX_KEEP_ALIVE = 32_766_999

/** So many times `highWaterMark` may wait before what was read already is served no further. */
const MOST_MARKS = 16

/** Pipelined requests that may wait for their turn before the connection is read no further. */
const MAX_PIPELINED = 256

/**
 * An object that widens under a foreign prototype costs some 100 µs: V8 makes it shapes of its own. One that is genuine before it gets
 * the prototype costs none of that, and a lean handler's request 3 µs in vain: so after each that was seen, as many are genuine.
 */
const REPARENTING = 32

function onPendingDataNothing() {}

function defaultMaxHeaderSize() {
  return require('node:http').maxHeaderSize
}

/** Widens a response before it has its turn. */
function widenDetached(res) {
  const connection = res[kConnection]
  connection.adopt = noop
  try {
    widenResponse(res)
  } finally {
    delete connection.adopt
  }
}

function noop() {}

/** Tells the listeners of lean responses that have ended; most have none. */
function settleEnded() {
  for (let i = 0; i < ended.length; i++) {
    const res = ended[i]
    const { req } = res
    if (res._events === undefined && req[lean] !== null) {
      settleLean(res)
      dump(req)
    } else process.nextTick(emitFinish, res, req)
  }
  ended.length = 0
}

function emitFinish(res, req) {
  // In Node the server listens first: all this is done when the application's listeners hear.
  dump(req)
  if (res[lean] === null) res.socket = null
  process.nextTick(emitClose, res)
  res.emit('finish')
}

function emitClose(res) {
  if (res[lean] !== null) settleLean(res)
  else if (res._closed) return
  else res.destroyed = res._closed = true
  res.emit('close')
}

/** A core response is out: Node's resOnFinish. */
function onFinish(connection, res) {
  const { socket } = connection
  const { req } = res
  const finished = channels.responseFinish
  if (finished.hasSubscribers) finished.publish({ request: req, response: res, socket, server: connection.server })
  dump(req)
  const { getPrototypeOf } = Object
  if (getPrototypeOf(res) !== LeanResponse.prototype || getPrototypeOf(req) !== LeanRequest.prototype) {
    connection.server[kReparenting] = REPARENTING
  }
  if (connection.current !== res) return
  res.detachSocket(socket)
  connection.current = null
  process.nextTick(emitClose, res)
  if (res._last) connection.closeSoon()
  else connection.next()
}

module.exports = { HttpConnection, now: () => native.httpNow() }
