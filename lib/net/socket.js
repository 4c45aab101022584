'use strict'

// net.Socket over the native engine. Node's own constructor and methods provide streams, timeouts, lookups and the race
// between addresses (RFC 8305). Replaced are the handle below them and the paths of data in both directions.

const { net } = require('../genuine.js')
const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { native } = require('../engine.js')
const { Connection, createTcp, createPipe, open } = require('./handle.js')
const { prepareTls } = require('./tls.js')
const { systemError, makeError } = require('../errors.js')
const { find, own } = require('../core.js')
const { takeReads } = require('./reads.js')
const { admit } = require('../inherit.js')
const { kReceive } = require('./symbols.js')

// Node stores its connect function, the handle's owner and the `onread` buffer under symbols, which are found by their
// descriptions.
const probe = new net.Socket({ handle: {}, manualStart: true })
const kOwner = find(probe._handle, 'owner_symbol')
const kBuffer = find(probe, 'kBuffer')
const kBufferCb = find(probe, 'kBufferCb')
const kBufferGen = find(probe, 'kBufferGen')
const kReinitializeHandle = find(net.Socket.prototype, 'kReinitializeHandle')

const { read, _read } = net.Socket.prototype

/** The class of the handle that a socket creates when it connects. */
const kHandle = Symbol('handle class')
const STDERR = 2

function attach(socket, handle) {
  prepareTls(lend)
  handle.socket = socket
  handle[kOwner] = socket
  socket._handle = handle
  return handle
}

function Socket(options) {
  if (!(this instanceof Socket)) return new Socket(options)
  options = typeof options === 'number' ? { fd: options } : { ...options }
  let handle = options.handle
  // The standard streams stay Node's: the whole process uses them, and they must be flushed when it exits.
  if ((options.fd | 0) === options.fd && !(options.fd <= STDERR && options.fd >= 0) && !handle) {
    try {
      handle = open(options.fd, false)
    } catch {
      // Node's constructor, below, throws the right error.
    }
  }
  if (!(handle instanceof Connection)) {
    net.Socket.call(this, options)
    return
  }
  // Start reading below, once the handle knows its socket.
  const { manualStart } = options
  net.Socket.call(this, { ...options, handle, fd: undefined, manualStart: true })
  attach(this, handle)
  if (options.readable !== false && !options.pauseOnCreate && !manualStart) this.read(0)
}
Object.setPrototypeOf(Socket.prototype, net.Socket.prototype)
Object.setPrototypeOf(Socket, net.Socket)

// Sockets of Node's own clients and servers count as `instanceof` this class, because this module may replace Node's.
admit(Socket, net.Socket)

Socket.prototype[kHandle] = Connection

/** The socket as a stream of messages: the same as `codec.framer(options).over(socket)`. */
Socket.prototype.frames = function frames(options) {
  return require('../codec/framing/framer.js').framer(options).over(this)
}

Socket.prototype.connect = function connect(...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0]
  if (this._parent?.connecting) return this
  if (this.destroyed) {
    // A socket can connect again after it was closed.
    this._undestroy()
    this._handle = null
    this._peername = undefined
    this._sockname = undefined
  }
  if (!this._handle) attach(this, isPipe(options) ? createPipe(this[kHandle]) : createTcp(this[kHandle]))
  return net.Socket.prototype.connect.apply(this, args)
}

function isPipe(options) {
  if (typeof options === 'string') return !(Number(options) >= 0)
  return options !== null && typeof options === 'object' && Boolean(options.path)
}

if (kReinitializeHandle !== undefined) {
  // When the next address of a host is tried, use a handle of ours instead of the one that Node has created.
  Socket.prototype[kReinitializeHandle] = function (handle) {
    if (!(this._handle instanceof Connection)) {
      net.Socket.prototype[kReinitializeHandle].call(this, handle)
      return
    }
    if (!(handle instanceof Connection)) {
      handle.close()
      handle = createTcp(this[kHandle])
    }
    net.Socket.prototype[kReinitializeHandle].call(this, handle)
    attach(this, handle)
  }
}

Socket.prototype._writeGeneric = function (writev, data, encoding, callback) {
  const handle = this._handle
  if (this.connecting || !(handle instanceof Connection)) {
    return net.Socket.prototype._writeGeneric.call(this, writev, data, encoding, callback)
  }
  this._pendingData = null
  this._pendingEncoding = ''
  this._unrefTimer()
  let status = 0
  if (writev) {
    for (const { chunk, encoding } of data) {
      status = handle.write(chunk, encoding)
      if (status < 0) break
    }
  } else {
    status = handle.write(data, encoding)
  }
  if (status === 0) callback()
  else if (status < 0) callback(systemError(status, 'write'))
  else {
    handle.noteQueue()
    handle.whenDrained(callback)
  }
}

/** A socket whose output is being sent, however slowly, is not idle. */
Socket.prototype._onTimeout = function () {
  if (this._handle instanceof Connection && this._handle.isSending()) this._unrefTimer()
  else net.Socket.prototype._onTimeout.call(this)
}

