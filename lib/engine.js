'use strict'

// The environment's native engine, started once, and the table that leads from its ids back to JavaScript objects.
//
// An owner is any object with `id` and the methods of the events that can reach it: onConnection(id | errno),
// onConnected(status), onRead(length | errno, memory, offset), onDrain(), onWriteError(errno), onShutdown(status), onClose(), and where it speaks
// TLS, onUnanswered(), onHello(), onSecured(), onInsecure(reason, detail, foreign), onKeys(lines), onSession(name).
// Protocols bring events of their own.

const process = require('node:process')
const { markAsUntransferable } = require('node:worker_threads')
const { keepContext } = require('./context.js')
const { once } = require('./once.js')
const binding = require('../binding.js')
/** The slot number in an id: what the owners are indexed by. */
const { INDEX_MASK } = require('./constants.js').slots

const owners = []

function ownerOf(id) {
  const owner = owners[id & INDEX_MASK]
  return owner !== undefined && owner.id === id ? owner : undefined
}

/** The memory that received bytes were last seen in. */
let rawMemory

/**
 * Received bytes are views of memory that later ones share, as small Buffers share Node's pool: like that, it stays when one of
 * its views is transferred to a worker.
 */
function keep(memory) {
  markAsUntransferable(memory)
  return memory
}

/** Calls a method of an owner in its asynchronous resource, if it has one and has not kept a context, which its methods see to themselves. */
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

/** Functions that are called when the process exits, before the last output is written. Whoever adds one takes it out again. */
const exiting = new Set()

const EVENTS = Object.keys(events)

/** Makes `owner` the one that hears of `id`. */
function own(id, owner) {
  owners[id & INDEX_MASK] = owner
}

/**
 * Makes `owner` the one that hears of `id`, in the asynchronous context of right now; returns that, or null where there is none. `more` are
 * events of a protocol's.
 */
function adopt(id, owner, more) {
  own(id, owner)
  return keepContext(owner, more === undefined ? EVENTS : EVENTS.concat(more))
}

/** What is in use in this environment: `slots` (connections and listeners) and libuv `handles`. For leak tests. */
function usage() {
  return { slots: native.slotsInUse(), handles: native.openHandles() }
}

let native

function start() {
  native = binding.startEngine(events)
  // Which of Node's parsers the HTTP parser is to agree with: since llhttp 9.4 a tab after a value is as good as a space.
  const [major, minor] = process.versions.llhttp.split('.').map(Number)
  native.httpTabs(major > 9 || (major === 9 && minor >= 4))
  // Output gathers until the end of a loop turn; a process that exits by itself must not lose the last turn's.
  process.on('exit', () => {
    for (const last of exiting) last()
    native.flushAll()
  })
  return { native, adopt, own, ownerOf, enter, keep, shared, usage, exiting }
}

/** A bundle has no path of its own to tell; there the version must do. */
const copy = `${binding.version()} ${typeof __filename === 'string' ? __filename : ''}`

/** What every copy of this version in the environment has in common. */
function shared(name, make) {
  return once(`${name} ${copy}`, make)
}

module.exports = shared('engine', start)
