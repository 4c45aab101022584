'use strict'

// The sending and receiving part of a socket, over the native engine. Node's own UDP handle stays below the socket: it
// creates, binds and connects, provides options and addresses, and can be sent to other processes. Each datagram,
// however, is sent and received here, on a copy of the handle's descriptor. Where descriptors cannot be copied
// (Windows), the handle stays as Node made it. The same is true for a socket that is shared with other processes,
// because reading ahead would take their datagrams.

const { AsyncResource } = require('node:async_hooks')
const { Buffer } = require('node:buffer')
const { keepContext } = require('../context.js')
const { find } = require('../core.js')
const { native, keep, own, ownerOf, shared } = require('../engine.js')
const constants = require('../constants.js')
const { runTicks } = require('../ticks.js')

const { CURSOR } = constants.table
const { FIRST, WORDS, KIND, MESSAGE, FAILED, ID, STATUS, MEMORY, OFFSET, ADDRESS, PORT } = constants.datagram
const { EEXIST } = constants.errno

const FastBuffer = Buffer[Symbol.species]
const MANUAL = { requireManualDestroy: true }

/** Special port values for the native `dgramSend`: the connected peer, and the destination of the previous datagram. */
const CONNECTED = 0
const AGAIN = -1

/** Descriptors of handles with an open port. libuv watches the copies, so it does not know that these are in use. */
const inUse = new Set()

/** The property of a handle that holds its port. */
const kPort = Symbol('port')

const sample = new AsyncResource('IRONWIRE', MANUAL)
const kAsyncId = find(sample, 'async_id_symbol')
const kTriggerAsyncId = find(sample, 'trigger_async_id_symbol')
sample.emitDestroy()

/** Reports the end of a send with a callback, in the async context of the send. */
class Sending extends AsyncResource {
  constructor(end) {
    super('UDPSENDWRAP', MANUAL)
    this.end = end
  }

  run(status) {
    try {
      this.runInAsyncScope(this.end, undefined, status)
    } finally {
      this.emitDestroy()
    }
  }
}

/** The engine's side of one of Node's handles. */
class Port {
  constructor(handle, isV6) {
    this.handle = handle
    this.isV6 = isV6
    this.id = -1
    this.fd = -1
    this.closing = false
    /** The lookup function at the start. If it is replaced later, sending is left to Node. */
    this.lookup = handle.lookup
    /** The destination of the last datagram that was not sent to the connected peer. */
    this.address = ''
    this.port = 0
    /** Pending sends, the oldest first. */
    this.sendings = []
    this.ended = 0
    this.context = keepContext(this, ['onMessage', 'onFailed'])
    this.scope = Object.create(AsyncResource.prototype)
    this.scope[kAsyncId] = handle.getAsyncId()
    this.scope[kTriggerAsyncId] = handle.getAsyncId()
  }

  /** Opens the port over a copy of the handle's descriptor. Returns whether that worked. */
  open() {
    if (this.id >= 0) return true
    const fd = descriptor(this.handle)
    const id = fd >= 0 ? native.dgramOpen(fd) : -1
    if (id < 0) return false
    this.id = id
    this.fd = fd
    inUse.add(fd)
    own(id, this)
    if (!this.handle.hasRef()) this.setRef(false)
    return true
  }

  setRef(referenced) {
    if (this.id >= 0) native.dgramSetRef(this.id, referenced)
  }

  /** Another reader will use the socket, so the system must no longer merge datagrams (GRO). */
  share() {
    if (this.id >= 0 && !this.closing) native.dgramShare(this.id)
  }

  /** Sends bytes in this turn of the loop. Returns 0, or an errno; with an errno `end(status)` is not called. */
  send(bytes, port, address, end) {
    const again = port !== CONNECTED && port === this.port && address === this.address
    const to = again ? AGAIN : port
    const status = native.dgramSend(this.id, end !== undefined, bytes, to, address)
    if (status !== 0) return status
    if (to > 0) {
      this.port = port
      this.address = address
    }
    if (end !== undefined) this.sendings.push(new Sending(end))
    return 0
  }

  onMessage(length, bytes, from) {
    this.handle.onmessage(length, this.handle, bytes, from)
  }

  onFailed(errno) {
    this.handle.onmessage(errno, this.handle, undefined, undefined)
  }

  onSent(status) {
    const { sendings } = this
    const sending = sendings[this.ended]
    sendings[this.ended++] = undefined
    if (this.ended === sendings.length) {
      this.sendings = []
      this.ended = 0
    } else if (this.ended > 1024 && this.ended * 2 > sendings.length) {
      sendings.splice(0, this.ended)
      this.ended = 0
    }
    sending.run(status)
  }

