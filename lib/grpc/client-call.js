'use strict'

// Calls as clients have them: what stands between a channel and the objects that callers get.

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
/** From here on a connection has too few numbers for further streams. */
const LAST_STREAM = 2 ** 31 - 1000

/** Codes of HTTP/2 that streams are reset with. */
const NO_ERROR = 0
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11
const INADEQUATE_SECURITY = 12

/** How often a call is made again that no server has seen: one refused it alone, or its connection had ended. */
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

/** What a stream that was reset says. */
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

/** One call, and the stream that it is on, if any. */
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
    /** How its messages are compressed, or null for not at all. */
    this.compression = compression?.isTaken ? compression : null
    if (this.compression !== null) this.fields += compression.field
    this.credentials = credentialsOf(options.credentials, channel.credentials)
    /** What the caller has given, and whether the credentials have added something to that for the next attempt. */
    this.ownFields = this.fields
    this.isVouchedFor = false
    /** Undefined: as its service says. */
    this.waitsForReady = metadata?.options.waitForReady
    /** What its service says of it, when that is known, or null for nothing. */
    this.config = undefined
    this.maxSend = channel.maxSend
    this.maxReceive = Infinity
    /** What makes it again when it fails, or null for nothing; and how often that was. */
    this.policy = null
    this.previous = 0
    this.host = options.host
    /** The call that it ends with, if any. */
    this.parent = null
    /** Runs while its credentials are asked. */
    this.vouching = undefined
    this.deadline = Infinity
    this.expires = Infinity
    this.link = null
    this.stream = 0
    /** Who are told how the attempt ends, or null for nobody: what counts the server's calls, and who wants to know. */
    this.attempted = null
    this.watcher = null
    this.over = false
    /** Something has come of the response. */
    this.begun = false
    /** How often no server has seen it. */
    this.refused = 0
    /** A server may have seen it. */
    this.sent = false
    this.encoding = undefined
    this.http = 0
    /** The request, until something has come: a server may not have seen it. Nothing for one that is a stream. */
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

  /** Has `view` be what its caller has of it. */
  show(view) {
    const { requestStream, responseStream } = this.method
    this.view = view
    view.call = this
    if (responseStream) this.inbox = new Inbox(this, view)
    if (requestStream) this.outbox = new Outbox(this, this.channel.retries)
  }

  /** Begins. */
  start() {
    if (this.expires <= now()) process.nextTick(() => this.onDeadline())
    else this.channel.begin(this)
  }

  /** Begins on a connection; false when it takes no more calls now. */
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
      // Either there is no room, or these fields are none, and then others need not wait for this call.
      const wrong = findWrong(head) ?? findWrong(this.fields)
      if (wrong === undefined) {
        link.waiters.add(this.channel)
        return false
      }
      this.fail(status.INTERNAL, `The call cannot be sent: HTTP/2 has no field ${wrong}`)
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

  /** Whether the request is still there, all of it. */
  get isRepeatable() {
    if (this.begun || !this.channel.retries) return false
    return this.outbox === null ? this.message !== undefined : this.outbox.kept !== null
  }

  /** Begins again. */
  repeat() {
    this.link = null
    this.stream = 0
    this.http = 0
    this.isVouchedFor = false
    this.outbox?.rewind()
    this.channel.begin(this)
  }

  /** An attempt begins. */
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

  /** It has ended. */
  counted(code) {
    const { attempted, watcher } = this
    if (attempted === null) return
    this.attempted = null
    this.watcher = null
    attempted.ended(code)
    watcher?.ended(code)
  }

  /** There is no connection, or none any more. */
  unplaced(end) {
    this.counted(end.code)
    if (this.over || this.policy?.takes(this, end)) return
    this.fail(end.code, end.details, end.metadata)
  }

  // --- from the caller

  /** The request, which is one message. */
  send(argument) {
    const bytes = this.encode(argument)
    if (bytes === undefined) return
    this.message = bytes
    this.ends = true
    this.start()
  }

  /** A message to be sent, framed where messages are compressed; nothing if the call has failed with it. */
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

  // --- from the link

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

  /** There is an answer: no other is asked for. */
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

  /** A message that was received; nothing if the call has failed with it. */
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
    // Of attempts before this one nobody knows.
    if (code === REFUSED_STREAM && !this.begun) this.sent = this.previous > 0
    if (code === REFUSED_STREAM && this.isRepeatable && this.refused < (draining ? MAX_UNSEEN : MAX_REFUSED)) {
      this.refused++
      this.counted(status.UNAVAILABLE)
      return this.repeat()
    }
    // Why it is refused is said by what the server has ended the connection with.
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

  // --- the end

  /** The call ends here. It is told by itself, when whoever ends it has gone on: often several end together, and what one caller throws is no other's. */
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

  /** The server has ended the call. */
  end(end) {
    this.counted(end.code)
    if (this.over || this.policy?.takes(this, end)) return
    const { throttle } = this.channel
    if (throttle !== null && end.code === status.OK) throttle.succeeded()
    if (this.previous > 0 && !this.begun) tellPrevious(end.metadata, this.previous)
    this.expires = Infinity
    if (end.code === status.OK && this.inbox !== null) {
      // All messages come before that; they are for the reader to keep.
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

/** An attempt of one is none. */
ClientCall.prototype.isWhole = true

/** The end of a call with one response, for whoever waits for that. */
function answer(callback, end, responded, response) {
  if (end.code !== status.OK) callback(callError(end))
  else if (responded) callback(null, response)
  else callback(callError({ ...end, code: status.UNIMPLEMENTED, details: 'No message received' }))
}

/** The end of a call whose responses are a stream. */
function endStream(view, end) {
  if (view.destroyed) return
  view.push(null)
  if (end.code !== status.OK) view.emit('error', callError(end))
}

/** What all that callers get has in common. */
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
  /** Whoever destroys the stream, as `break` in `for await` does, wants nothing more of the call. */
  _destroy(error, callback) {
    this.cancel()
    callback(error)
  },
}

/** The response of a call may still be to come when its stream has ended. */
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
