'use strict'

// Changes of keys, as etcd tells them: all watches of a client on one stream, each going on where it was when the stream had to be another.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const { EventEmitter } = require('node:events')
const { setTimeout, clearTimeout } = require('node:timers')
const { refuseUnknown } = require('../options.js')
const { checkObject, flag } = require('../rpc/options.js')
const errors = require('./errors.js')
const keys = require('./keys.js')
const { rangeReply } = require('./operations.js')
const { Request, pauseAfter } = require('./request.js')
const { methods } = require('./schema.js')
const { Stream } = require('./stream.js')

/** Keys that are read at once where all of a range are. */
const PAGE = 1000

const DELETE = 1

function readWatch(options) {
  refuseUnknown(checkObject(options), ['revision', 'initial', 'previous'])
  return {
    revision: keys.whole(options, 'revision'),
    initial: flag(options, 'initial', false),
    previous: flag(options, 'previous', false),
  }
}

/** One watch. */
class Watcher extends EventEmitter {
  constructor({ pool, watches }, range, { revision, initial, previous }) {
    super()
    this.pool = pool
    this.stream = watches
    this.range = range
    this.previous = previous
    /** What is to be told next; 0 for what happens from now on. */
    this.next = revision
    this.reads = initial
    /** Its number on the stream, if it has one. */
    this.id = null
    this.clusterId = undefined
    /** Changes of a revision of which there may be more. */
    this.held = []
    this.request = null
    this.timer = null
    this.failures = 0
    this.denials = 0
    this.isClosed = false
  }

  /** The revision that was told last. */
  get revision() {
    return Math.max(this.next - 1, 0)
  }

  begin() {
    this.pool.holds(1)
    this.stream.watchers.add(this)
    if (this.reads) this.read()
    else this.stream.ask(this)
    return this
  }

  // --- all that there is

  /** Reads the whole range, and goes on from there. */
  read() {
    this.reads = true
    this.held = []
    this.readPage([], this.range.key, 0, PAGE)
  }

  readPage(entries, key, revision, limit) {
    const { rangeEnd } = this.range
    const { timeout } = this.pool.options
    const message = { key, rangeEnd, revision, limit }
    this.request = new Request(this.pool, methods().get('KV/Range'), message, { timeout }, (error, reply) => {
      this.request = null
      if (this.isClosed) return
      if (error !== null)
        return this.onReadError(error, () => this.readPage(entries, key, revision, Math.ceil(limit / 4)), limit)
      this.failures = 0
      const { entries: found, more, revision: current } = rangeReply(reply)
      for (const entry of found) entries.push(entry)
      if (more) return this.readPage(entries, after(found.at(-1).key), revision || current, limit)
      this.clusterId = reply.header.clusterId
      this.reads = false
      this.next = (revision || current) + 1
      this.stream.ask(this)
      this.emit('reset', entries, this.revision)
    })
    this.request.go()
  }

  onReadError(error, again, limit) {
    // What does not fit into a message may in several.
    if (error.code === 'IRONWIRE_ETCD_EXHAUSTED' && limit > 1) return again()
    if (!TRIED_AGAIN.has(error.code)) return this.refuse(error)
    this.emit('retry', error)
    if (this.isClosed) return
    this.timer = setTimeout(() => this.read(), pauseAfter(this.failures++)).unref()
  }

  // --- from the stream

  /** The stream has it now; `revision` is what etcd has come to. */
  onCreated(id, { clusterId, revision }) {
    this.id = id
    this.failures = 0
    this.denials = 0
    const isAnother = this.clusterId !== undefined && clusterId !== this.clusterId
    this.clusterId ??= clusterId
    if (this.next === 0) this.next = revision + 1
    else if (isAnother || revision + 1 < this.next) this.look()
  }

  /**
   * Where etcd has not come to what was told before, it is a member that lags, or etcd has lost what it knew: then it would be waited for in
   * vain.
   */
  look() {
    const { timeout } = this.pool.options
    const message = { key: this.range.key, countOnly: true }
    this.request = new Request(this.pool, methods().get('KV/Range'), message, { timeout }, (error, reply) => {
      this.request = null
      if (this.isClosed || error !== null) return
      const { clusterId, revision } = reply.header
      if (clusterId === this.clusterId && revision + 1 >= this.next) return
      this.stream.leave(this)
      this.onCompacted(0)
    })
    this.request.go()
  }

  onEvents(events, isFragment, revision) {
    const { held } = this
    if (events.length === 0) {
      // So far there is nothing to tell.
      if (held.length === 0) this.next = Math.max(this.next, revision + 1)
      return
    }
    let whole = held.length === 0 ? events : [...held, ...events]
    this.held = []
    if (isFragment) {
      const last = whole.at(-1).kv.modRevision
      const at = whole.findIndex(({ kv }) => kv.modRevision === last)
      this.held = whole.slice(at)
      whole = whole.slice(0, at)
      if (at === 0) return
    }
    this.tell(whole)
  }

