'use strict'

// A client of several addresses, which may change while it runs: one connection to each address, and one of them is
// chosen for every call.

const process = require('node:process')
const { setInterval, clearInterval, setTimeout, clearTimeout } = require('node:timers')
const { Client } = require('./client')
const { Call } = require('./calls')
const { Member } = require('./member')
const { directTarget, placed, textOfTarget } = require('./target')
const { resolverOf } = require('./resolve')
const { now } = require('./tick')
const { UNCOUNTED } = require('./counts')
const { log } = require('./log')
const { MAX_DELAY } = require('../delays')
const errors = require('./errors')

/**
 * The pause in milliseconds before an address that did not speak rpc is tried again: another server may run there
 * later.
 */
const FOREIGN_RETRY = 30_000

class BalancedClient extends Client {
  /** `target` as `target.js` returns it. */
  constructor(target, options = {}) {
    super(target, options)
    Object.assign(this.stats, { ejections: 0, hedges: 0 })
  }

  readTarget(target) {
    return target
  }

  begin() {
    this.balance = this.options.balance
    this.takesTurns = this.balance.policy === 'round-robin'
    /** All current addresses, by a key made of id and location. */
    this.members = new Map()
    /** The registry refuses this client (secret or TLS). */
    this.isBarred = false
    /** The members that calls are sent to now, and the sum of their weights. */
    this.ready = []
    this.weights = 0
    /** The member of the last call, and how many more calls may go to it so that they leave in the same write. */
    this.chosen = null
    this.left = 0
    // Without an address there is no socket that would keep the process running, so this timer does it.
    this.keeper = setInterval(() => {}, MAX_DELAY)
    this.resolution = resolverOf(this.target, this.options, BalancedClient).resolve((error, addresses) => {
      if (this.closed) return
      if (error) this.unresolved(error)
      else this.take(addresses)
    })
  }

  /** The current addresses: `[{ address, id, weight, connected, ejected, pending }]`. */
  get addresses() {
    return [...this.members.values()].map((member) => ({
      address: member.location,
      id: member.id,
      weight: member.weight,
      connected: member.link !== null,
      ejected: member.ejected,
      pending: member.link === null ? 0 : member.link.calls.pending,
    }))
  }

  /** There is no single location: the client has several addresses. */
  get location() {
    return undefined
  }

  get connected() {
    return this.ready.length > 0
  }

  // ---- addresses

  unresolved(error) {
    this.lastError = error
    this.isBarred = errors.isUnauthenticated(error) || errors.isTlsFailure(error)
    log('rpc: no addresses: %s', error.message)
    if (this.hopeless) this.failWaiting((call) => errors.notConnected(call.method, error))
    process.nextTick(() => this.emit('resolveError', error))
  }

  take(addresses) {
    this.isBarred = false
    const seen = new Set()
    for (const [i, given] of addresses.entries()) {
      let address
      try {
        address = this.read(given, i)
      } catch (error) {
        // An entry that another process registered and that makes no sense must not affect the others.
        this.unresolved(error)
        continue
      }
      const key = `${address.id ?? ''} ${textOfTarget(address.place)}`
      seen.add(key)
      const member = this.members.get(key)
      if (member === undefined) this.add(key, address)
      else member.place(address)
    }
    for (const [key, member] of this.members) {
      if (seen.has(key)) continue
      this.members.delete(key)
      member.retire()
    }
    this.membersChanged()
    if (log.enabled)
      log('rpc: the addresses are: %s', this.addresses.map(({ address }) => address).join(', ') || 'none')
    process.nextTick(() => this.emit('addresses', this.addresses))
  }

  read(given, i) {
    const name = `addresses[${i}]`
    const fields = given !== null && typeof given === 'object' ? given : { address: given }
    const { address, host, port, path, tls, servername, priority = 0 } = fields
    const place = directTarget(address ?? { host, port, path, tls }, name, servername)
    const { id, weight, zone } = placed(given, name)
    const isNear = this.balance.zone === undefined || zone === this.balance.zone
    return { place, id, weight, tier: 2 * priority + (isNear ? 0 : 1) }
  }

  add(key, address) {
    const member = new Member(this, key, address)
    this.members.set(key, member)
    member.attempt()
  }

  /** Chooses the members that calls go to: the connected and healthy ones of the best tier that has any. */
  membersChanged() {
    let best = Infinity
    let ready = []
    let sick = []
    for (const member of this.members.values()) {
      if (member.link === null || member.weight === 0 || member.tier > best) continue
      if (member.ejected) {
        sick.push(member)
        continue
      }
      if (member.tier < best) ready = []
      best = member.tier
      ready.push(member)
    }
    // If all members were ejected, the fault probably lies elsewhere, for example in the network: use them all.
    if (ready.length === 0) ready = sick
    sick = null
    this.ready = ready
    this.weights = 0
    for (const member of ready) {
      this.weights += member.weight
      member.upTo = this.weights
      // Credit earned in another set of members does not count in this one.
      member.turn = 0
    }
    this.chosen = null
  }

  endpointReady() {
    this.lastError = null
    const was = this.connected
    this.membersChanged()
    process.nextTick(() => {
      if (!was && this.connected) this.emit('connect')
      this.pump()
    })
  }

  endpointLost(_member, error) {
    const was = this.connected
    this.membersChanged()
    this.lastError = error
    if (was && !this.connected && !this.resting) process.nextTick(() => this.emit('disconnect', error))
  }

