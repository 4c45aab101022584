'use strict'

// Holds a policy and its successor. The successor takes over when it reports a state other than CONNECTING.

const process = require('node:process')
const { connectivityState } = require('./constants.js')

const { CONNECTING } = connectivityState

/** A policy in use. As its helper, this passes everything on to the holder's helper. */
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
  /** `helper` is a policy's helper (see policies.js). */
  constructor(helper) {
    this.helper = helper
    this.current = null
    /** The successor, or null. */
    this.next = null
  }

  /** The policy that gets the next resolver results; null before there is one. */
  get latest() {
    return (this.next ?? this.current)?.policy ?? null
  }

  /** Makes a policy of class `Policy` the latest one, and returns it. */
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

  /** The subchannels in use. */
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
      // After the successor has taken over, so that subchannels that both use keep their connections.
      process.nextTick(() => current.policy.destroy())
    } else if (child !== this.current) return
    this.helper.update(state, picker)
  }
}

module.exports = { PolicyHolder }