/** Handles received bytes; called by the handle. */
Socket.prototype[kReceive] = function (chunk) {
  const more = this[kBuffer] ? fillUserBuffer(this, chunk) : isWaiting(this) ? show(this, chunk) : this.push(chunk)
  if (more || this.destroyed) return
  const handle = this._handle
  if (!handle?.reading) return
  const status = handle.readStop()
  if (status < 0) this.destroy(systemError(status, 'read'))
}

/**
 * Whether Node's `push` would do no more with a chunk than emit 'data' and ask for the next one. Then that can be done
 * directly.
 */
function isWaiting(socket) {
  const state = socket._readableState
  return (
    state.flowing === true &&
    state.reading &&
    state.length === 0 &&
    !state.sync &&
    !state.ended &&
    !state.decoder &&
    !state.awaitDrainWriters &&
    socket.push === own.push &&
    socket.read === read &&
    socket._read === _read &&
    socket.listenerCount('data') > 0
  )
}

function show(socket, chunk) {
  const state = socket._readableState
  state.dataEmitted = true
  socket.emit('data', chunk)
  return !state.ended && (state.length === 0 || state.length < state.highWaterMark)
}

/** The `onread` option: copies data into the user's buffer, piece by piece, until the user pauses. */
function fillUserBuffer(socket, chunk) {
  const handle = socket._handle
  if (!handle.reading || handle.rest !== undefined) {
    // Received before the user paused: it is delivered when the user resumes.
    handle.rest = handle.rest === undefined ? chunk : Buffer.concat([handle.rest, chunk])
    return true
  }
  for (let at = 0; at < chunk.length; ) {
    const buffer = socket[kBuffer] === true ? socket[kBufferGen]() : socket[kBuffer]
    if (!isUint8Array(buffer)) return false
    const part = chunk.subarray(at, at + buffer.length)
    buffer.set(part)
    at += part.length
    const more = socket[kBufferCb](part.length, buffer) !== false
    const next = socket[kBufferGen]?.()
    if (isUint8Array(next)) socket[kBuffer] = next
    if (!more || !handle.reading) {
      if (at < chunk.length) handle.rest = chunk.subarray(at)
      return false
    }
  }
  return true
}

/** One of Node's handles over a copy of the descriptor; undefined where descriptors cannot be copied. */
function genuine({ id }) {
  const fd = native.copyFd(id)
  return fd < 0 ? undefined : new net.Socket({ fd, manualStart: true })._handle
}

/** One of Node's handles that has not started to connect. */
function fresh() {
  const socket = new net.Socket()
  socket.connect({ host: '127.0.0.1', port: 1 })
  const handle = socket._handle
  socket._handle = null
  socket.destroy()
  return handle
}

/**
 * Moves a socket to one of Node's handles. That handle continues reading if `read` is true. Returns false where this is
 * impossible, or while output is being sent.
 */
function lend(socket, read) {
  const connection = socket._handle
  // The socket uses our TLS, or is about to.
  if (connection.closing || connection.attached || connection.secured !== undefined) return false
  // Data that was already read belongs to this socket, as with Node's handles.
  const { rest } = connection
  connection.rest = undefined
  if (rest !== undefined) socket[kReceive](rest)
  for (const chunk of takeReads(connection)) socket[kReceive](chunk)
  let handle
  if (!socket.connecting) {
    native.flush(connection.id)
    if (native.queued(connection.id) === 0) handle = genuine(connection)
  } else if (connection.isTcp && connection.connectRequest === undefined) handle = fresh()
  if (handle === undefined) return false
  connection.close()
  connection.socket = undefined
  handle[kOwner] = socket
  socket._handle = handle
  handle.reading = read && connection.reading
  if (handle.reading) handle.readStart()
  return true
}

const kTransferList = find(net.Socket.prototype, 'messaging_transfer_list_symbol')
if (kTransferList !== undefined) {
  // Since Node 24 an unused socket can be transferred to another thread. That takes one of Node's handles.
  Socket.prototype[kTransferList] = function () {
    const { _handle } = this
    if (_handle instanceof Connection && _handle.bytesRead + _handle.bytesWritten === 0) lend(this, false)
    return net.Socket.prototype[kTransferList].call(this)
  }
}

/**
 * Node's HTTP/2 checks this property before it takes over a socket's handle, so the socket is moved to one of Node's
 * handles here.
 */
Object.defineProperty(Connection.prototype, 'isStreamBase', {
  configurable: true,
  get() {
    return this.socket !== undefined && lend(this.socket, true)
  },
})

Socket.prototype.resetAndDestroy = function () {
  if (!this._handle) return this.destroy(makeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'))
  if (!(this._handle instanceof Connection)) return net.Socket.prototype.resetAndDestroy.call(this)
  if (!this._handle.isTcp) {
    throw makeError(TypeError, 'ERR_INVALID_HANDLE_TYPE', 'This handle type cannot be sent')
  }
  if (this.connecting) this.once('connect', () => this._reset())
  else this._reset()
  return this
}

/** Whether a socket is just being sent to another process (send.js). */
const sending = { now: false }

module.exports = { Socket, attach, genuine, lend, kOwner, kHandle, kReinitializeHandle, sending }
