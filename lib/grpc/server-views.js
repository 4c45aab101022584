'use strict'

// The objects that handlers get for calls. Below each is a `ServerCall`, or the interceptors in front of one.

const EventEmitter = require('node:events')
const { Duplex, Readable, Writable } = require('node:stream')
const { logVerbosity, status } = require('./constants.js')
const { statusOf } = require('./errors.js')
const { log } = require('./logging.js')
const { Metadata } = require('./metadata.js')

const DESTROYED = { code: status.CANCELLED, details: 'The handler destroyed the call', metadata: null }
const OK = { code: status.OK, details: 'OK', metadata: null }

/** Emits `cancelled` at the end of every call, however it ended, as @grpc/grpc-js does. */
function notify(view) {
  view.cancelled = true
  view.emit('cancelled', 'cancelled')
  if (!view.isUnary) view.destroy()
}

/**
 * Runs a handler with the object that it gets. It answers through `call.respond(error, value, trailers)` and
 * `call.sendStatus(status)`. `callback` is passed to handlers that give one response.
 */
function run(call, { func, path }, view, callback) {
  let returned
  try {
    returned = func(view, callback)
  } catch (error) {
    call.sendStatus({ code: status.UNKNOWN, details: 'Unknown error', metadata: null })
    log(logVerbosity.INFO, `The handler of ${path} threw:`, error)
    return
  }
  // A handler without a parameter for the callback may return a promise of the response.
  if (callback !== undefined && func.length < 2 && typeof returned?.then === 'function') {
    returned.then(
      (value) => {
        if (value !== undefined || func.length === 1) call.respond(null, value)
      },
      (error) => call.respond(error ?? new Error('Unknown Error')),
    )
  }
}

/** Methods that all objects for handlers have. */
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

/** How response streams are written and ended. */
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

/** The last step of the constructors of both classes with a response stream. */
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