  close() {
    if (this.id < 0 || this.closing) return
    this.closing = true
    inUse.delete(this.fd)
    native.close(this.id, false)
  }

  onClose() {
    this.id = -1
    this.handle = undefined
  }
}

/** The methods of Node's handle that are replaced. */
const methods = {
  open(fd) {
    if (inUse.has(fd)) return EEXIST
    release(this)
    return this.open(fd)
  },

  recvStart() {
    const port = this[kPort]
    if (port.open()) return native.dgramReceive(port.id, true)
    release(this)
    return this.recvStart()
  },

  recvStop() {
    return native.dgramReceive(this[kPort].id, false)
  },

  /** Takes `(request, list, count, port, address, awaited)`; on a connected socket without port and address. */
  send(request, list, count, ...to) {
    const [port, address] = to.length > 1 ? to : [CONNECTED]
    const awaited = to.at(-1)
    const bytes = count === 1 ? bytesOf(list[0]) : Buffer.concat(list.map(bytesOf))
    const end = awaited ? (status) => request.oncomplete(status, status < 0 ? undefined : bytes.length) : undefined
    return this[kPort].send(bytes, port, address, end)
  },

  getSendQueueSize() {
    return native.dgramQueueSize(this[kPort].id)
  },

  getSendQueueCount() {
    return native.dgramQueueCount(this[kPort].id)
  },

  ref() {
    this[kPort].setRef(true)
    return Object.getPrototypeOf(this).ref.call(this)
  },

  unref() {
    this[kPort].setRef(false)
    return Object.getPrototypeOf(this).unref.call(this)
  },

  close(callback) {
    this[kPort].close()
    return Object.getPrototypeOf(this).close.call(this, callback)
  },
}

/** Reading the descriptor means that it may be passed to another process. */
const fd = {
  configurable: true,
  get() {
    this[kPort].share()
    return descriptor(this)
  },
}

function descriptor(handle) {
  return Reflect.get(Object.getPrototypeOf(handle), 'fd', handle)
}

function bytesOf(view) {
  return view instanceof FastBuffer ? view : new FastBuffer(view.buffer, view.byteOffset, view.byteLength)
}

/** Attaches a port to one of Node's handles, with the replaced methods. */
function attach(handle, isV6) {
  const port = new Port(handle, isV6)
  Object.defineProperties(handle, { [kPort]: { value: port, configurable: true }, fd })
  Object.assign(handle, methods)
  return port
}

/** Restores a handle as Node made it. */
function release(handle) {
  const { isV6 } = handle[kPort]
  for (const name of [kPort, 'fd', ...Object.keys(methods)]) delete handle[name]
  if (isV6) handle.send = handle.send6
}

/** The table that Rust fills, and the addresses by the numbers that Rust assigns. */
let words
const addresses = []

function learn(told) {
  const parts = told.split(' ')
  for (let i = 0; i < parts.length; i += 2) addresses[parts[i]] = parts[i + 1]
}

/** The memory block of the last small messages. */
let slab

function onDatagrams(count, told, ...memories) {
  if (told !== '') learn(told)
  for (let row = words[CURSOR]; row < count; row = words[CURSOR]) {
    words[CURSOR] = row + 1
    const at = FIRST + row * WORDS
    const port = ownerOf(words[at + ID])
    if (port !== undefined) tell(port, at, memories)
    if (words[CURSOR] < count) runTicks()
  }
}

function tell(port, at, memories) {
  const status = words[at + STATUS] | 0
  switch (words[at + KIND]) {
    case MESSAGE: {
      if (port.closing) return
      const memory = memories[words[at + MEMORY]]
      if (memory !== slab) slab = keep(memory)
      const bytes = new FastBuffer(memory, words[at + OFFSET], status)
      const address = addresses[words[at + ADDRESS]]
      const from = { address, family: port.isV6 ? 'IPv6' : 'IPv4', port: words[at + PORT], size: status }
      return enter(port, port.onMessage, status, bytes, from)
    }
    case FAILED:
      return port.closing ? undefined : enter(port, port.onFailed, status)
    default:
      return port.onSent(status)
  }
}

/** Calls a method in the async scope of the handle, as Node does. */
function enter(port, method, ...args) {
  if (port.context !== null) method.apply(port, args)
  else port.scope.runInAsyncScope(method, port, ...args)
}

module.exports = shared('dgram ports', () => {
  words = new Uint32Array(native.dgramTable({ onDatagrams }))
  return { attach, release, kPort, send: methods.send, CONNECTED }
})
