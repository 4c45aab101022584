'use strict'

// The handles that Node's net.Socket and net.Server expect as `_handle`, over the native engine. They have the shape of
// Node's own TCP and Pipe handles, so Node's JavaScript (connecting, timeouts, half-open rules, addresses, order of
// closing) works unchanged.

const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const process = require('node:process')
const { native, adopt } = require('../engine.js')
const { kAsyncId } = require('../core.js')
const { makeError, systemError } = require('../errors.js')
const { EOF, ECANCELED } = require('../constants.js').errno
const { kReceive } = require('./symbols.js')
// Sets up the delivery of received data.
require('./reads.js')

const FastBuffer = Buffer[Symbol.species]
const MANUAL = { requireManualDestroy: true }
const MAX_SMALL = 2 ** 31 - 1

/** For emitting the destroy hook of an async id whose resource object was not kept. */
const { emitDestroy } = AsyncResource.prototype

/** Parses an address from the engine into `out`. Returns 0, or the engine's error number. */
function fillAddress(out, text) {
  if (typeof text === 'number') return text
  const [family, address, port] = text.split(' ')
  // In Node's order, which shows when the object is printed.
  out.address = address
  out.family = family
  out.port = Number(port)
  return 0
}

function getsockname(out) {
  return fillAddress(out, native.localAddress(this.id))
}

function getpeername(out) {
  return fillAddress(out, native.peerAddress(this.id))
}

function setTypeOfService(tos) {
  return native.setTypeOfService(this.id, tos)
}

function getTypeOfService() {
  return native.typeOfService(this.id)
}

/** The JavaScript object of a connection or listener of the engine. `more` names additional events that it handles. */
class Base {
  constructor(id, more) {
    this.id = id
    this.closeCallback = undefined
    /** The async context in which the handle was made, or null if that is empty. */
    this.context = adopt(id, this, more)
    this.asyncId = 0
  }

  /** Every socket of Node asks for the async id when it is made. */
  getAsyncId() {
    if (this.keepsResource) return this.getAsyncResource().asyncId()
    if (this.asyncId === 0) {
      const id = new AsyncResource(this.isTcp ? 'TCPWRAP' : 'PIPEWRAP', MANUAL).asyncId()
      // V8 stores Node's counter values as heap numbers unless they are converted to small integers.
      this.asyncId = id <= MAX_SMALL ? id | 0 : id
    }
    return this.asyncId
  }

  /** Reads and the close event run in this resource. Node's handles are resources themselves. */
  getAsyncResource() {
    this.asyncResource ??= new AsyncResource(this.isTcp ? 'TCPWRAP' : 'PIPEWRAP', MANUAL)
    return this.asyncResource
  }

  get fd() {
    return native.fd(this.id)
  }

  ref() {
    native.setRef(this.id, true)
  }

  unref() {
    native.setRef(this.id, false)
  }

  hasRef() {
    return native.hasRef(this.id)
  }

  close(callback) {
    if (this.closing) return
    this.closing = true
    this.closeCallback = callback
    native.close(this.id, false)
  }

  onClose() {
    // The id is stale from here on: no native call may use it.
    this.id = -1
    if (this.asyncId !== 0) emitDestroy.call({ [kAsyncId]: this.asyncId })
    const callback = this.closeCallback
    this.closeCallback = undefined
    try {
      callback?.call(this)
    } finally {
      this.asyncResource?.emitDestroy()
    }
  }
}

Base.prototype.closing = false
Base.prototype.asyncResource = undefined
/** Handles that are numerous and not read from keep only the async id, not the resource object. */
Base.prototype.keepsResource = false

/** A connection over TCP or a pipe, connected or not. `socket` is set by the object that reads from it. */
class Connection extends Base {
  constructor(id, isTcp) {
    super(id)
    this.isTcp = isTcp
    this.socket = undefined
    this.reading = false
    this.drainCallback = undefined
    this.connectRequest = undefined
    this.shutdownRequest = undefined
    this.failure = 0
    /** The number of queued bytes at the last check. If it has changed, output is being sent. */
    this.lastQueued = 0
    /** Bytes that arrived before reading was paused and did not fit into the user's buffer. */
    this.rest = undefined
  }

  get bytesRead() {
    return native.bytesReceived(this.id)
  }

  get bytesWritten() {
    return native.bytesSent(this.id)
  }

  get writeQueueSize() {
    return native.queued(this.id)
  }

  bind(address, port) {
    return native.bindTcp(this.id, address, port ?? 0, false)
  }

  bind6(address, port, flags) {
    return native.bindTcp(this.id, address, port ?? 0, (flags & 1) !== 0)
  }

  connect(request, address, port) {
    this.connectRequest = request
    return port === undefined ? native.connectPipe(this.id, address) : native.connectTcp(this.id, address, port)
  }

  connect6(request, address, port) {
    return this.connect(request, address, port)
  }

  onConnected(status) {
    const request = this.connectRequest
    this.connectRequest = undefined
    // Node removes `oncomplete` when it has given up an attempt to connect.
    request?.oncomplete?.(status, this, request, true, true)
  }

  /** Node sets `onread` when the handle is about to be sent to another process. */
  set onread(listener) {
    // Node sets it to an empty function in that case.
    if (listener === Function.prototype) throw unsendable()
  }

  setNoDelay(enable) {
    return native.setNoDelay(this.id, Boolean(enable))
  }

