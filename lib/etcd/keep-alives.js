'use strict'

const { Stream } = require('./stream.js')

/** Says of all leases of a client that they are still needed. */
class KeepAlives extends Stream {
  constructor(pool) {
    super(pool, 'Lease/LeaseKeepAlive')
    /** Those that etcd knows, by their numbers; and all. */
    this.byId = new Map()
    this.leases = new Set()
  }

  get isNeeded() {
    return this.byId.size > 0
  }

  add(lease) {
    this.byId.set(lease.id, lease)
    this.begin()
  }

  remove(lease) {
    if (lease.id === null) return
    this.byId.delete(lease.id)
    if (this.byId.size === 0) this.end()
  }

  beat(lease) {
    if (this.call === null) return
    // Twice without an answer: it is asked elsewhere.
    if (lease.isAsked) return this.leaveMember('a lease was not answered')
    lease.isAsked = true
    this.call.write({ id: lease.id })
  }

  onOpen() {
    for (const lease of this.byId.values()) {
      lease.isAsked = false
      this.beat(lease)
    }
  }

  onMessage({ id, ttl }) {
    const lease = this.byId.get(id)
    if (lease === undefined) return
    if (ttl > 0) return lease.onKept()
    this.remove(lease)
    lease.onLost()
  }

  onLost() {}

  /** Nobody can say any more that they are needed: they end by themselves. */
  onRefused(error) {
    for (const lease of this.byId.values()) lease.emit('retry', error)
    this.later()
  }

  close() {
    for (const lease of [...this.leases]) lease.end()
    this.end()
  }
}

module.exports = { KeepAlives }
