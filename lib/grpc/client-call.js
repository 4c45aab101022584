'use strict'

// Calls as clients have them: what stands between a channel and the objects that callers get.

const { Buffer } = require('node:buffer')
const EventEmitter = require('node:events')
const process = require('node:process')
const { Duplex, Readable, Writable } = require('node:stream')
const { isUint8Array } = require('node:util/types')
const { native } = require('../engine.js')
const constants = require('../constants.js')
const { now } = require('../rpc/tick.js')
const { credentialsOf, vouch } = require('./call-credentials.js')
const { connectivityState, propagate, status } = require('./constants.js')
const { unpack } = require('./compression.js')
const { callError, unsupported } = require('./errors.js')
const { Inbox } = require('./inbox.js')
const { Metadata, fieldOf, fieldsOf, findWrong, received } = require('./metadata.js')
const { Outbox } = require('./outbox.js')

const { END, MESSAGE } = constants.grpcSend
const { NONE } = constants.grpcStatus
const EMPTY = Buffer.alloc(0)
/** From here on a connection has too few numbers for further streams. */
const LAST_STREAM = 2 ** 31 - 1000

/** Codes of HTTP/2 that streams are reset with. */
const NO_ERROR = 0
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11
const INADEQUATE_SECURITY = 12

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
    if (options.interceptors?.length > 0 || options.interceptor_providers?.length > 0) {
      throw unsupported('interceptors of clients')
    }
    if (channel.state === connectivityState.SHUTDOWN) throw new Error('Channel has been shut down')
    this.channel = channel
    channel.active++
    this.method = method
    this.fields = fieldsOf(metadata)
    this.credentials = credentialsOf(options.credentials, channel.credentials)
    /** What the caller has given, and whether the credentials have added something to that for the next attempt. */
    this.ownFields = this.fields
    this.isVouchedFor = false
    this.waitsForReady = Boolean(metadata?.options.waitForReady)
    this.host = options.host
    this.deadline = Infinity
    this.expires = Infinity
    this.link = null
    this.stream = 0
    this.over = false
    /** Something has come of the response. */
    this.begun = false
    this.refused = false
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
        parent.on('cancelled', () => this.cancel(status.CANCELLED, 'Cancelled by parent call'))
      }
    }
    if (until === Infinity || Number.isNaN(until)) return
    this.deadline = until
    this.expires = now() + until - Date.now()
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
      vouch(this)
      return true
    }
    const { method, message } = this
    const head = this.channel.head(method.path, this.host)
    const timeout = this.deadline === Infinity ? -1 : Math.max(this.deadline - Date.now(), 0)
    const stream =
      message === undefined
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
    if (this.expires !== Infinity) link.deadlines.add(this.expires)
    this.outbox?.onDrained()
    if (stream >= LAST_STREAM) link.retire()
    return true
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

  /** A message to be sent; nothing if the call has failed with it. */
  encode(value) {
    let bytes
    try {
      bytes = this.method.requestSerialize(value)
      if (!isUint8Array(bytes)) bytes = Buffer.from(bytes)
    } catch (error) {
      this.fail(status.INTERNAL, `Request message serialization failure: ${error?.message ?? error}`)
      return undefined
    }
    const most = this.channel.options['grpc.max_send_message_length'] ?? -1
    if (most < 0 || bytes.length <= most) return bytes
    this.fail(status.RESOURCE_EXHAUSTED, `Attempted to send message with a size larger than ${most}`)
    return undefined
  }

  write(message, callback) {
    if (this.over) return callback()
    const bytes = this.encode(message)
    if (bytes === undefined) return callback()
    this.outbox.write(bytes, callback)
  }

  halfClose() {
    if (this.over) return
    this.ends = true
    this.outbox.end()
  }

  cancel(code, details) {
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
    this.begin()
    this.http = http
    this.encoding = fieldOf(text, 'grpc-encoding')
    this.view.emit('metadata', received(text))
  }

  begin() {
    this.begun = true
    this.message = undefined
  }

  onMessage(bytes, compressed, used) {
    if (this.over) return
    this.begin()
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
      const unpacked = unpack(bytes, encoding, this.link.maxReceive, `${encoding}-encoded message`)
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
    const { maxReceive } = this.link
    const details =
      length === 0
        ? 'Messages that have begun take more memory than a connection may'
        : `Received message larger than max (${length} vs ${maxReceive})`
    this.fail(status.RESOURCE_EXHAUSTED, details)
  }

  onStatus(code, message, text, http) {
    if (this.over) return
    this.begin()
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
    const { goaway } = this.link
    this.link = null
    this.stream = 0
    if (this.over) return
    if (code === REFUSED_STREAM && !this.begun) this.sent = false
    if (code === REFUSED_STREAM && !this.begun && !this.refused && this.message !== undefined) {
      // No server has seen it.
      this.refused = true
      return this.channel.begin(this)
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
    this.fail(code, details)
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
    this.leave()
    this.settle()
    process.nextTick(() => this.tell({ code, details, metadata }))
  }

  leave() {
    const { link, stream } = this
    if (link === null) this.channel.drop(this)
    else if (link.calls.get(stream) === this) link.reset(stream, CANCEL)
  }

  /** The server has ended the call. */
  end(end) {
    if (this.over) return
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
    this.settle()
    this.tell(end)
  }

  settle() {
    this.over = true
    this.channel.ended()
    this.expires = Infinity
    this.message = undefined
    this.outbox?.stop()
    this.inbox?.drop()
  }

  tell(end) {
    const { view, callback } = this
    if (callback !== undefined) {
      if (end.code !== status.OK) callback(callError(end))
      else if (this.responded) callback(null, this.response)
      else callback(callError({ ...end, code: status.UNIMPLEMENTED, details: 'No message received' }))
    } else if (!view.destroyed) {
      view.push(null)
      if (end.code !== status.OK) view.emit('error', callError(end))
    }
    view.emit('status', end)
  }
}

/** What all that callers get has in common. */
const common = {
  cancel() {
    this.call.cancel(status.CANCELLED, 'Cancelled on client')
  },
  getPeer() {
    return this.call.getPeer()
  },
  getAuthContext() {
    return this.call.getAuthContext()
  },
}

class ClientUnaryCall extends EventEmitter {
  constructor(call) {
    super()
    this.call = call
  }
}

class ClientReadableStream extends Readable {
  constructor(call) {
    super({ objectMode: true })
    this.call = call
    call.inbox = new Inbox(call, this)
  }
}

class ClientWritableStream extends Writable {
  constructor(call) {
    super({ objectMode: true })
    this.call = call
    call.outbox = new Outbox(call)
  }
}

class ClientDuplexStream extends Duplex {
  constructor(call) {
    super({ objectMode: true })
    this.call = call
    call.inbox = new Inbox(call, this)
    call.outbox = new Outbox(call)
  }
}

const read = {
  _read() {
    this.call.inbox.read()
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
    this.call.write(message, callback)
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

module.exports = { ClientCall, ClientUnaryCall, ClientReadableStream, ClientWritableStream, ClientDuplexStream }
