'use strict'

// The handle of a client's socket: sends one request at a time, and receives its response as a batch of events.

const { addListener, emit, removeListener } = require('node:events').prototype
const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const {
  http: { IncomingMessage, maxHeaderSize },
} = require('../../genuine.js')
const process = require('node:process')
const { markAsUntransferable } = require('node:worker_threads')
const { native, ownerOf, shared } = require('../../engine.js')
const { Connection } = require('../../net/handle.js')
const { parseError } = require('../errors')
const { runTicks } = require('../../ticks.js')
const constants = require('../../constants.js')
const binding = require('../../../binding.js')
const core = require('./core.js')
const { kRelease, kSilence } = require('../symbols.js')

const FastBuffer = Buffer[Symbol.species]
const ERRORS = binding.httpErrors()

/**
 * The memory of the last bodies. As with what sockets receive, transferring one view to a worker must not take the
 * memory along.
 */
let memory
/** The connection whose events are being handled, and the position in the table of the row before its events. */
let serving = null
let row = 0

const listener = {
  /**
   * Called with the events of all connections that received something in a turn of the event loop. Between two of them,
   * ticks and promise jobs run, as between two reads in Node.
   */
  onResponses(count, text, body) {
    if (words[BODY_LENGTH] > 0 && body !== memory) {
      memory = body
      markAsUntransferable(memory)
    }
    for (let event = words[CURSOR]; event < count; event = words[CURSOR]) {
      const at = FIRST_EVENT + event * EVENT_WORDS
      if ((words[at] & KIND) === READ) {
        if (serving !== null) leave(true)
        words[CURSOR] = event + 1
        row = at
        serving = ownerOf(words[at + ID]) ?? null
        // The program has destroyed it since the bytes were read.
        if (serving?.closing) serving = null
      } else if (serving === null) words[CURSOR] = words[row + NEXT]
      else serving.onResponses(text, body)
    }
    if (serving !== null) leave(false)
  },
}

/** Ends the handling of a connection's events. `more` tells whether rows of other connections follow. */
function leave(more) {
  const connection = serving
  serving = null
  connection.leave()
  if (more) runTicks()
}

/** The table of events that Rust fills; see src/binding/http_client.rs and src/http1/conn.rs. */
const words = shared('http client', () => new Uint32Array(native.clientTable(listener)))
const { CURSOR } = constants.table
const { BODY_AT, BODY_LENGTH, EVENTS: FIRST_EVENT } = constants.client
const { READ, ID, NEXT, PACKET, PACKET_LENGTH, LENGTH } = constants.answer
const { EVENT_WORDS, KIND, VERSION, HTTP_1_1, FLAGS, HEAD, FIRST_LENGTH, HEAD_LENGTH, STATUS } = constants.row
const { PART, PART_LENGTH, TRAILERS, TRAILERS_LENGTH, ERROR_NUMBER, ERROR_OFFSET } = constants.row
const { RESPONSE, BODY, END } = constants.event
const { flag } = constants

/** The methods that change the framing of their responses, with the kind of response that Rust then expects. */
const KINDS = { __proto__: null, ...constants.answers }

/** Node's default for `maxHeadersCount`: this many strings, which are 1,000 names with their values. */
const MAX_STRINGS = 2000
/** Node's parser hands over this many strings at a time, and checks the limit only in between. */
const STRINGS_AT_A_TIME = 62

/**
 * The reason and header fields of a response. A server mostly repeats them, so the last ones are kept and not split
 * again.
 */
class Head {
  constructor(text, reasonLength) {
    this.text = text
    this.reason = text.slice(0, reasonLength)
    /** Names and values alternating. */
    this.fields = text.length > reasonLength ? text.slice(reasonLength + 1).split('\0') : []
  }

  static of(text, at) {
    const from = words[at + HEAD]
    const head = text.slice(from, from + words[at + HEAD_LENGTH])
    const reasonLength = words[at + FIRST_LENGTH]
    if (head !== last.text || reasonLength !== last.reason.length) last = new Head(head, reasonLength)
    return last
  }
}

let last = new Head('', 0)

class ClientConnection extends Connection {
  constructor(id, isTcp) {
    super(id, isTcp)
    /** The request whose response is being read, and the async resource in which its events run. */
    this.request = null
    this.resource = null
    /** Whether the whole request has been written. */
    this.sent = false
    /** The response whose body is arriving. */
    this.incoming = null
    /** The request that gets the socket in the next tick. */
    this.next = null
    /** The async resource in which a request has waited for the socket. */
    this.queued = null
    /** Whether all further input is ignored. */
    this.ignoring = false
    /** Whether received bytes are parsed. */
    this.parsing = false
  }

  attach() {
    this.parsing = true
    native.clientAttach(this.id)
  }

  /** Another protocol takes over. */
  detach() {
    this.parsing = false
    native.clientDetach(this.id)
  }

