'use strict'

// What handlers get of calls. Under it is a `ServerCall`, or what interceptors have put before one.

const EventEmitter = require('node:events')
const { Duplex, Readable, Writable } = require('node:stream')
const { logVerbosity, status } = require('./constants.js')
const { statusOf } = require('./errors.js')
const { log } = require('./logging.js')
const { Metadata } = require('./metadata.js')

const DESTROYED = { code: status.CANCELLED, details: 'The handler has destroyed the call', metadata: null }
const OK = { code: status.OK, details: 'OK', metadata: null }

/** As in @grpc/grpc-js, whatever the call's end. */
function notify(view) {
  view.cancelled = true
  view.emit('cancelled', 'cancelled')
  if (!view.isUnary) view.destroy()
}

/**
 * Runs a handler with what it gets of a call, which `call.respond(error, value, trailers)` and `call.sendStatus(status)` answer. `callback` is
 * the handler's, if it has one response to give.
 */
function run(call, { func, path }, view, callback) {
  let returned
  try {
    returned = func(view, callback)
  } catch (error) {
    call.sendStatus({ code: status.UNKNOWN, details: 'Unknown error', metadata: null })
    log(logVerbosity.INFO, `The handler of ${path} has thrown:`, error)
    return
  }
  // A handler that does not name the callback may answer with a promise.
  if (callback !== undefined && func.length < 2 && typeof returned?.then === 'function') {
    returned.then(
      (value) => {
        if (value !== undefined || func.length === 1) call.respond(null, value)
      },
      (error) => call.respond(error ?? new Error('Unknown Error')),
    )
  }
}

/** What all that handlers get has in common. */
const common = {
  getPeer() {
    return this.call.getPeer()
  },
  sendMetadata(metadata) {
    this.call.sendMetadata(metadata)
  },
  getDeadline() {
    return this.call.getDeadline()
  },
  getPath() {
    return this.path
  },
  getHost() {
    return this.call.getHost()
  },
  getAuthContext() {
    return this.call.getAuthContext()
  },
  getMetricsRecorder() {
    return this.call.getMetricsRecorder()
  },
}

class ServerUnaryCall extends EventEmitter {
  constructor(path, call, metadata, request) {
    super()
    this.path = path
    this.call = call
    this.metadata = metadata
    this.request = request
    this.cancelled = false
  }
}
ServerUnaryCall.prototype.isUnary = true

class ServerReadableStream extends Readable {
  constructor(path, call, metadata) {
    super({ objectMode: true })
    this.path = path
    this.call = call
    this.metadata = metadata
    this.cancelled = false
  }

  _read() {
    this.call.startRead()
  }
}

/** The ends of streams that a server writes. */
const written = {
  _write(message, _encoding, callback) {
    this.call.sendMessage(message, callback)
  },
  _final(callback) {
    callback(null)
    const { pendingStatus } = this
    this.call.sendStatus({ ...pendingStatus, metadata: pendingStatus.metadata ?? this.trailingMetadata })
  },
  _destroy(error, callback) {
    const { call } = this
    if (!this.cancelled && !this.writableFinished && !call.over) call.sendStatus(error ? statusOf(error) : DESTROYED)
    callback(error)
  },
}

/** Of both classes, whose constructors this ends. */
function prepare(view) {
  view.pendingStatus = OK
  view.trailingMetadata = new Metadata()
  view.on('error', (error) => {
    if (view.destroyed) return
    view.pendingStatus = statusOf(error)
    view.end()
  })
}

class ServerWritableStream extends Writable {
  constructor(path, call, metadata, request) {
    super({ objectMode: true })
    this.path = path
    this.call = call
    this.metadata = metadata
    this.request = request
    this.cancelled = false
    prepare(this)
  }

  end(metadata) {
    if (metadata) this.trailingMetadata = metadata
    return super.end()
  }
}

class ServerDuplexStream extends Duplex {
  constructor(path, call, metadata) {
    super({ objectMode: true })
    this.path = path
    this.call = call
    this.metadata = metadata
    this.cancelled = false
    prepare(this)
  }

  _read() {
    this.call.startRead()
  }

  end(metadata) {
    if (metadata) this.trailingMetadata = metadata
    return super.end()
  }
}

const defineAll = (prototype, methods) => {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}
for (const Class of [ServerUnaryCall, ServerReadableStream, ServerWritableStream, ServerDuplexStream]) {
  defineAll(Class.prototype, common)
}
for (const Class of [ServerWritableStream, ServerDuplexStream]) defineAll(Class.prototype, written)

module.exports = { notify, run, ServerUnaryCall, ServerReadableStream, ServerWritableStream, ServerDuplexStream }
