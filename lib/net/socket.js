'use strict'

// net.Socket over the native engine. Node's own constructor and methods do the streams, timeouts, lookups and the race of
// addresses (RFC 8305); what is ours is the handle below them and the paths of data up and down.

const net = require('node:net')
const { isUint8Array } = require('node:util/types')
const { Connection, createTcp, createPipe, open } = require('./handle.js')
const { systemError, invalidArgType } = require('../errors.js')

// Node keeps the way from a handle back to its socket under a symbol of its own, and expects it there.
const [ownerSymbol] = (() => {
  const probe = {}
  new net.Socket({ handle: probe, manualStart: true })
  return Object.getOwnPropertySymbols(probe).filter((symbol) => symbol.description === 'owner_symbol')
})()
const reinitialize = Object.getOwnPropertySymbols(net.Socket.prototype).find(
  (symbol) => symbol.description === 'kReinitializeHandle',
)

/** `onread` option: where data goes instead of 'data' events. */
const kUserBuffer = Symbol('userBuffer')

function attach(socket, handle) {
  handle.socket = socket
  handle[ownerSymbol] = socket
  socket._handle = handle
  return handle
}

function Socket(options) {
  if (!(this instanceof Socket)) return new Socket(options)
  options = typeof options === 'number' ? { fd: options } : { ...options }
  const { onread } = options
  this[kUserBuffer] = undefined
  let handle = options.handle
  if (options.fd !== undefined && !handle) handle = open(options.fd, false)
  if (!(handle instanceof Connection)) {
    net.Socket.call(this, options)
    return
  }
  options.handle = handle
  options.fd = undefined
  options.onread = undefined
  // Reading starts below, when the handle knows its socket.
  const manualStart = Boolean(options.manualStart)
  options.manualStart = true
  net.Socket.call(this, options)
  attach(this, handle)
  if (onread !== undefined) useBuffer(this, onread)
  if (options.pauseOnCreate) {
    handle.reading = false
    handle.readStop()
    this._readableState.flowing = false
  } else if (options.readable !== false && !manualStart) {
    this.read(0)
  }
}
Object.setPrototypeOf(Socket.prototype, net.Socket.prototype)
Object.setPrototypeOf(Socket, net.Socket)

function useBuffer(socket, onread) {
  if (onread === null || typeof onread !== 'object') throw invalidArgType('options.onread', 'of type object', onread)
  const next = typeof onread.buffer === 'function' ? onread.buffer : undefined
  const buffer = next ? next() : onread.buffer
  if (!isUint8Array(buffer) || typeof onread.callback !== 'function') return
  socket[kUserBuffer] = { buffer, next, callback: onread.callback }
}

Socket.prototype.connect = function connect(...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0]
  if (this._parent?.connecting) return this
  if (this.destroyed) {
    // A socket can connect again after it has closed.
    this._undestroy()
    this._handle = null
    this._peername = undefined
    this._sockname = undefined
  }
  if (!this._handle) attach(this, isPipe(options) ? createPipe() : createTcp())
  return net.Socket.prototype.connect.apply(this, args)
}

function isPipe(options) {
  if (typeof options === 'string') return !(Number(options) >= 0)
  return options !== null && typeof options === 'object' && Boolean(options.path)
}

if (reinitialize !== undefined) {
  // The next address of a host gets a fresh handle: ours, not the one that Node has made.
  Socket.prototype[reinitialize] = function (handle) {
    if (!(handle instanceof Connection)) {
      handle.close()
      handle = createTcp()
    }
    net.Socket.prototype[reinitialize].call(this, handle)
    attach(this, handle)
  }
}

Socket.prototype._writeGeneric = function (writev, data, encoding, callback) {
  const handle = this._handle
  if (this.connecting || !(handle instanceof Connection)) {
    return net.Socket.prototype._writeGeneric.call(this, writev, data, encoding, callback)
  }
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
  else handle.whenDrained(callback)
}

/** Bytes that arrived (called by the handle). */
Socket.prototype.receive = function (chunk) {
  const user = this[kUserBuffer]
  const more = user === undefined ? this.push(chunk) : fillUserBuffer(user, chunk)
  if (more || this.destroyed) return
  const handle = this._handle
  if (!handle?.reading) return
  const status = handle.readStop()
  if (status < 0) this.destroy(systemError(status, 'read'))
}

function fillUserBuffer(user, chunk) {
  let more = true
  for (let at = 0; at < chunk.length; ) {
    const { buffer } = user
    const part = chunk.subarray(at, at + buffer.length)
    buffer.set(part)
    at += part.length
    more = user.callback(part.length, buffer) !== false && more
    const next = user.next?.()
    if (isUint8Array(next)) user.buffer = next
  }
  return more
}

module.exports = { Socket }