  /** Prepares the connection for the response to a request. */
  expect(req) {
    this.begin(req)
    return native.clientExpect(this.id, KINDS[req.method] | 0, req.maxHeaderSize || maxHeaderSize)
  }

  /** Prepares for the response, and writes the whole request. */
  send(req, text, utf8) {
    this.begin(req)
    return native.clientSend(this.id, KINDS[req.method] | 0, req.maxHeaderSize || maxHeaderSize, text, utf8)
  }

  begin(req) {
    this.request = req
    this.sent = false
    this.resource = this.queued ?? new AsyncResource('HTTPCLIENTREQUEST')
    this.next = this.queued = null
  }

  /** Takes over the request of another connection, for example of one whose address could not be reached. */
  takeOver(other) {
    const { request, next } = other
    other.request = other.next = null
    this.next = next
    this.queued = other.resource ?? other.queued
    if (request !== null) this.expect(request)
  }

  /** Whether the connection is between two requests, and no further bytes have arrived. */
  isIdle() {
    return native.clientIsIdle(this.id)
  }

  tap() {
    native.clientTap(this.id)
  }

  // --- events from the engine

  onResponses(text, body) {
    const { resource } = this
    if (resource === null) this.handle(text, body)
    else resource.runInAsyncScope(this.handle, this, text, body)
  }

  handle(text, body) {
    this.socket._unrefTimer()
    const next = words[row + NEXT]
    for (let event = words[CURSOR]; event < next; event = words[CURSOR]) {
      words[CURSOR] = event + 1
      if (this.ignoring) continue
      const at = FIRST_EVENT + event * EVENT_WORDS
      const kind = words[at] & KIND
      if (kind === RESPONSE) this.onResponse(at, text, body)
      else if (kind === BODY) this.onBody(at, body)
      else if (kind === END) {
        const from = words[at + TRAILERS]
        this.complete(text.slice(from, from + words[at + TRAILERS_LENGTH]))
      } else this.onParseError(words[at + ERROR_NUMBER], words[at + ERROR_OFFSET], packet(body))
    }
  }

  /** Called after the events of a read were handled. */
  leave() {
    const req = this.request
    if (req === null || this.incoming !== null || req.res === null) return
    // Does what core does when a response has arrived completely.
    this.request = this.resource = null
    req.parser = this.socket.parser = null
  }

  onResponse(at, text, body) {
    const { request: req, socket } = this
    if (req === null) return this.stop()
    if (req.res !== null) return this.stop()
    const flags = words[at + FLAGS]
    const version = words[at] >>> VERSION
    const head = Head.of(text, at)
    const res = new IncomingMessage(socket)
    res.httpVersionMajor = version >>> 8
    res.httpVersionMinor = version & 0xff
    res.httpVersion = version === HTTP_1_1 ? '1.1' : `${version >>> 8}.${version & 0xff}`
    res.joinDuplicateHeaders = req.joinDuplicateHeaders
    res.upgrade = (flags & flag.UPGRADE) !== 0
    res.statusCode = words[at + STATUS]
    res.statusMessage = head.reason
    if (head.fields.length > 0) addHeaders(res, req, head.fields.slice())
    if (res.upgrade) return this.onUpgrade(req, res, body)
    if (flags & flag.HAS_BODY) this.incoming = res
    this.deliver(req, res, (flags & flag.KEEP_ALIVE) !== 0)
    if ((flags & flag.HAS_BODY) === 0) finish(res, '')
  }

  /** Does what core does with the head of a response, but adds and removes fewer listeners. */
  deliver(req, res, keepAlive) {
    const { statusCode } = res
    if (statusCode < 200 || core.isObserved(req)) {
      core.onIncoming.call(this, res, keepAlive)
      return
    }
    if (!keepAlive && !req.upgradeOrConnect) req.shouldKeepAlive = false
    req.res = res
    res.req = req
    addListener.call(res, 'end', onEnd)
    if (!this.sent) req.on('finish', onFinish)
    addListener.call(this.socket, 'timeout', onTimeout)
    if (req.aborted || !req.emit('response', res)) res._dump()
    if (statusCode === 304) res.complete = true
  }

  /** The server switches to another protocol, or the tunnel is open. */
  onUpgrade(req, res, body) {
    const { socket } = this
    const head = packet(body).subarray(words[row + LENGTH])
    req.res = res
    this.request = this.resource = null
    req.parser = null
    if (req.timeoutCb) removeListener.call(socket, 'timeout', req.timeoutCb)
    const event = req.method === 'CONNECT' ? 'connect' : 'upgrade'
    if (req.listenerCount(event) === 0) {
      socket.destroy()
      return
    }
    req.upgradeOrConnect = true
    socket.emit('agentRemove')
    socket[kRelease]()
    socket._httpMessage = null
    socket.readableFlowing = null
    req.emit(event, res, socket, head)
    req.destroyed = true
    req._closed = true
    req.emit('close')
  }

