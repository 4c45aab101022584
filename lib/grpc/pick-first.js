'use strict'

// The policy `pick_first`: all calls go to the first address to which a connection succeeds.

const { isIPv6 } = require('node:net')
const { clearTimeout, setTimeout } = require('node:timers')
const { connectivityState } = require('./constants.js')
const { Failing, QUEUE } = require('./picker.js')
const { registerPolicy } = require('./policies.js')
const { placeText } = require('./uri.js')

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState
/** Milliseconds after which the next address is tried as well. */
const HEAD_START = 250

/** A picker that sends all calls to one connection. */
class One {
  constructor(subchannel) {
    this.subchannel = subchannel
    this.count = 1
    this.status = null
    this.watch = null
  }

  pick() {
    return this.subchannel.link
  }
}

function shuffle(list) {
  const shuffled = [...list]
  for (let i = shuffled.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    ;[shuffled[i], shuffled[other]] = [shuffled[other], shuffled[i]]
  }
  return shuffled
}

/** Alternates between the address families, as in RFC 8305, because one of them may not work at all. */
function interleave(addresses) {
  const isSix = ({ host }) => host !== undefined && isIPv6(host)
  if (addresses.length === 0) return addresses
  const firstIsSix = isSix(addresses[0])
  const first = addresses.filter((address) => isSix(address) === firstIsSix)
  const second = addresses.filter((address) => isSix(address) !== firstIsSix)
  const turns = Array.from({ length: Math.max(first.length, second.length) }, (_, i) => [first[i], second[i]])
  return turns.flat().filter((address) => address !== undefined)
}

class PickFirst {
  constructor(helper) {
    this.helper = helper
    this.state = IDLE
    this.addresses = null
    this.note = ''
    /** The subchannels that are tried, until one of them is picked. */
    this.tried = []
    /** Those that have failed since the last time that all had failed. */
    this.failed = new Set()
    this.trying = 0
    this.picked = null
    /** True from when all addresses have failed until one connects. */
    this.stuck = false
    this.error = null
    this.timer = undefined
    this.listener = (subchannel, state) => this.heard(subchannel, state)
  }

  static read(config) {
    const { shuffleAddressList = false } = config
    if (typeof shuffleAddressList !== 'boolean') {
      throw new Error('pick_first config field shuffleAddressList must be a boolean if provided')
    }
    return { shuffleAddressList }
  }

  // ---- from the parent

  /** Takes new endpoints. Returns false if they have no addresses. */
  resolved(endpoints, { shuffleAddressList }, note) {
    const ordered = shuffleAddressList ? shuffle(endpoints) : endpoints
    this.addresses = interleave(ordered.flatMap(({ addresses }) => addresses))
    this.note = note
    const isEmpty = this.addresses.length === 0
    if (isEmpty) this.error = 'No addresses resolved'
    this.start()
    return !isEmpty
  }

  /** Called when the name could not be resolved. */
  unresolved(status) {
    if (this.tried.length > 0 || this.picked !== null) return
    this.update(TRANSIENT_FAILURE, new Failing(status))
  }

  connect() {
    if (this.state === IDLE && this.addresses !== null) this.start()
  }

  subchannels() {
    return new Set(this.picked === null ? this.tried : [this.picked, ...this.tried])
  }

  reconsider() {
    if (this.picked !== null) this.tell()
  }

  destroy() {
    clearTimeout(this.timer)
    this.letGo()
    this.unpick()
  }

  // ---- connecting

  start() {
    const next = this.addresses.map((address) => this.helper.take(address))
    const ready = next.find(({ state }) => state === READY)
    if (ready !== undefined) {
      this.pick(ready)
      for (const subchannel of next) subchannel.release()
      return
    }
    // The new subchannels are taken before the old ones are released, so that those in both lists keep their
    // connections.
    this.letGo()
    this.tried = next
    for (const subchannel of next) subchannel.listeners.add(this.listener)
    const failed = next.filter(({ state }) => state === TRANSIENT_FAILURE)
    this.failed = new Set(failed)
    // Another channel may have tried them.
    if (failed.length > 0) this.error = failed.at(-1).error
    this.tryFrom(0)
    if (next.length > 0) this.look()
    this.tell()
  }

  letGo() {
    const { tried } = this
    this.tried = []
    this.trying = 0
    for (const subchannel of tried) {
      if (subchannel !== this.picked) subchannel.listeners.delete(this.listener)
      subchannel.release()
    }
  }

  unpick() {
    const { picked } = this
    if (picked === null) return
    this.picked = null
    if (!this.tried.includes(picked)) picked.listeners.delete(this.listener)
    picked.release()
  }

  tryFrom(start) {
    clearTimeout(this.timer)
    const { tried } = this
    const at = tried.findIndex(({ state }, i) => i >= start && (state === IDLE || state === CONNECTING))
    if (at < 0) return
    this.trying = at
    if (tried[at].state === IDLE) tried[at].connect()
    this.timer = setTimeout(() => this.tryFrom(at + 1), HEAD_START).unref()
  }

  /** Returns whether all addresses have failed. If so, all are tried again after their pauses. */
  look() {
    if (this.tried.some((subchannel) => !this.failed.has(subchannel))) return false
    this.failed.clear()
    this.stuck = true
    for (const subchannel of this.tried) subchannel.connect()
    return true
  }

  heard(subchannel, state) {
    if (subchannel === this.picked) {
      if (state !== READY) {
        this.unpick()
        this.tell()
      }
      return
    }
    const at = this.tried.indexOf(subchannel)
    if (at < 0) return
    if (state === READY) return this.pick(subchannel)
    if (state === TRANSIENT_FAILURE) {
      this.failed.add(subchannel)
      this.error = subchannel.error
      if (this.look()) {
        this.tell()
        this.helper.resolve()
      }
      if (at === this.trying && this.tried[at] === subchannel) this.tryFrom(at + 1)
    }
    // An address that was tried is tried again until one is picked.
    if (this.tried[at] === subchannel) subchannel.connect()
  }

  pick(subchannel) {
    this.stuck = false
    subchannel.take()
    this.unpick()
    this.picked = subchannel
    clearTimeout(this.timer)
    this.letGo()
    subchannel.listeners.add(this.listener)
    this.tell()
  }

  tell() {
    const { picked } = this
    if (picked !== null && this.helper.isHealthy(picked.address)) this.update(READY, new One(picked))
    else if (picked !== null) {
      const details = `Picked subchannel ${placeText(picked.address)} is unhealthy`
      this.update(TRANSIENT_FAILURE, new Failing({ details }))
    } else if (this.stuck || this.addresses?.length === 0) {
      const details = `No connection established. Last error: ${this.error}. Resolution note: ${this.note}`
      this.update(TRANSIENT_FAILURE, new Failing({ details }))
    } else if (this.tried.length === 0) this.update(IDLE, QUEUE)
    else this.update(CONNECTING, QUEUE)
  }

  update(state, picker) {
    this.state = state
    this.helper.update(state, picker)
  }
}

registerPolicy('pick_first', PickFirst)

module.exports = { PickFirst }
