'use strict'

// The server's side of calls: `ServerCall` does the work between a stream and its handler. The objects that handlers
// get are in server-views.js.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const { isUint8Array } = require('node:util/types')
const { native } = require('../engine.js')
const constants = require('../constants.js')
const { now } = require('../rpc/tick.js')
const { status } = require('./constants.js')
const { unpack } = require('./compression.js')
const { statusOf, tooLarge } = require('./errors.js')
const { Inbox } = require('./inbox.js')
const { fieldOf, fieldsOf, received } = require('./metadata.js')
const { PerRequestMetricRecorder, reportOf } = require('./orca.js')
const { Outbox } = require('./outbox.js')
const { CallScope } = require('./scope.js')
const { notify, run, ServerUnaryCall, ServerReadableStream } = require('./server-views.js')
const { ServerDuplexStream, ServerWritableStream } = require('./server-views.js')
const { kCompression } = require('./symbols.js')

const { BEGUN } = constants.grpcSend
const { ALL, CLOSED } = constants.grpcSent
const { NONE, INVALID } = constants.grpcTimeout
const NO_ERROR = 0
const CANCEL = 8

const ignore = () => {}
const failure = (code, details) => ({ code, details, metadata: null })

/** One call, on a stream of a link. */
class ServerCall {
  constructor(link, stream, handler, timeout, text) {
    this.scope = new CallScope()
    this.link = link
    this.stream = stream
    this.handler = handler
    this.text = text
    this.metadata = received(text)
    const compression = link.server[kCompression]
    /** How responses are compressed, or null for no compression. */
    this.compression = compression?.isAmong(fieldOf(text, 'grpc-accept-encoding')) ? compression : null
    /** The caller's deadline, by the clock of `now()` and as `Date.now()`. */
    this.expires = Infinity
    this.deadline = Infinity
    this.begun = false
    this.over = false
    /** The status that was sent; CANCELLED if none was. */
    this.code = status.CANCELLED
    /** Whether the caller has sent everything. */
    this.halfClosed = false
    this.notified = false
    this.inbox = null
    this.outbox = null
    this.request = undefined
    this.requested = false
    /** The metrics that the handler has recorded, or null. */
    this.recorder = null
    /** The object that the handler gets. */
    this.view = undefined
    if (timeout === INVALID) this.refuse()
    else if (timeout !== NONE) this.expire(timeout)
  }

  refuse() {
    this.sendStatus(failure(status.INTERNAL, `Invalid grpc-timeout value "${fieldOf(this.text, 'grpc-timeout')}"`))
  }

  expire(timeout) {
    this.deadline = Date.now() + timeout
    this.expires = now() + timeout
    this.link.deadlines.add(this.expires)
  }

  /** Whether the handler begins before there is a request message. */
  get beginsAtOnce() {
    const { type } = this.handler
    return type === 'clientStream' || type === 'bidi'
  }

  begin() {
    const { handler } = this
    if (handler.type === 'clientStream') {
      this.view = new ServerReadableStream(handler.path, this, this.metadata)
      this.inbox = new Inbox(this, this.view)
      this.run((error, value, trailers, flags) => this.respond(error, value, trailers, flags))
    } else if (handler.type === 'bidi') {
      this.view = new ServerDuplexStream(handler.path, this, this.metadata)
      this.inbox = new Inbox(this, this.view)
      this.outbox = new Outbox(this)
      this.run()
    }
  }

  run(callback) {
    run(this, this.handler, this.view, callback)
  }

  // ---- from the link

  onMessage(bytes, compressed, used) {
    if (this.over) return
    if (this.inbox !== null) return this.inbox.add(bytes, compressed, used)
    if (this.requested) {
      const { path } = this.handler
      const details = `Received a second request message for server streaming method ${path}`
      return this.sendStatus(failure(status.UNIMPLEMENTED, details))
    }
    this.requested = true
    this.request = this.decode(bytes, compressed)
  }

  onTooLarge(length) {
    this.sendStatus(failure(status.RESOURCE_EXHAUSTED, tooLarge(length, this.link.maxReceive)))
  }

  onEnd(torn) {
    this.halfClosed = true
    if (this.over) return
    if (torn) return this.sendStatus(failure(status.INTERNAL, 'The request ends in the middle of a message'))
    const { handler, inbox } = this
    if (inbox !== null) return inbox.end(() => this.tellEnd())
    if (!this.requested) {
      const details = `Received no request message for server streaming method ${handler.path}`
      return this.sendStatus(failure(status.UNIMPLEMENTED, details))
    }
    if (handler.type === 'unary') {
      this.view = new ServerUnaryCall(handler.path, this, this.metadata, this.request)
      this.run((error, value, trailers, flags) => this.respond(error, value, trailers, flags))
    } else {
      this.view = new ServerWritableStream(handler.path, this, this.metadata, this.request)
      this.outbox = new Outbox(this)
      this.run()
    }
  }

  /** Called when everything that the caller has sent was taken. */
  tellEnd() {
    this.view.push(null)
  }

  onReset() {
    this.stop()
  }

  onLost() {
    this.stop()
  }

  onDeadline() {
    this.expires = Infinity
    this.sendStatus(failure(status.DEADLINE_EXCEEDED, 'Deadline exceeded'))
  }

  onDrained() {
    if (this.over) this.release()
    else this.outbox?.onDrained()
  }

  // ---- from the handler

