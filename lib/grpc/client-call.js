'use strict'

// The client's side of calls: `ClientCall`, which does the work between a channel and a connection, and the objects
// that callers get.

const { Buffer } = require('node:buffer')
const EventEmitter = require('node:events')
const process = require('node:process')
const { Duplex, Readable, Writable } = require('node:stream')
const { clearTimeout } = require('node:timers')
const { isUint8Array } = require('node:util/types')
const { native } = require('../engine.js')
const constants = require('../constants.js')
const { now } = require('../rpc/tick.js')
const { credentialsOf, vouch } = require('./call-credentials.js')
const { connectivityState, propagate, status } = require('./constants.js')
const { unpack } = require('./compression.js')
const { callError, tooLarge } = require('./errors.js')
const { Inbox } = require('./inbox.js')
const { Metadata, fieldOf, fieldsOf, findWrong, received } = require('./metadata.js')
const { Outbox } = require('./outbox.js')
const { adopt, leave } = require('./parents.js')
const { tellPrevious } = require('./retry.js')
const { CallScope } = require('./scope.js')

const { END, FRAMES, MESSAGE } = constants.grpcSend
const { NONE } = constants.grpcStatus
const EMPTY = Buffer.alloc(0)
const ignore = () => {}
/** Stream numbers end at 2³¹ - 1: from this one on, the connection takes no new calls. */
const LAST_STREAM = 2 ** 31 - 1000

/** HTTP/2's error codes, for streams that are reset. */
const NO_ERROR = 0
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11
const INADEQUATE_SECURITY = 12

/**
 * How often a call is repeated that a server has refused unseen: on a connection that stays open, and on one that is
 * ending.
 */
const MAX_REFUSED = 1
const MAX_UNSEEN = 5

const STATUS_OF_HTTP = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
}

const ofHttp = (http) => [STATUS_OF_HTTP[http] ?? status.UNKNOWN, `Received HTTP status code ${http}`]

/** The status of a call whose stream was reset with `code`. */
function ofReset(code) {
  switch (code) {
    case NO_ERROR:
      return [status.INTERNAL, `Received RST_STREAM with code ${code} (Call ended without gRPC status)`]
    case REFUSED_STREAM:
      return [status.UNAVAILABLE, 'Stream refused by server']
    case CANCEL:
      return [status.CANCELLED, 'Call cancelled']
    case ENHANCE_YOUR_CALM:
      return [status.RESOURCE_EXHAUSTED, 'Bandwidth exhausted or memory limit exceeded']
    case INADEQUATE_SECURITY:
      return [status.PERMISSION_DENIED, 'Protocol not secure enough']
    case INTERNAL_ERROR:
      return [status.INTERNAL, `Received RST_STREAM with code ${code} (Internal server error)`]
    default:
      return [status.INTERNAL, `Received RST_STREAM with code ${code}`]
  }
}

/** One call, and the stream that it uses, if any. */
class ClientCall {
  constructor(channel, method, metadata, options) {
    if (channel.state === connectivityState.SHUTDOWN) throw new Error('Channel has been shut down')
    this.scope = new CallScope()
    this.channel = channel
    channel.active++
    if (this.isWhole) channel.counts.began()
    this.method = method
    this.fields = fieldsOf(metadata)
    const { compression } = channel
    /** How messages are compressed, or null for no compression. */
    this.compression = compression?.isTaken ? compression : null
    if (this.compression !== null) this.fields += compression.field
    this.credentials = credentialsOf(options.credentials, channel.credentials)
    /**
     * The fields without those of the credentials, and whether the credentials have added theirs for the next attempt.
     */
    this.ownFields = this.fields
    this.isVouchedFor = false
    /** Undefined: the method config decides. */
    this.waitsForReady = metadata?.options.waitForReady
    /** The method config; undefined until it is known, null if there is none. */
    this.config = undefined
    this.maxSend = channel.maxSend
    this.maxReceive = Infinity
    /** The retry or hedging policy, or null; and the number of earlier attempts. */
    this.policy = null
    this.previous = 0
    this.host = options.host
    /** The server call with which this call is cancelled, or null. */
    this.parent = null
    /** The deadline's timer while the credentials are asked. */
    this.vouching = undefined
    this.deadline = Infinity
    this.expires = Infinity
    this.link = null
    this.stream = 0
    /** Counters for the end of the attempt, or null: the subchannel's, and the endpoint's for outlier detection. */
    this.attempted = null
    this.watcher = null
    this.over = false
    /** Whether anything of the response has arrived. */
    this.begun = false
    /** How often the call was repeated because a server refused it unseen. */
    this.refused = 0
    /** False if certainly no server has seen the call. */
    this.sent = false
    this.encoding = undefined
    this.http = 0
    /**
     * The single request message, kept until a response begins, because a server may not have seen it. Undefined for a
     * request stream.
     */
    this.message = undefined
    this.ends = false
    this.view = undefined
    this.callback = undefined
    this.response = undefined
    this.responded = false
    this.inbox = null
    this.outbox = null
    this.readOptions(options)
  }

