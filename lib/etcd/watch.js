'use strict'

// Changes of keys, as etcd tells them: all watches of a client on one stream, each going on where it was when the stream had to be another.

const { Buffer } = require('node:buffer')
const { setTimeout, clearTimeout } = require('node:timers')
const { refuseUnknown } = require('../options.js')
const { checkObject, flag } = require('../rpc/options.js')
const { Emitter } = require('./emitter.js')
const errors = require('./errors.js')
const keys = require('./keys.js')
const { rangeReply } = require('./operations.js')
const { Request, pauseAfter } = require('./request.js')
const { methods } = require('./schema.js')
const { Stream } = require('./stream.js')

/** Keys that are read at once where all of a range are. */
const PAGE = 1000

const DELETE = 1

/** What an entry takes beside its bytes. */
const OVERHEAD = 256

const sizeOf = ({ key, value }) => OVERHEAD + key.length + value.length

function readWatch(options) {
  refuseUnknown(checkObject(options), ['revision', 'initial', 'previous'])
  return {
    revision: keys.whole(options, 'revision'),
    initial: flag(options, 'initial', false),
    previous: flag(options, 'previous', false),
  }
}

/** One watch. */
class Watcher extends Emitter {
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
    /** The last revision that etcd is known to have come to. */
    this.seen = 0
    /** Changes of a revision of which there may be more, and how much they take, or what is read. */
    this.held = []
    this.bytes = 0
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
    this.bytes = 0
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
      if (!isPage(reply, key)) return this.onReadError(errors.senseless('KV/Range'))
      this.failures = 0
      const { entries: found, more, revision: current } = rangeReply(reply)
      for (const entry of found) {
        this.bytes += sizeOf(entry)
        entries.push(entry)
      }
      if (this.isTooMuch()) return
      if (more) return this.readPage(entries, after(found.at(-1).key), revision || current, limit)
      this.clusterId = reply.header.clusterId
      this.reads = false
      this.seen = current
      this.next = (revision || current) + 1
      this.stream.ask(this)
      this.emit('reset', entries, this.revision)
    })
    this.request.go()
  }

  isTooMuch() {
    const { maxWatchBytes } = this.pool.options
    if (this.bytes <= maxWatchBytes) return false
    this.refuse(errors.watchTooLarge(maxWatchBytes))
    return true
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
    this.clusterId ??= clusterId
    if (this.next === 0) this.next = revision + 1
    if (clusterId !== this.clusterId || revision < this.seen) this.look()
    else this.seen = revision
  }

  /** A member that has not come to what was there before lags, or etcd has lost what it knew: then changes would be waited for in vain. */
  look() {
    const { timeout } = this.pool.options
    this.request?.drop()
    const message = { key: this.range.key, countOnly: true }
    this.request = new Request(this.pool, methods().get('KV/Range'), message, { timeout }, (error, reply) => {
      this.request = null
      if (this.isClosed || error !== null || !isSound(reply)) return
      const { clusterId, revision } = reply.header
      if (clusterId === this.clusterId && revision >= this.seen) return
      this.stream.leave(this)
      this.onCompacted(0)
    })
    this.request.go()
  }

  onEvents(events, isFragment, revision) {
    const { held } = this
    this.seen = Math.max(this.seen, revision)
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
      this.bytes = this.held.reduce((sum, { kv }) => sum + sizeOf(kv), 0)
      if (this.isTooMuch() || at === 0) return
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
    this.emitClose()
  }
}

/** What may be otherwise when it is tried again. */
const TRIED_AGAIN = new Set(['IRONWIRE_ETCD_UNAVAILABLE', 'IRONWIRE_ETCD_TIMEOUT', 'IRONWIRE_ETCD_COMPACTED'])

/** Whether it says what those who count on it need. */
const isSound = ({ header, events = [] }) =>
  Number.isSafeInteger(header?.revision) && events.every(({ kv }) => Number.isSafeInteger(kv?.modRevision))

/** Whether it goes on from a key. */
const isPage = (reply, from) =>
  isSound(reply) && (reply.kvs.length === 0 ? !reply.more : Buffer.compare(reply.kvs[0].key, from) >= 0)

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
    for (const watcher of this.watchers) {
      watcher.id = null
      if (!watcher.reads) this.create(watcher)
    }
  }

  onMessage(message) {
    if (!isSound(message)) return this.leaveMember('a message of the stream is not one that etcd sends')
    const { header, watchId, created, canceled, compactRevision, cancelReason, fragment, events } = message
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
