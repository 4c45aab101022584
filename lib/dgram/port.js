'use strict'

// What a socket receives and sends, over the native engine. Node's own UDP handle stays below the socket: it makes, binds and connects, has
// the options and the addresses, and goes to other processes. What it would do with each datagram is done here, on
// a copy of its descriptor. Where descriptors cannot be copied (Windows), the handle stays as Node made it; so does one over a socket that
// other processes have, too: what is read ahead of its turn there would be taken from them.

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

/** How the native `dgramSend` is told of a port that is none: to the peer that is connected to, and to where the last datagram went. */
const CONNECTED = 0
const AGAIN = -1

/** Descriptors of the handles that have an open port: libuv, which watches the copies, does not know that they are in use. */
const inUse = new Set()

/** Where a handle keeps its port. */
const kPort = Symbol('port')

const sample = new AsyncResource('IRONWIRE', MANUAL)
const kAsyncId = find(sample, 'async_id_symbol')
const kTriggerAsyncId = find(sample, 'trigger_async_id_symbol')
sample.emitDestroy()

/** The end of a datagram that somebody waits for, in the context that it was sent in. */
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

/** The engine's side of a handle of Node's. */
class Port {
  constructor(handle, isV6) {
    this.handle = handle
    this.isV6 = isV6
    this.id = -1
    this.fd = -1
    this.closing = false
    /** Node's lookup, or the user's: a socket that has got another since is sent from as Node does it. */
    this.lookup = handle.lookup
    /** Where the last datagram went, that was not to the peer that is connected to. */
    this.address = ''
    this.port = 0
    /** Sendings that have not ended, the oldest first. */
    this.sendings = []
    this.ended = 0
    this.context = keepContext(this, ['onMessage', 'onFailed'])
    this.scope = Object.create(AsyncResource.prototype)
    this.scope[kAsyncId] = handle.getAsyncId()
    this.scope[kTriggerAsyncId] = handle.getAsyncId()
  }

  /** Over a copy of the handle's descriptor; returns whether there is one. */
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

  /** Somebody else is about to read from the socket: the system must not join datagrams any more. */
  share() {
    if (this.id >= 0 && !this.closing) native.dgramShare(this.id)
  }

  /** Sends bytes in this turn of the loop. 0, or an errno; then `end(status)` is not called. */
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

/** The handle's methods that are not Node's. */
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

  /** `(request, list, count, port, address, awaited)`, and without the two in the middle to the peer that is connected to. */
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

/** What goes out of this process by its descriptor. */
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

/** Gives a handle of Node's its port, and the methods that lead to it. */
function attach(handle, isV6) {
  const port = new Port(handle, isV6)
  Object.defineProperties(handle, { [kPort]: { value: port, configurable: true }, fd })
  Object.assign(handle, methods)
  return port
}

/** Makes a handle what it was. */
function release(handle) {
  const { isV6 } = handle[kPort]
  for (const name of [kPort, 'fd', ...Object.keys(methods)]) delete handle[name]
  if (isV6) handle.send = handle.send6
}

/** The table that Rust fills, and addresses by the numbers that it has for them. */
let words
const addresses = []

function learn(told) {
  const parts = told.split(' ')
  for (let i = 0; i < parts.length; i += 2) addresses[parts[i]] = parts[i + 1]
}

/** The memory that small messages share was last seen in. */
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

/** Calls a method in the asynchronous scope of the handle, as Node does. */
function enter(port, method, ...args) {
  if (port.context !== null) method.apply(port, args)
  else port.scope.runInAsyncScope(method, port, ...args)
}

module.exports = shared('dgram ports', () => {
  words = new Uint32Array(native.dgramTable({ onDatagrams }))
  return { attach, release, kPort, send: methods.send, CONNECTED }
})