  readOptions({ deadline, parent, propagate_flags: flags = propagate.DEFAULTS }) {
    let until = deadline === undefined ? Infinity : Number(deadline)
    if (parent) {
      if ((flags & propagate.DEADLINE) !== 0) until = Math.min(until, Number(parent.getDeadline()))
      if ((flags & propagate.CANCELLATION) !== 0) {
        this.parent = parent
        adopt(parent, this)
      }
    }
    if (until === Infinity || Number.isNaN(until)) return
    this.deadline = until
    this.expires = now() + until - Date.now()
  }

  /** Connects the call with `view`, the object that its caller gets. */
  show(view) {
    const { requestStream, responseStream } = this.method
    this.view = view
    view.call = this
    if (responseStream) this.inbox = new Inbox(this, view)
    if (requestStream) this.outbox = new Outbox(this, this.channel.retries)
  }

  start() {
    if (this.expires <= now()) process.nextTick(() => this.onDeadline())
    else this.channel.begin(this)
  }

  /** Begins the call on a connection. Returns false if that takes no more calls now. */
  attempt(link) {
    if (this.over) return true
    if (link.closing || link.draining || link.ended) return false
    if (this.credentials !== null && !this.isVouchedFor) {
      this.scope.run(null, vouch, this)
      return true
    }
    const { method, message } = this
    const head = this.channel.head(method.path, this.host)
    const timeout = this.deadline === Infinity ? -1 : Math.max(this.deadline - Date.now(), 0)
    const isFramed = this.compression !== null
    const stream =
      message === undefined || isFramed
        ? native.grpcCall(link.id, head, timeout, this.fields, 0, EMPTY, 0)
        : native.grpcCall(link.id, head, timeout, this.fields, MESSAGE | END, message, message.length)
    if (stream < 0) {
      // Either the connection has no room, or a field is invalid. In the latter case, other calls need not wait for
      // this one.
      const wrong = findWrong(head) ?? findWrong(this.fields)
      if (wrong === undefined) {
        link.waiters.add(this.channel)
        return false
      }
      this.fail(status.INTERNAL, `The call cannot be sent: HTTP/2 does not allow the header ${wrong}`)
      return true
    }
    if (link.calls.size === 0) link.ref()
    link.calls.set(stream, this)
    this.link = link
    this.stream = stream
    this.sent = true
    this.isVouchedFor = false
    this.count(link)
    if (this.expires !== Infinity) link.deadlines.add(this.expires)
    if (isFramed && message !== undefined) native.grpcWrite(link.id, stream, FRAMES | END, message, message.length)
    this.outbox?.onDrained()
    if (stream >= LAST_STREAM) link.retire()
    return true
  }

  /** Whether the call can be repeated: no response has begun, and the whole request is still kept. */
  get isRepeatable() {
    if (this.begun || !this.channel.retries) return false
    return this.outbox === null ? this.message !== undefined : this.outbox.kept !== null
  }

  /** Begins another attempt. */
  repeat() {
    this.link = null
    this.stream = 0
    this.http = 0
    this.isVouchedFor = false
    this.outbox?.rewind()
    this.channel.begin(this)
  }

  /** Counts the beginning of an attempt. */
  count(link) {
    const { traffic, owner } = link
    traffic.started++
    traffic.lastLocal = now()
    if (this.message !== undefined) traffic.send(1)
    this.attempted = owner.counts
    owner.counts.began()
    const { watch } = this.channel.picker
    if (watch !== null) this.watcher = watch.of(link)
  }

  /** Counts the end of an attempt. */
  counted(code) {
    const { attempted, watcher } = this
    if (attempted === null) return
    this.attempted = null
    this.watcher = null
    attempted.ended(code)
    watcher?.ended(code)
  }

  /** Ends an attempt that has no connection, or whose connection was lost. The policy may make another attempt. */
  unplaced(end) {
    this.counted(end.code)
    if (this.over || this.policy?.takes(this, end)) return
    this.fail(end.code, end.details, end.metadata)
  }

  // ---- from the caller

  /** Sends the request of a call with one request message. */
  send(argument) {
    const bytes = this.encode(argument)
    if (bytes === undefined) return
    this.message = bytes
    this.ends = true
    this.start()
  }