  /** Decompresses and deserializes a message. If that fails, ends the call and returns undefined. */
  decode(bytes, compressed) {
    let content = bytes
    if (compressed) {
      const unpacked = unpack(bytes, fieldOf(this.text, 'grpc-encoding'), this.link.maxReceive)
      if (unpacked.failure !== undefined) {
        this.sendStatus(unpacked.failure)
        return undefined
      }
      content = unpacked.bytes
    }
    try {
      return this.handler.deserialize(content)
    } catch {
      this.sendStatus(failure(status.INTERNAL, 'Error deserializing request'))
      return undefined
    }
  }

  /**
   * Serializes a message, and frames it if messages are compressed. If that fails, ends the call and returns undefined.
   */
  encode(value, flags) {
    let bytes
    try {
      bytes = this.handler.serialize(value)
      if (!isUint8Array(bytes)) bytes = Buffer.from(bytes)
    } catch {
      this.sendStatus(failure(status.INTERNAL, 'Error serializing response'))
      return undefined
    }
    const { maxSend } = this.link
    if (bytes.length <= maxSend) return this.compression === null ? bytes : this.compression.frame(bytes, flags)
    this.sendStatus(failure(status.RESOURCE_EXHAUSTED, `Sent message larger than max (${bytes.length} vs. ${maxSend})`))
    return undefined
  }

  startRead() {
    this.inbox.read()
  }

  getPeer() {
    return this.link.getPeer()
  }

  getDeadline() {
    return this.deadline
  }

  getHost() {
    return fieldOf(this.text, ':authority') ?? fieldOf(this.text, 'host')
  }

  getAuthContext() {
    return this.link.getAuthContext()
  }

  getMetricsRecorder() {
    this.recorder ??= new PerRequestMetricRecorder()
    return this.recorder
  }

  /** The trailing metadata, with the recorded metrics if the server reports them. */
  trailersOf(metadata) {
    const fields = fieldsOf(metadata)
    return this.link.reports ? fields + reportOf(this.recorder) : fields
  }

  /** The answer of a handler that gives one response. */
  respond(error, value, trailers, flags) {
    if (this.over) return
    if (error) return this.sendStatus(statusOf(error, trailers))
    const bytes = this.encode(value, flags)
    if (bytes === undefined) return
    if (this.compression !== null) return this.respondFramed(bytes, trailers ?? null)
    const { link, stream } = this
    const bits = this.begun ? BEGUN : 0
    const sent = native.grpcReply(link.id, stream, bits, '', this.trailersOf(trailers), bytes, bytes.length)
    if (sent < 0) {
      this.begun = true
      this.sendStatus(failure(status.INTERNAL, 'Internal server error'))
    } else {
      this.code = status.OK
      link.traffic.send(1)
      this.finished(sent)
    }
  }

  respondFramed(bytes, metadata) {
    this.outbox = new Outbox(this)
    this.sendMetadata(undefined)
    this.outbox.write(bytes, ignore)
    this.sendStatus({ code: status.OK, details: 'OK', metadata })
  }

  sendMetadata(metadata) {
    if (this.over || this.begun) return
    this.begun = true
    const { link, stream } = this
    const encoding = this.compression?.field ?? ''
    const sent = native.grpcRespond(link.id, stream, encoding + fieldsOf(metadata))
    // If HTTP/2 does not allow the metadata, the response begins without it.
    if (sent < 0) native.grpcRespond(link.id, stream, encoding)
  }

  sendMessage(message, callback) {
    if (this.over) return callback()
    const bytes = this.encode(message)
    if (bytes === undefined) return
    this.sendMetadata(undefined)
    this.outbox.write(bytes, callback)
  }

  sendStatus({ code, details, metadata }) {
    if (this.over) return
    const { link, stream } = this
    this.outbox?.flush()
    const number = Number.isInteger(code) && code >= 0 ? code : status.UNKNOWN
    const bits = this.begun ? BEGUN : 0
    let sent = native.grpcFinish(link.id, stream, bits, number, String(details ?? ''), this.trailersOf(metadata))
    // If HTTP/2 does not allow the metadata, the status is sent without it, because the caller waits for the end.
    if (sent < 0) sent = native.grpcFinish(link.id, stream, bits, number, String(details ?? ''), '')
    this.code = number
    this.finished(sent)
  }

  /** Called when the status was sent. `sent` is what the engine returned. */
  finished(sent) {
    this.over = true
    this.link.traffic.succeeded++
    if (sent < 0 || (sent & CLOSED) !== 0) this.link.closed(this.stream)
    else if ((sent & ALL) !== 0) this.release()
    this.quit()
  }

  /** The status has left: the rest of the request is not needed. */
  release() {
    if (!this.halfClosed) this.link.reset(this.stream, NO_ERROR)
  }

  /** Ends a call whose caller cannot be answered any more. */
  stop() {
    if (this.over) return
    this.over = true
    this.quit()
  }

  cancel() {
    if (this.over) return
    this.link.reset(this.stream, CANCEL)
    this.stop()
  }

  quit() {
    this.link.server.counts.ended(this.code)
    this.expires = Infinity
    this.inbox?.drop()
    this.outbox?.stop()
    this.scope.emitDestroy()
    const { view } = this
    if (view === undefined || this.notified) return
    this.notified = true
    if (view.isUnary && view.listenerCount('cancelled') === 0) view.cancelled = true
    else this.scope.defer(process.nextTick, notify, view)
  }
}

module.exports = { ServerCall }
