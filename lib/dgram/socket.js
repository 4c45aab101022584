'use strict'

// dgram.Socket over the native engine. Node's own class provides states, lookups, options and errors. Replaced are the
// handle's work (port.js) and, as a short path, what most programs send: bytes to an address.

const { dgram } = require('../genuine.js')
const { Buffer } = require('node:buffer')
const { inspect } = require('node:util')
const { isUint8Array } = require('node:util/types')
const { find, lacking } = require('../core.js')
const { systemError } = require('../errors.js')
const { attach, kPort, send: sendOn, CONNECTED } = require('./port.js')
const { admit, hide } = require('../inherit.js')

/** The value of Node's `state.connectState` for a connected socket. */
const CONNECT_STATE_CONNECTED = 2
const MAX_PORT = 65_535
/** The value of `socket.type`, whose getter has a side effect. */
const kType = Symbol('type')

/** Node stores a socket's handle and state under a symbol. */
let kState

function stateOf(socket) {
  kState ??= find(socket, 'state symbol')
  if (kState === undefined) throw lacking('symbol "state symbol" on its dgram.Socket')
  return socket[kState]
}

function Socket(type, listener) {
  dgram.Socket.call(this, type, listener)
  watchHandle(this, stateOf(this), typeof type === 'object' && type.lookup !== undefined)
}
Object.setPrototypeOf(Socket.prototype, dgram.Socket.prototype)
Object.setPrototypeOf(Socket, dgram.Socket)

// Node's own sockets count as `instanceof` this class, because this module may replace Node's.
admit(Socket, dgram.Socket)

/**
 * Attaches a port to the socket's own handle. A handle that replaces it, from the cluster primary or another process,
 * stays Node's.
 */
function watchHandle(socket, state, looksUp) {
  let { handle } = state
  // Already closed by an AbortSignal.
  if (handle === null) return
  const { type } = socket
  const port = attach(handle, type === 'udp6')
  hide(socket, { [kType]: type })
  // Node reads `type` when the socket is about to be sent to another process.
  Object.defineProperty(socket, 'type', {
    configurable: true,
    enumerable: true,
    get() {
      port.share()
      return socket[kType]
    },
    set(value) {
      socket[kType] = value
    },
  })
  Object.defineProperty(socket, kPort, { value: looksUp ? undefined : port, writable: true })
  Object.defineProperty(state, 'handle', {
    configurable: true,
    enumerable: true,
    get: () => handle,
    set(next) {
      socket[kPort] = undefined
      // Node copies `send` from the old handle to the new one: restore the new handle's own.
      if (next?.send === sendOn) next.send = type === 'udp6' ? next.send6 : Object.getPrototypeOf(next).send
      handle = next
    },
  })
}

// Prints the value of `type` instead of `[Getter/Setter]`.
Object.defineProperty(Socket.prototype, inspect.custom, {
  configurable: true,
  writable: true,
  value() {
    const fields = Object.getOwnPropertyDescriptors(this)
    if (fields.type?.get === undefined) return this
    fields.type = { value: this[kType], enumerable: true }
    fields[inspect.custom] = { value: undefined }
    return Object.create(Object.getPrototypeOf(this), fields)
  },
})

Socket.prototype.send = function send(message, offset, length, port, address, callback) {
  const sent =
    stateOf(this).connectState === CONNECT_STATE_CONNECTED
      ? toPeer(this, message, offset, length)
      : typeof length === 'number'
        ? toAddress(this, part(message, offset, length), port, address, callback)
        : address === undefined && toAddress(this, message, offset, length, port)
  if (!sent) dgram.Socket.prototype.send.call(this, message, offset, length, port, address, callback)
}

/** Handles `send(message, callback)` of a connected socket. Returns false for any other form. */
function toPeer(socket, message, callback, rest) {
  return (
    rest === undefined &&
    (callback === undefined || typeof callback === 'function') &&
    post(socket, message, CONNECTED, undefined, callback)
  )
}

/** Handles `send(message, port, address, callback)`. Returns false for what Node handles differently or refuses. */
function toAddress(socket, message, port, address, callback) {
  if (typeof address !== 'string') {
    if (callback !== undefined || (address !== undefined && typeof address !== 'function')) return false
    callback = address
    address = socket[kPort]?.isV6 ? '::1' : '127.0.0.1'
  }
  return (
    Number.isInteger(port) &&
    port > 0 &&
    port <= MAX_PORT &&
    (callback === undefined || typeof callback === 'function') &&
    post(socket, message, port, address, callback)
  )
}

function part(message, offset, length) {
  if (!isUint8Array(message) || !(offset >= 0 && length >= 0 && offset + length <= message.length)) return undefined
  return offset === 0 && length === message.length ? message : message.subarray(offset, offset + length)
}

/** Sends through the port. Returns false if that is not possible, for example for a host name instead of an address. */
function post(socket, message, to, address, callback) {
  const port = socket[kPort]
  if (port === undefined || port.id < 0 || port.closing) return false
  const { handle } = port
  // If one of these was replaced by the program, Node's path must call it.
  if (handle.send !== sendOn || handle.lookup !== port.lookup || socket[kState].sendBlockList !== undefined)
    return false
  const bytes = typeof message === 'string' ? Buffer.from(message) : message
  if (!isUint8Array(bytes)) return false
  const end =
    callback &&
    ((status) => {
      if (status < 0) callback(systemError(status, 'send', address, to))
      else callback(null, bytes.length)
    })
  return port.send(bytes, to, address, end) === 0
}

module.exports = { Socket }