  /**
   * Serializes a message, and frames it if messages are compressed. If that fails, ends the call and returns undefined.
   */
  encode(value, flags) {
    let bytes
    try {
      bytes = this.method.requestSerialize(value)
      if (!isUint8Array(bytes)) bytes = Buffer.from(bytes)
    } catch (error) {
      this.fail(status.INTERNAL, `Request message serialization failure: ${error?.message ?? error}`)
      return undefined
    }
    const most = this.maxSend
    if (bytes.length <= most) return this.compression === null ? bytes : this.compression.frame(bytes, flags)
    this.fail(status.RESOURCE_EXHAUSTED, `Attempted to send message with a size larger than ${most}`)
    return undefined
  }

  sendMessageWithContext({ callback = ignore, flags }, message) {
    if (this.over) return callback()
    const bytes = this.encode(message, flags)
    if (bytes === undefined) return callback()
    this.outbox.write(bytes, callback)
  }

  startRead() {
    this.inbox.read()
  }

  halfClose() {
    if (this.over) return
    this.ends = true
    this.outbox.end()
  }

  cancelWithStatus(code, details) {
    this.fail(code, details)
  }

  getPeer() {
    return this.link?.getPeer() ?? this.channel.getTarget()
  }

  getAuthContext() {
    return this.link?.getAuthContext() ?? null
  }

  // ---- from the link

  onMetadata(text, http) {
    if (!this.begun) this.begin()
    this.http = http
    this.encoding = fieldOf(text, 'grpc-encoding')
    this.channel.compression?.learn(fieldOf(text, 'grpc-accept-encoding'))
    const metadata = received(text)
    if (this.previous > 0) tellPrevious(metadata, this.previous)
    this.tellMetadata(metadata)
  }

  tellMetadata(metadata) {
    this.view.emit('metadata', metadata)
  }

  /** A response has begun, so the call is not repeated any more. */
  begin() {
    this.begun = true
    this.message = undefined
    this.outbox?.forget()
    this.policy?.stop()
  }

  onMessage(bytes, compressed, used) {
    if (this.over) return
    if (!this.begun) this.begin()
    if (bytes.length > this.maxReceive) return this.onTooLarge(bytes.length)
    if (this.inbox !== null) return this.inbox.add(bytes, compressed, used)
    if (this.responded) return this.fail(status.UNIMPLEMENTED, 'Too many responses received')
    this.responded = true
    this.response = this.decode(bytes, compressed)
  }

  /** Decompresses and deserializes a message. If that fails, ends the call and returns undefined. */
  decode(bytes, compressed) {
    let content = bytes
    if (compressed) {
      const { encoding } = this
      const limit = Math.min(this.link.maxReceive, this.maxReceive)
      const unpacked = unpack(bytes, encoding, limit, `${encoding}-encoded message`)
      if (unpacked.failure !== undefined) {
        this.fail(unpacked.failure.code, unpacked.failure.details)
        return undefined
      }
      content = unpacked.bytes
    }
    try {
      return this.method.responseDeserialize(content)
    } catch (error) {
      this.fail(status.INTERNAL, `Response message parsing error: ${error?.message ?? error}`)
      return undefined
    }
  }

  onTooLarge(length) {
    if (this.http !== 200 && this.http !== 0) return this.fail(...ofHttp(this.http))
    const most = Math.min(this.link.maxReceive, this.maxReceive)
    this.fail(status.RESOURCE_EXHAUSTED, tooLarge(length, most))
  }

  onStatus(code, message, text, http) {
    if (this.over) return
    if (http !== 0) this.http = http
    const metadata = received(text)
    if (code !== NONE) {
      const details = message.includes('%') ? native.grpcDecode(message) : message
      return this.end({ code, details, metadata })
    }
    const [number, details] = this.http !== 200 || http !== 0 ? ofHttp(this.http) : ofReset(NO_ERROR)
    this.end({ code: number, details, metadata })
  }

  onReset(code) {
    const { goaway, draining } = this.link
    this.link = null
    this.stream = 0
    if (this.over) return
    // A server may have seen earlier attempts.
    if (code === REFUSED_STREAM && !this.begun) this.sent = this.previous > 0
    if (code === REFUSED_STREAM && this.isRepeatable && this.refused < (draining ? MAX_UNSEEN : MAX_REFUSED)) {
      this.refused++
      this.counted(status.UNAVAILABLE)
      return this.repeat()
    }
    // The error code with which the server ended the connection is the reason for the refusal.
    const [number, details] = ofReset(code === REFUSED_STREAM && goaway !== NO_ERROR ? goaway : code)
    this.end({ code: number, details, metadata: new Metadata() })
  }

  onLost(error) {
    if (this.over) return
    const { goaway } = this.link
    const dropped = error?.syscall === undefined ? 'Connection dropped' : error.message
    const [code, details] = goaway === NO_ERROR ? [status.UNAVAILABLE, dropped] : ofReset(goaway)
    this.unplaced({ code, details, metadata: new Metadata() })
  }

