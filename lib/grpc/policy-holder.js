'use strict'

// The policy of somebody who may be told to have another: that takes over when it can say more than that it is busy.

const process = require('node:process')
const { connectivityState } = require('./constants.js')

const { CONNECTING } = connectivityState

/** A policy at work: what its holder's helper is to it. */
class Child {
  constructor(holder, Policy) {
    this.holder = holder
    this.Policy = Policy
    this.policy = new Policy(this)
  }

  take(address) {
    return this.holder.helper.take(address)
  }

  isHealthy(address) {
    return this.holder.helper.isHealthy(address)
  }

  resolve() {
    this.holder.helper.resolve()
  }

  update(state, picker) {
    this.holder.update(this, state, picker)
  }
}

class PolicyHolder {
  /** `helper` is that of a policy. */
  constructor(helper) {
    this.helper = helper
    this.current = null
    /** The one that takes over when it can. */
    this.next = null
  }

  /** The one that hears what was resolved; null before there is any. */
  get latest() {
    return (this.next ?? this.current)?.policy ?? null
  }

  /** Has `Policy` be the latest. */
  use(Policy) {
    const latest = this.next ?? this.current
    if (latest?.Policy === Policy) return latest.policy
    const child = new Child(this, Policy)
    if (this.current === null) this.current = child
    else {
      this.next?.policy.destroy()
      this.next = child
    }
    return child.policy
  }

  /** Those that are in use. */
  *subchannels() {
    for (const child of [this.current, this.next]) if (child !== null) yield* child.policy.subchannels()
  }

  connect() {
    this.current?.policy.connect()
    this.next?.policy.connect()
  }

  reconsider() {
    this.current?.policy.reconsider()
    this.next?.policy.reconsider()
  }

  destroy() {
    const { current, next } = this
    this.current = null
    this.next = null
    current?.policy.destroy()
    next?.policy.destroy()
  }

  update(child, state, picker) {
    if (child === this.next) {
      if (state === CONNECTING) return
      const { current } = this
      this.current = child
      this.next = null
      // Not before the new one is in its place: what they share goes on.
      process.nextTick(() => current.policy.destroy())
    } else if (child !== this.current) return
    this.helper.update(state, picker)
  }
}

module.exports = { PolicyHolder }
