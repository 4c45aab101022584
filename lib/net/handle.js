'use strict'

// What Node's net.Socket and net.Server expect under `_handle`, over the native engine. Keeping to the shape of Node's own
// TCP and Pipe handles lets their JavaScript (connecting, timeouts, half-open rules, addresses, close order) serve here unchanged.

const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const process = require('node:process')
const { native, adopt } = require('../engine.js')
const { makeError, systemError } = require('../errors.js')
const { EOF, ECANCELED } = require('../constants.js').errno
// Brings what handles read.
require('./reads.js')

const FastBuffer = Buffer[Symbol.species]
const MANUAL = { requireManualDestroy: true }
const MAX_SMALL = 2 ** 31 - 1

/** The end of a resource that is not kept is told with its number. */
const { emitDestroy } = AsyncResource.prototype
const sample = new AsyncResource('IRONWIRE', MANUAL)
const kAsyncId = Object.getOwnPropertySymbols(sample).find((symbol) => symbol.description === 'async_id_symbol')
// Whoever counts resources that were not ended (jest, for open handles) does not count this one.
sample.emitDestroy()

/** Puts an address, as the engine gives it, into `out`; an error of the engine's is given back. */
function fillAddress(out, text) {
  if (typeof text === 'number') return text
  const [family, address, port] = text.split(' ')
  // In Node's order, which is how the object prints.
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

/** What owns a connection or listener of the engine's. `more` are events of a protocol's that it hears besides. */
class Base {
  constructor(id, more) {
    this.id = id
    this.closeCallback = undefined
    /** What the handle was made in, where that is more than nothing. */
    this.context = adopt(id, this, more)
    this.asyncId = 0
  }

  /** Each of Node's sockets asks for it when it is made. */
  getAsyncId() {
    if (this.keepsResource) return this.getAsyncResource().asyncId()
    if (this.asyncId === 0) {
      const id = new AsyncResource(this.isTcp ? 'TCPWRAP' : 'PIPEWRAP', MANUAL).asyncId()
      // V8 keeps the numbers that Node counts with as objects, wherever they are stored, unless they are known to be small integers.
      this.asyncId = id <= MAX_SMALL ? id | 0 : id
    }
    return this.asyncId
  }

  /** What reads and the close run in, as with Node's handles, which are resources themselves. */
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
    // From here on the id is stale: nothing native may be reached through it.
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
/** Where there are many that nothing is read from, the number is all that is kept of the resource. */
Base.prototype.keepsResource = false

/** A connection, or one to be, over TCP or a pipe. `socket` is set by whoever reads from it. */
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
    /** What was queued when it was last looked at: output that gets less is leaving. */
    this.lastQueued = 0
    /** Bytes that arrived before the reader paused and did not fit its own buffer. */
    this.rest = undefined
  }

  // Node asks a handle that has these, and only a TCP handle does.
  get getsockname() {
    return this.isTcp ? getsockname : undefined
  }

  get getpeername() {
    return this.isTcp ? getpeername : undefined
  }

  get setTypeOfService() {
    return this.isTcp ? setTypeOfService : undefined
  }

  get getTypeOfService() {
    return this.isTcp ? getTypeOfService : undefined
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
    // Core takes it away from an attempt that it has given up.
    request?.oncomplete?.(status, this, request, true, true)
  }

  /** Node takes this away from a handle that is about to go to another process, with the socket that it belongs to. */
  set onread(listener) {
    // What it puts in its place does nothing.
    if (listener === Function.prototype) throw unsendable()
  }

  setNoDelay(enable) {
    return native.setNoDelay(this.id, Boolean(enable))
  }

  /** In seconds; `interval` and `count` of the probes since Node 24. */
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

  /** Gathers a chunk for this turn's write. 0: taken; 1: taken, but wait for the drain; negative: errno. */
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

  /** Calls back when everything written has left, or could not. */
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

  /** Whether queued output has left since it was last looked at. */
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
    // Whoever waits hears of it, and the stream ends with it; else the socket itself does.
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
      socket.receive(offset < 0 ? memory : new FastBuffer(memory, offset, length))
    } else if (socket === undefined || socket.destroyed) {
      // Nobody is there to hear of it.
    } else if (length === EOF) {
      socket._unrefTimer()
      if (socket._readableState.endEmitted) return
      socket.push(null)
      // Lets 'end' come even when nobody has asked for data yet.
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

function replay(handle) {
  const { rest, socket } = handle
  if (rest === undefined || !handle.reading || socket.destroyed) return
  handle.rest = undefined
  socket.receive(rest)
  if (handle.reading && handle.rest === undefined && !handle.closing) native.readStart(handle.id)
}

/** A listening handle; `onconnection(status, connection)` is set by whoever listens. */
class Listener extends Base {
  constructor(id, isTcp) {
    super(id)
    this.isTcp = isTcp
    if (isTcp) this.getsockname = getsockname
    this.onconnection = undefined
  }

  /** Opens a pipe to other users: bit 0 readable, bit 1 writable. */
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
  const id = checked(native.openFd(fd, copy), 'open')
  return new Connection(id, native.isTcp(id))
}

function checked(id, syscall) {
  if (id < 0) throw systemError(id, syscall)
  return id
}

/** Handed to Node's native code, a handle of ours would crash the process. */
function unsendable() {
  return makeError(
    TypeError,
    'ERR_INVALID_HANDLE_TYPE',
    'This handle type cannot be sent: only sockets of a net.Server with pauseOnConnect can',
    unsendable,
  )
}

module.exports = { Base, fillAddress, Connection, Listener, createTcp, createPipe, open, unsendable }