  tell(given) {
    const events = given.map(({ type, kv, prevKv }) => ({
      type: type === DELETE ? 'delete' : 'put',
      entry: kv,
      previous: prevKv ?? null,
    }))
    this.next = events.at(-1).entry.modRevision + 1
    this.emit('events', events, this.revision)
    for (const event of events) {
      if (this.isClosed) return
      this.emit(event.type, event.entry, event.previous)
    }
  }

  /** What comes next is not there any more: what has become of it is read. */
  onCompacted(revision) {
    this.emit('compacted', { revision: this.next, compactRevision: revision })
    if (!this.isClosed) this.read()
  }

  onLost(error) {
    this.id = null
    this.held = []
    this.emit('disconnect', error)
  }

  /** etcd does not take it. Once that may be for a token that has ended. */
  onDenied(reason) {
    if (this.denials++ === 0 && this.pool.auth.renew(this.stream.token)) return this.stream.restart()
    this.refuse(errors.watchRefused(reason))
  }

  refuse(error) {
    this.close()
    this.emit('error', error)
  }

  /** What it would have waited for never comes. */
  fail(error) {
    if (!this.isClosed) this.refuse(error)
  }

  close() {
    if (this.isClosed) return
    this.isClosed = true
    clearTimeout(this.timer)
    this.request?.drop()
    this.stream.remove(this)
    this.pool.holds(-1)
    process.nextTick(() => this.emit('close'))
  }
}

/** What may be otherwise when it is tried again. */
const TRIED_AGAIN = new Set(['IRONWIRE_ETCD_UNAVAILABLE', 'IRONWIRE_ETCD_TIMEOUT', 'IRONWIRE_ETCD_COMPACTED'])

/** The key that comes next. */
const after = (key) => Buffer.concat([key, Buffer.from([0])])

/** The stream of all watches of a client. */
class WatchStream extends Stream {
  constructor(pool) {
    super(pool, 'Watch/Watch')
    this.watchers = new Set()
    /** Those that etcd has, by their numbers; and those that it was asked to take, which it answers in turn. */
    this.byId = new Map()
    this.asked = []
  }

  get isNeeded() {
    return this.watchers.size > 0
  }

  /** Has a watcher told what comes. */
  ask(watcher) {
    if (this.call === null) this.begin()
    else this.create(watcher)
  }

  create(watcher) {
    const { range, next, previous } = watcher
    this.asked.push(watcher)
    const createRequest = { ...range, startRevision: next, prevKv: previous, progressNotify: true, fragment: true }
    this.call.write({ createRequest })
  }

  cancel(id) {
    this.byId.delete(id)
    this.call.write({ cancelRequest: { watchId: id } })
  }

  /** A watcher wants nothing more for now. */
  leave(watcher) {
    const { id } = watcher
    watcher.id = null
    if (id !== null && this.call !== null) this.cancel(id)
  }

  remove(watcher) {
    this.watchers.delete(watcher)
    this.leave(watcher)
    if (this.watchers.size === 0) this.end()
  }

  onOpen() {
    this.byId.clear()
    this.asked = []
    for (const watcher of this.watchers) if (!watcher.reads) this.create(watcher)
  }

  onMessage({ header, watchId, created, canceled, compactRevision, cancelReason, fragment, events }) {
    if (created) return this.onCreated(header, watchId, canceled, cancelReason)
    const watcher = this.byId.get(watchId)
    if (watcher === undefined) return
    if (!canceled) return watcher.onEvents(events, fragment, header.revision)
    this.byId.delete(watchId)
    watcher.id = null
    if (compactRevision > 0) watcher.onCompacted(compactRevision)
    else watcher.onDenied(cancelReason)
  }

  onCreated(header, id, canceled, reason) {
    const watcher = this.asked.shift()
    if (watcher === undefined) return
    if (canceled) {
      if (!watcher.isClosed) watcher.onDenied(reason)
      return
    }
    this.byId.set(id, watcher)
    if (watcher.isClosed || watcher.reads) this.cancel(id)
    else watcher.onCreated(id, header)
  }

  onLost(error) {
    for (const watcher of [...this.watchers]) watcher.onLost(error)
  }

  onRefused(error) {
    for (const watcher of [...this.watchers]) watcher.fail(error)
  }

  close() {
    for (const watcher of [...this.watchers]) watcher.close()
  }
}

module.exports = { Watcher, WatchStream, readWatch }