  onDeadline() {
    this.fail(status.DEADLINE_EXCEEDED, 'Deadline exceeded')
  }

  onDrained() {
    this.outbox?.onDrained()
  }

  // ---- the end

  /**
   * Ends the call from this side. The caller hears of it in a later tick: often several calls end together, and an
   * exception that one caller throws must not affect the others.
   */
  fail(code, details, metadata = new Metadata()) {
    if (this.over) return
    this.counted(code)
    this.leave()
    this.settle(code)
    this.scope.emitDestroy()
    this.scope.defer(process.nextTick, () => this.tell({ code, details, metadata }))
  }

  leave() {
    const { link, stream } = this
    if (link === null) this.channel.drop(this)
    else if (link.calls.get(stream) === this) link.reset(stream, CANCEL)
  }

  /** Called when the server has ended the call. */
  end(end) {
    this.counted(end.code)
    if (this.over || this.policy?.takes(this, end)) return
    const { throttle } = this.channel
    if (throttle !== null && end.code === status.OK) throttle.succeeded()
    if (this.previous > 0 && !this.begun) tellPrevious(end.metadata, this.previous)
    this.expires = Infinity
    if (end.code === status.OK && this.inbox !== null) {
      // All messages come before the status. The ones that wait no longer count for the connection.
      this.inbox.disown()
      this.inbox.end(() => this.finish(end))
      return
    }
    this.finish(end)
  }

  finish(end) {
    if (this.over) return
    this.settle(end.code)
    this.scope.emitDestroy()
    this.tell(end)
  }

  settle(code) {
    this.over = true
    if (this.isWhole) this.channel.counts.ended(code)
    this.channel.ended()
    this.expires = Infinity
    this.message = undefined
    this.outbox?.stop()
    this.inbox?.drop()
    this.policy?.stop()
    clearTimeout(this.vouching)
    if (this.parent !== null) leave(this.parent, this)
  }

  tell(end) {
    const { view, callback, responded, response } = this
    if (callback === undefined) endStream(view, end)
    else answer(callback, end, responded, response)
    view.emit('status', end)
  }
}

/** False for an attempt of a hedged call, which is only a part of a call. */
ClientCall.prototype.isWhole = true

/** Reports the end of a call with one response to its callback. */
function answer(callback, end, responded, response) {
  if (end.code !== status.OK) callback(callError(end))
  else if (responded) callback(null, response)
  else callback(callError({ ...end, code: status.UNIMPLEMENTED, details: 'No message received' }))
}

/** Reports the end of a call to its stream of responses. */
function endStream(view, end) {
  if (view.destroyed) return
  view.push(null)
  if (end.code !== status.OK) view.emit('error', callError(end))
}

/** Methods that all objects for callers have. */
const common = {
  cancel() {
    this.call.cancelWithStatus(status.CANCELLED, 'Cancelled on client')
  },
  getPeer() {
    return this.call.getPeer()
  },
  getAuthContext() {
    return this.call.getAuthContext()
  },
}

class ClientUnaryCall extends EventEmitter {
  constructor() {
    super()
    this.call = undefined
  }
}

class ClientReadableStream extends Readable {
  constructor() {
    super({ objectMode: true })
    this.call = undefined
  }
}

class ClientWritableStream extends Writable {
  constructor() {
    super({ objectMode: true })
    this.call = undefined
  }
}

class ClientDuplexStream extends Duplex {
  constructor() {
    super({ objectMode: true })
    this.call = undefined
  }
}

const read = {
  _read() {
    this.call.startRead()
  },
  /** Destroying the stream, as `break` in `for await` does, cancels the call. */
  _destroy(error, callback) {
    this.cancel()
    callback(error)
  },
}

/** A stream that has sent all requests is destroyed by Node, but the response may still be on its way. */
const sending = {
  _destroy(error, callback) {
    if (!this.writableFinished) this.cancel()
    callback(error)
  },
}

const written = {
  _write(message, _encoding, callback) {
    this.call.sendMessageWithContext({ callback }, message)
  },
  _final(callback) {
    this.call.halfClose()
    callback()
  },
}

function define({ prototype }, ...groups) {
  for (const [name, value] of groups.flatMap(Object.entries)) {
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}
define(ClientUnaryCall, common)
define(ClientReadableStream, common, read)
define(ClientWritableStream, common, written, sending)
define(ClientDuplexStream, common, read, written)

module.exports = {
  ClientCall,
  ClientUnaryCall,
  ClientReadableStream,
  ClientWritableStream,
  ClientDuplexStream,
  answer,
  endStream,
}
