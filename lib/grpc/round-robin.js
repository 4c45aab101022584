'use strict'

// The policy `round_robin`: connects to all endpoints, and calls use them in turn.

const { connectivityState, status } = require('./constants.js')
const { PickFirst } = require('./pick-first.js')
const { Failing, QUEUE } = require('./picker.js')
const { registerPolicy } = require('./policies.js')

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState
/** The config of each endpoint's `pick_first` policy. */
const IN_ORDER = { shuffleAddressList: false }

class Turns {
  constructor(leaves, next) {
    this.leaves = leaves
    this.count = leaves.length
    this.next = next
    this.status = null
    this.watch = null
  }

  pick() {
    const { picker } = this.leaves[this.next]
    this.next = (this.next + 1) % this.count
    return picker.pick()
  }
}

/** One endpoint. Its `pick_first` policy tries the addresses in order. */
class Leaf {
  constructor(policy, endpoint) {
    this.policy = policy
    this.endpoint = endpoint
    this.state = IDLE
    this.picker = QUEUE
    this.first = new PickFirst(this)
  }

  start(note) {
    this.first.resolved([this.endpoint], IN_ORDER, note)
  }

  // ---- as the helper of that policy

  take(address) {
    return this.policy.helper.take(address)
  }

  isHealthy(address) {
    return this.policy.helper.isHealthy(address)
  }

  resolve() {
    this.policy.helper.resolve()
  }

  update(state, picker) {
    this.state = state
    this.picker = picker
    this.policy.changed(this)
  }
}

const keyOf = ({ addresses }) => JSON.stringify(addresses)

class RoundRobin {
  constructor(helper) {
    this.helper = helper
    this.state = IDLE
    this.leaves = []
    this.picker = null
    this.paused = false
    this.error = null
  }

  static read() {
    return {}
  }

  resolved(endpoints, _config, note) {
    const old = new Map(this.leaves.map((leaf) => [keyOf(leaf.endpoint), leaf]))
    // A random start, so that clients that begin together do not all use the same endpoint first.
    const start = Math.floor(Math.random() * endpoints.length)
    const turned = [...endpoints.slice(start), ...endpoints.slice(0, start)]
    this.paused = true
    const keys = new Set()
    const leaves = []
    for (const endpoint of turned) {
      const key = keyOf(endpoint)
      if (keys.has(key)) continue
      keys.add(key)
      leaves.push(old.get(key) ?? new Leaf(this, endpoint))
    }
    // Endpoints that stay keep their connections. Those that are gone end after the new ones have begun.
    const gone = this.leaves.filter(({ endpoint }) => !keys.has(keyOf(endpoint)))
    const begun = new Set(this.leaves)
    this.leaves = leaves
    for (const leaf of leaves) if (!begun.has(leaf)) leaf.start(note)
    for (const leaf of gone) leaf.first.destroy()
    this.paused = false
    if (leaves.length === 0) {
      this.update(TRANSIENT_FAILURE, new Failing({ details: `No addresses resolved. Resolution note: ${note}` }))
      return false
    }
    this.tell()
    return true
  }

  unresolved(error) {
    if (this.leaves.length === 0) this.update(TRANSIENT_FAILURE, new Failing({ code: status.UNAVAILABLE, ...error }))
  }

  connect() {}

  *subchannels() {
    for (const { first } of this.leaves) yield* first.subchannels()
  }

  reconsider() {
    for (const { first } of this.leaves) first.reconsider()
  }

  destroy() {
    for (const { first } of this.leaves) first.destroy()
    this.leaves = []
  }

  changed({ state, picker }) {
    if (this.state === READY && state !== READY) this.helper.resolve()
    if (picker.status !== null) this.error = picker.status.details
    this.tell()
  }

  tell() {
    if (this.paused) return
    const has = (state) => this.leaves.some((leaf) => leaf.state === state)
    if (has(READY)) this.update(READY, this.turns())
    else if (has(CONNECTING)) this.update(CONNECTING, QUEUE)
    else if (has(TRANSIENT_FAILURE)) {
      const details = `round_robin: No connection established. Last error: ${this.error}`
      this.update(TRANSIENT_FAILURE, new Failing({ details }))
    } else this.update(IDLE, QUEUE)
    // All endpoints are kept connected.
    for (const leaf of this.leaves) if (leaf.state === IDLE) leaf.first.connect()
  }

  /** A picker of the ready endpoints, which continues where the last one was. */
  turns() {
    const ready = this.leaves.filter(({ state }) => state === READY)
    const next = this.picker === null ? undefined : this.picker.leaves[this.picker.next]
    return new Turns(ready, Math.max(ready.indexOf(next), 0))
  }

  update(state, picker) {
    this.state = state
    this.picker = state === READY ? picker : null
    this.helper.update(state, picker)
  }
}

registerPolicy('round_robin', RoundRobin)