  endpointRetries(member, attempt) {
    this.lastError = attempt.error
    // A server that is gone may have moved to another address.
    this.resolution?.refresh?.()
    process.nextTick(() => this.emit('reconnect', { ...attempt, address: member.location }))
  }

  endpointFailed(member, error) {
    this.lastError = error
    member.dead = true
    if (this.options.reconnect !== null) {
      member.stopped = false
      member.retry(FOREIGN_RETRY)
    }
    this.endpointDead(error)
  }

  /**
   * Whether waiting is useless: every address is dead, or there are no addresses because the registry refuses this
   * client.
   */
  get hopeless() {
    if (this.members.size === 0) return this.isBarred
    for (const { dead } of this.members.values()) if (!dead) return false
    return true
  }

  // ---- calls

  get movesCalls() {
    return true
  }

  pick(call) {
    const { chosen } = this
    // Calls of the same turn to the same member leave in one write.
    if (chosen !== null && this.left > 0 && chosen.link.out.slab !== null && chosen.link.roomy) {
      this.left--
      return chosen.link
    }
    const member = this.choose()
    if (member === null) return null
    this.chosen = member
    this.left = this.takesTurns ? 0 : member.share - 1
    if (!member.measuring && member.link.roomy) member.measure(call)
    return member.link
  }

  choose() {
    const { ready } = this
    if (ready.length <= 1) return ready.length === 0 ? null : ready[0]
    const member = this.takesTurns ? this.nextInTurn() : this.lessLoaded()
    if (member.link.roomy) return member
    return ready.find(({ link }) => link.roomy) ?? member
  }

  /**
   * The less loaded of two random members. This is nearly as good as the best of all, and it avoids that all clients
   * pick the same one.
   */
  lessLoaded() {
    const { ready } = this
    const first = this.byWeight()
    let second = ready.length === 2 ? ready[first === ready[0] ? 1 : 0] : this.byWeight()
    if (second === first) second = this.byWeight()
    return second.load < first.load ? second : first
  }

  byWeight() {
    const { ready } = this
    const at = Math.random() * this.weights
    for (let i = 0; i < ready.length - 1; i++) if (at < ready[i].upTo) return ready[i]
    return ready[ready.length - 1]
  }

  /** Smooth weighted round-robin, as in nginx. */
  nextInTurn() {
    let best = null
    for (const member of this.ready) {
      member.turn += member.weight
      if (best === null || member.turn > best.turn) best = member
    }
    best.turn -= this.weights
    return best
  }

  /**
   * Sends the call a second time to another member if it has no answer after its `hedge` delay. The first answer
   * counts.
   */
  hedge(call) {
    const delay = call.kept.hedge
    if (delay === Infinity) return
    const { callback } = call
    // Both attempts count as one call: it is counted when the outcome is known.
    const { series } = call
    call.series = UNCOUNTED
    const made = [call]
    let left = 1
    let ended = false
    let sent = false
    const end = (which) => (error, reply, metadata) => {
      if (ended) return
      left--
      if (error) {
        sent ||= error.sent
        // While the other attempt may still be answered, the call has not failed, unless its caller aborted it.
        if (left > 0 && error.code !== 'IRONWIRE_RPC_ABORTED') return
        error.sent = sent || left > 0
      }
      ended = true
      clearTimeout(timer)
      for (const other of made) if (other !== which) this.drop(other)
      call.series = series
      call.count(error, which.owner)
      callback(error, reply, metadata)
    }
    call.callback = end(call)
    const timer = setTimeout(() => {
      const remaining = call.deadline === Infinity ? Infinity : call.deadline - now()
      if (ended || remaining <= 0 || this.ready.length < 2 || !this.mayRepeat()) return
      const second = new Call(call.entry, call.kept.body, remaining, null)
      second.kept = call.kept
      if (call.flags !== 0) second.addMetadata(call.metadata)
      if (call.decode !== null) second.decode = call.decode
      if (call.watches) Object.assign(second, { watches: true, signal: call.signal, parent: call.parent })
      second.callback = end(second)
      const link = this.elsewhere(call)
      if (link === null) return
      made.push(second)
      call.second = second
      left++
      this.stats.hedges++
      if (second.deadline < this.deadlines.next) this.deadlines.add(second.deadline)
      const error = link.send(second)
      if (error !== undefined) this.failCall(second, error)
    }, delay)
    timer.unref()
  }

  /** The least loaded link other than the one that the call was sent on; null when there is none. */
  elsewhere(call) {
    const others = this.ready.filter(({ link }) => link.roomy && link.calls.find(call.sequence) !== call)
    if (others.length === 0) return null
    return others.reduce((best, member) => (member.load < best.load ? member : best)).link
  }

  /** Gives up a call whose answer is no longer needed. */
  drop(call) {
    if (call.callback === null) return
    if (call.queued) {
      call.callback = null
      return this.waiting.discard(call)
    }
    for (const link of this.links) if (link.calls.find(call.sequence) === call) link.drop(call)
  }

  // ---- the end

  stop() {
    clearInterval(this.keeper)
    this.resolution?.close()
    this.resolution = null
    for (const member of this.members.values()) member.stop()
  }

  refTimers(name) {
    this.keeper[name]()
    for (const member of this.members.values()) member.timer?.[name]()
  }
}

module.exports = { BalancedClient }
