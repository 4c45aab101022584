'use strict'

// Watches of keys: all watches of a client share one stream. After the stream was replaced, each watch continues where
// it was.

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

/** The number of keys read at once when a whole range is read. */
const PAGE = 1000

const DELETE = 1

/** The memory of an entry besides its key and value, in bytes. */
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
    /** The next revision to report; 0 means from now on. */
    this.next = revision
    this.reads = initial
    /** Its id on the stream, or null. */
    this.id = null
    this.clusterId = undefined
    /** The highest revision that etcd is known to have reached. */
    this.seen = 0
    /**
     * Events of a revision that may be incomplete, the size in bytes of these events or of the entries read, and the
     * pending read request.
     */
    this.held = []
    this.bytes = 0
    this.request = null
    this.timer = null
    this.failures = 0
    this.denials = 0
    this.isClosed = false
  }

  /** The last reported revision. */
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

  // --- reading the whole range

  /** Reads the whole range and continues with its changes. */
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
    // Read fewer keys at once: they did not fit into a message.
    if (error.code === 'IRONWIRE_ETCD_EXHAUSTED' && limit > 1) return again()
    if (!TRIED_AGAIN.has(error.code)) return this.refuse(error)
    this.emit('retry', error)
    if (this.isClosed) return
    this.timer = setTimeout(() => this.read(), pauseAfter(this.failures++)).unref()
  }

  // --- from the stream

  /** etcd has created the watch. `revision` is the revision that etcd has reached. */
  onCreated(id, { clusterId, revision }) {
    this.id = id
    this.failures = 0
    this.denials = 0
    this.clusterId ??= clusterId
    if (this.next === 0) this.next = revision + 1
    if (clusterId !== this.clusterId || revision < this.seen) this.look()
    else this.seen = revision
  }

  /**
   * This member reports another cluster or an older revision than seen before: either it lags behind, or etcd has lost
   * data. A read finds out which; in the second case the range is read again, because the changes would never come.
   */
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
      // A progress message: there are no changes up to this revision.
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

  /** The next changes were compacted away: reads the current state instead. */
  onCompacted(revision) {
    this.emit('compacted', { revision: this.next, compactRevision: revision })
    if (!this.isClosed) this.read()
  }

  onLost(error) {
    this.id = null
    this.held = []
    this.emit('disconnect', error)
  }

  /** etcd refuses the watch. The first time the reason may be an expired token. */
  onDenied(reason) {
    if (this.denials++ === 0 && this.pool.auth.renew(this.stream.token)) return this.stream.restart()
    this.refuse(errors.watchRefused(reason))
  }

  refuse(error) {
    this.close()
    this.emit('error', error)
  }

  /** The token request failed for good, so the watch cannot start. */
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

/** Errors that may go away when the read is repeated. */
const TRIED_AGAIN = new Set(['IRONWIRE_ETCD_UNAVAILABLE', 'IRONWIRE_ETCD_TIMEOUT', 'IRONWIRE_ETCD_COMPACTED'])

/** Whether a reply has valid revisions. */
const isSound = ({ header, events = [] }) =>
  Number.isSafeInteger(header?.revision) && events.every(({ kv }) => Number.isSafeInteger(kv?.modRevision))

/** Whether a page of a range is valid and starts at `from`. */
const isPage = (reply, from) =>
  isSound(reply) && (reply.kvs.length === 0 ? !reply.more : Buffer.compare(reply.kvs[0].key, from) >= 0)

/** The lowest key above `key`. */
const after = (key) => Buffer.concat([key, Buffer.from([0])])

/** The stream of all watches of a client. */
class WatchStream extends Stream {
  constructor(pool) {
    super(pool, 'Watch/Watch')
    this.watchers = new Set()
    /** Watches that etcd has created, by id; and those requested but not confirmed, in the order of the answers. */
    this.byId = new Map()
    this.asked = []
  }

  get isNeeded() {
    return this.watchers.size > 0
  }

  /** Starts the watch of a watcher. */
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

  /** Stops the watch of a watcher for now. */
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
    if (!isSound(message)) return this.leaveMember('the stream returned a message that is not valid')
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
