'use strict'

const { Stream } = require('./stream.js')

/** The stream that renews all leases of a client. */
class KeepAlives extends Stream {
  constructor(pool) {
    super(pool, 'Lease/LeaseKeepAlive')
    /** Leases that etcd has granted, by id; and all leases. */
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
    // The last renewal was not answered: try another member.
    if (lease.isAsked) return this.leaveMember('the renewal of a lease was not answered')
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

  /** Without a token the leases cannot be renewed. They expire unless it works again in time. */
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