  onBody(at, body) {
    const res = this.incoming
    if (res === null || res._dumped) return
    if (!res.push(part(body, words[at + PART], words[at + PART_LENGTH]))) this.socket.pause()
  }

  complete(trailers) {
    const res = this.incoming
    if (res === null) return
    this.incoming = null
    finish(res, trailers)
    const { socket } = this
    if (socket.readable) socket.resume()
  }

  onParseError(number, offset, packet) {
    const { request: req, socket } = this
    this.ignoring = true
    this.request = this.resource = null
    socket[kSilence]()
    socket.destroy()
    if (req === null) return
    req.parser = null
    const [code, reason] = ERRORS[number]
    socket._hadError = true
    core.emitError(req, parseError(code, reason, offset, packet))
  }

  /** More than the response arrived, so the connection cannot be used any more. */
  stop() {
    this.ignoring = true
    this.socket.destroy()
  }

  /** The peer has ended its side. That also ends a response without any other mark of its end. */
  finish() {
    if (this.id >= 0 && native.clientIsWhole(this.id)) this.complete('')
    this.request = this.resource = null
  }

  onRead(length, memory, offset) {
    // The program listens for 'data' on the socket. The parser gets the bytes as well.
    if (length > 0 && this.parsing) {
      this.socket?.emit('data', offset < 0 ? memory : new FastBuffer(memory, offset, length))
    } else super.onRead(length, memory, offset)
  }
}

/** A range of the body bytes of a batch. They are either a range of shared memory or a Buffer. */
function part(body, start, length) {
  return words[BODY_LENGTH] > 0
    ? new FastBuffer(body, words[BODY_AT] + start, length)
    : body.subarray(start, start + length)
}

/** All bytes that were received, for an error or an upgrade. */
function packet(body) {
  return part(body, words[row + PACKET], words[row + PACKET_LENGTH])
}

/** Called when the response has been read to its end. */
function onEnd() {
  const { req } = this
  const { socket } = req
  if (core.kDetachAbortSignal !== undefined) this[core.kDetachAbortSignal]()
  if (socket) {
    if (req.timeoutCb) removeListener.call(socket, 'timeout', req.timeoutCb)
    removeListener.call(socket, 'timeout', onTimeout)
  }
  req._ended = true
  if (!req.shouldKeepAlive) {
    if (socket.writable) socket.destroySoon()
  } else if (req.writableFinished && !this.aborted) {
    // The stream itself would need two more ticks until 'close', so free() closes it.
    if (this._destroy === IncomingMessage.prototype._destroy) this._readableState.autoDestroy = false
    keepAlive(req)
  }
}

function onTimeout() {
  this._httpMessage?.res?.emit('timeout')
}

/** Called when the request has been written, perhaps after its response was read. */
function onFinish() {
  if (this.shouldKeepAlive && this._ended && !this.destroyed) keepAlive(this)
}

function keepAlive(req) {
  if (req.timeoutCb) {
    req.socket.setTimeout(0, req.timeoutCb)
    req.timeoutCb = null
  }
  // After the program's listeners for 'end'.
  process.nextTick(free, req)
  req.destroyed = true
  // Destroying the response must no longer destroy the socket.
  if (req.res) req.res.socket = null
}

function free(req) {
  req._closed = true
  req.emit('close')
  req.socket?.emit('free')
  const { res } = req
  const state = res?._readableState
  if (state === undefined || state.autoDestroy || state.destroyed) return
  state.destroyed = state.closed = state.closeEmitted = true
  if (res.listenerCount('close') > 0 || res.emit !== emit) process.nextTick(closeSoon, res)
}

/** Emits 'close' as late as the stream would. */
function closeSoon(res) {
  process.nextTick(emitClose, res)
}

function emitClose(res) {
  res.emit('close')
}

function addHeaders(res, req, strings) {
  const { maxHeadersCount } = req
  const limit = typeof maxHeadersCount === 'number' ? maxHeadersCount << 1 : MAX_STRINGS
  let count = strings.length
  if (limit > 0 && count > limit) {
    if (count > STRINGS_AT_A_TIME) strings.length = Math.min(count, core.cutsHeaders ? limit : roundedUp(limit))
    count = limit
  }
  res._addHeaderLines(strings, count)
}

function roundedUp(limit) {
  return Math.ceil(limit / STRINGS_AT_A_TIME) * STRINGS_AT_A_TIME
}

/** Completes a response. `trailers` has the same form as the header fields. */
function finish(res, trailers) {
  res.complete = true
  if (trailers !== '') {
    const strings = trailers.split('\0')
    res._addHeaderLines(strings, strings.length)
  }
  res.push(null)
}

module.exports = { ClientConnection }
