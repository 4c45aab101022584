'use strict'

// The native engine of this environment, started once, and the table that maps its ids to JavaScript objects.
//
// An owner is any object with `id` and methods for the events that can reach it: onConnection(id | errno),
// onConnected(status), onRead(length | errno, memory, offset), onDrain(), onWriteError(errno), onShutdown(status), onClose(),
// and with TLS onUnanswered(), onHello(), onSecured(), onInsecure(reason, detail, foreign), onKeys(lines), onSession(name).
// Protocols add events of their own.

const process = require('node:process')
const { markAsUntransferable } = require('node:worker_threads')
const { keepContext } = require('./context.js')
const { once } = require('./once.js')
const binding = require('../binding.js')
/** Extracts the slot number from an id. Owners are indexed by it. */
const { INDEX_MASK } = require('./constants.js').slots

const owners = []

function ownerOf(id) {
  const owner = owners[id & INDEX_MASK]
  return owner !== undefined && owner.id === id ? owner : undefined
}

/** The memory block of the last received bytes. */
let rawMemory

/**
 * Received bytes are views of memory that is shared with later ones, like small Buffers in Node's pool. As there,
 * transferring one view to a worker must not take the memory along.
 */
function keep(memory) {
  markAsUntransferable(memory)
  return memory
}

/**
 * Calls a method of an owner in its async resource, if it has one. If the owner has kept a context, its methods restore
 * that themselves.
 */
function enter(owner, method, ...args) {
  const { asyncResource } = owner
  if (asyncResource === undefined || owner.context !== null) method.apply(owner, args)
  else asyncResource.runInAsyncScope(method, owner, ...args)
}

const events = {
  onConnection(listener, id) {
    const owner = ownerOf(listener)
    if (owner !== undefined) owner.onConnection(id)
    else if (id >= 0) native.close(id, false)
  },
  onConnected(id, status) {
    ownerOf(id)?.onConnected(status)
  },
  onRead(id, length, memory, offset) {
    if (offset >= 0 && memory !== undefined && memory !== rawMemory) rawMemory = keep(memory)
    const owner = ownerOf(id)
    if (owner !== undefined) enter(owner, owner.onRead, length, memory, offset)
  },
  onDrain(id) {
    ownerOf(id)?.onDrain()
  },
  onWriteError(id, errno) {
    ownerOf(id)?.onWriteError(errno)
  },
  onShutdown(id, status) {
    ownerOf(id)?.onShutdown(status)
  },
  onClose(id) {
    const owner = ownerOf(id)
    if (owner === undefined) return
    owners[id & INDEX_MASK] = undefined
    enter(owner, owner.onClose)
  },
  onUnanswered(id) {
    ownerOf(id)?.onUnanswered()
  },
  onHello(id) {
    ownerOf(id)?.onHello()
  },
  onSecured(id) {
    ownerOf(id)?.onSecured()
  },
  onInsecure(id, reason, detail, foreign) {
    ownerOf(id)?.onInsecure(reason, detail, foreign)
  },
  onKeys(id, lines) {
    ownerOf(id)?.onKeys(lines)
  },
  onSession(id, name) {
    ownerOf(id)?.onSession(name)
  },
}

/**
 * Functions called when the process exits, before the last output is written. The code that adds a function also
 * removes it.
 */
const exiting = new Set()

const EVENTS = Object.keys(events)

/** Registers `owner` for the events of `id`. */
function own(id, owner) {
  owners[id & INDEX_MASK] = owner
}

/**
 * Registers `owner` for the events of `id`, in the current async context. Returns that context, or null if there is
 * none. `more` names the events of a protocol.
 */
function adopt(id, owner, more) {
  own(id, owner)
  return keepContext(owner, EVENTS, more)
}

/**
 * The resources in use in this environment: `slots` (connections and listeners) and libuv `handles`. For leak tests.
 */
function usage() {
  return { slots: native.slotsInUse(), handles: native.openHandles() }
}

let native

function start() {
  native = binding.startEngine(events)
  // Makes the HTTP parser agree with this Node's: since llhttp 9.4 a tab after a header value is accepted like a space.
  const [major, minor] = process.versions.llhttp.split('.').map(Number)
  native.httpTabs(major > 9 || (major === 9 && minor >= 4))
  // Output is collected until the end of a loop turn. The output of the last turn must not be lost when the process
  // exits.
  process.on('exit', () => {
    for (const last of exiting) last()
    native.flushAll()
  })
  return { native, adopt, own, ownerOf, enter, keep, shared, usage, exiting }
}

/** In a bundle there is no file name, so the version alone must do. */
const copy = `${binding.version()} ${typeof __filename === 'string' ? __filename : ''}`

/** A value shared by all copies of this version in the environment. */
function shared(name, make) {
  return once(`${name} ${copy}`, make)
}

module.exports = shared('engine', start)