  /** Times are in seconds. `interval` and `count` of the probes are given since Node 24. */
  setKeepAlive(enable, delay, interval, count) {
    const status = native.setKeepAlive(this.id, Boolean(enable), delay >>> 0)
    if (status < 0 || !enable || !(interval > 0 || count > 0)) return status
    return native.setKeepAliveProbes(this.id, interval >>> 0, count >>> 0)
  }

  readStart() {
    this.reading = true
    if (this.rest !== undefined) {
      process.nextTick(replay, this)
      return 0
    }
    return native.readStart(this.id)
  }

  readStop() {
    this.reading = false
    return native.readStop(this.id)
  }

  /**
   * Queues a chunk for this turn's write. Returns 0 when it was taken; 1 when it was taken but the writer should wait
   * for the drain; or a negative errno.
   */
  write(chunk, encoding) {
    if (this.failure !== 0) return this.failure
    if (typeof chunk === 'string') {
      if (encoding === 'utf8' || encoding === 'utf-8') {
        return native.writeUtf8(this.id, chunk)
      }
      if (encoding === 'latin1' || encoding === 'binary') {
        return native.writeLatin1(this.id, chunk)
      }
      chunk = Buffer.from(chunk, encoding)
    }
    return native.write(this.id, chunk, 0, chunk.length)
  }

  /** Calls back when everything written was sent, or failed. */
  whenDrained(callback) {
    this.drainCallback = callback
  }

  onDrain() {
    this.lastQueued = 0
    this.socket?._unrefTimer()
    const callback = this.drainCallback
    this.drainCallback = undefined
    callback?.(null)
  }

  noteQueue() {
    this.lastQueued = native.queued(this.id)
  }

  /** Whether queued output was sent since the last check. */
  isSending() {
    const { lastQueued } = this
    this.noteQueue()
    return this.lastQueued > 0 && this.lastQueued !== lastQueued
  }

  onWriteError(errno) {
    this.failure = errno
    const error = systemError(errno, 'write')
    const callback = this.drainCallback
    this.drainCallback = undefined
    // A waiting write gets the error, and the stream ends with it; otherwise the socket is destroyed with it.
    if (callback !== undefined) callback(error)
    else this.socket?.destroy(error)
  }

  shutdown(request) {
    this.shutdownRequest = request
    return native.end(this.id)
  }

  onShutdown(status) {
    const request = this.shutdownRequest
    this.shutdownRequest = undefined
    request?.oncomplete.call(request, status)
  }

  reset(callback) {
    if (this.closing) return 0
    this.closing = true
    this.closeCallback = callback
    return native.close(this.id, true)
  }

  onRead(length, memory, offset) {
    const socket = this.socket
    if (length > 0) {
      if (socket === undefined || socket.destroyed) return
      socket._unrefTimer()
      socket[kReceive](offset < 0 ? memory : new FastBuffer(memory, offset, length))
    } else if (socket === undefined || socket.destroyed) {
      // There is no socket to report it to.
    } else if (length === EOF) {
      socket._unrefTimer()
      if (socket._readableState.endEmitted) return
      socket.push(null)
      // Lets 'end' be emitted even if nothing has been read yet.
      socket.read(0)
    } else {
      socket.destroy(systemError(length, 'read'))
    }
  }

  onClose() {
    const callback = this.drainCallback
    this.drainCallback = undefined
    super.onClose()
    callback?.(systemError(ECANCELED, 'write'))
  }
}

Connection.prototype.keepsResource = true

// Node checks whether a handle has these methods, and only TCP handles do. Programs that mock sockets replace them.
for (const method of [getsockname, getpeername, setTypeOfService, getTypeOfService]) {
  Object.defineProperty(Connection.prototype, method.name, {
    get() {
      return this.isTcp ? method : undefined
    },
    set(value) {
      Object.defineProperty(this, method.name, { value, configurable: true, enumerable: true, writable: true })
    },
    configurable: true,
  })
}

function replay(handle) {
  const { rest, socket } = handle
  if (rest === undefined || !handle.reading || socket.destroyed) return
  handle.rest = undefined
  socket[kReceive](rest)
  if (handle.reading && handle.rest === undefined && !handle.closing) native.readStart(handle.id)
}

/** A listening handle. `onconnection(status, connection)` is set by the server. */
class Listener extends Base {
  constructor(id, isTcp) {
    super(id)
    this.isTcp = isTcp
    if (isTcp) this.getsockname = getsockname
    this.onconnection = undefined
  }

  /** Sets the permissions of a pipe for other users: bit 0 is read, bit 1 is write. */
  fchmod(mode) {
    return native.chmodPipe(this.id, mode)
  }

  onConnection(id) {
    if (id < 0) this.onconnection?.(id)
    else if (this.onconnection === undefined) native.close(id, false)
    else this.onconnection(0, id)
  }
}

const createTcp = (Class = Connection) => new Class(checked(native.createTcp(), 'socket'), true)
const createPipe = (Class = Connection) => new Class(checked(native.createPipe(), 'socket'), false)

/** A connection over an open descriptor, or over a copy of it. */
function open(fd, copy) {
  const id = openFd(fd, copy)
  return new Connection(id, native.isTcp(id))
}

const openFd = (fd, copy) => checked(native.openFd(fd, copy), 'open')

function checked(id, syscall) {
  if (id < 0) throw systemError(id, syscall)
  return id
}

/** Node's native code would crash if it got one of our handles. */
function unsendable() {
  return makeError(
    TypeError,
    'ERR_INVALID_HANDLE_TYPE',
    'This handle type cannot be sent: only sockets of a net.Server with pauseOnConnect can',
    unsendable,
  )
}

module.exports = { Base, fillAddress, Connection, Listener, createTcp, createPipe, open, openFd, unsendable }
