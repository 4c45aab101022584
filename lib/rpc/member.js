'use strict'

const { performance } = require('node:perf_hooks')
const { setTimeout, clearTimeout } = require('node:timers')
const { Buffer } = require('node:buffer')
const { Call } = require('./calls')
const { Endpoint } = require('./endpoint')
const { HEALTH_METHOD, isServing } = require('./health')
const { now } = require('./tick')
const { log } = require('./log')

/** How much a new measurement of the latency counts. */
const GAIN = 0.3

/** How long a measurement counts. */
const REMEMBERED = 1000

/** Milliseconds of work that a server is given at once at most, see `Member.share`, and calls. */
const WORTH = 1
const MOST_AT_ONCE = 512

/** How fast it is forgotten that a server has been faster. */
const SLOWER = 0.95

/** A measurement that has not ended by then never will. */
const SAMPLE_TIMEOUT = 10_000

/** An address that was ejected is asked how it is after this, and later each time that it is not well. */
const FIRST_PROBE = 1000
const LAST_PROBE = 30_000
const PROBE_TIMEOUT = 1000

/** One address of a client that has several: its connection, and how it does. */
class Member extends Endpoint {
  constructor(client, key, address) {
    super(client, address.place)
    this.key = key
    this.place(address)
    /** Milliseconds that calls take, by measurements that are made one at a time; what that counts for in `load`, and until when. */
    this.latency = 0
    this.cost = 1
    this.costUntil = 0
    this.sampledAt = -Infinity
    /** The most that it was seen to answer in a millisecond, and how many calls may go out together for that. */
    this.rate = 0
    this.share = 1
    /** Timeouts since the last answer of any kind, and how many answers there were then. */
    this.silent = 0
    this.answered = 0
    this.ejected = false
    this.probes = 0
    this.probeTimer = null
    /** The sum of the weights up to and including this one's, among those that are in use. */
    this.upTo = 0
    /** Of smooth weighted round-robin. */
    this.turn = 0
  }

  /** What may change of an address without its being another. */
  place({ weight, tier, id }) {
    this.id = id
    this.weight = weight
    this.tier = tier
  }

  /** What one more call would have to wait for, compared with others. */
  get load() {
    // What was slow once must get another chance: nobody would find out that it is not any more.
    const cost = this.cost === 1 || now() > this.costUntil ? 1 : this.cost
    return (this.link.calls.pending / this.weight + 1) * cost
  }

  /** Measures how long `call` takes. */
  measure(call) {
    const begun = performance.now()
    this.sampledAt = begun
    const { callback } = call
    call.callback = (error, reply, metadata) => {
      if (this.sampledAt === begun) this.sampled(performance.now() - begun)
      callback(error, reply, metadata)
    }
  }

  get measuring() {
    return performance.now() - this.sampledAt < SAMPLE_TIMEOUT
  }

  sampled(milliseconds) {
    this.sampledAt = -Infinity
    this.latency = this.latency === 0 ? milliseconds : this.latency + (milliseconds - this.latency) * GAIN
    // Small differences are chance, and must not decide.
    this.cost = this.latency <= 1 ? 1 : 2 ** Math.round(Math.log2(this.latency))
    this.costUntil = now() + REMEMBERED
    // By Little's law calls in flight over the latency is what it answers in a millisecond; what it can, if there were enough of them.
    const rate = ((this.link?.calls.pending ?? 0) + 1) / (milliseconds + 0.01)
    this.rate = Math.max(rate, this.rate * SLOWER)
    this.share = Math.min(Math.max(Math.floor(this.rate * WORTH), 1), MOST_AT_ONCE)
  }

  // ---- an address that is connected and does not answer

  timedOut(count) {
    const { answered } = this.link === null ? this : this.link.calls
    if (answered !== this.answered) this.silent = 0
    this.answered = answered
    this.silent += count
    if (this.silent >= this.client.balance.ejectAfter && !this.ejected && !this.stopped) this.eject()
  }

  eject() {
    this.ejected = true
    log('rpc: %s is left out: %d calls timed out there without an answer', this.location, this.silent)
    this.client.stats.ejections++
    this.client.membersChanged()
    this.probeLater()
  }

  probeLater() {
    clearTimeout(this.probeTimer)
    const delay = Math.min(FIRST_PROBE * 2 ** Math.min(this.probes++, 10), LAST_PROBE)
    this.probeTimer = setTimeout(() => this.probe(), delay * (0.5 + Math.random() / 2)).unref()
  }

  /** Asks it how it is. Any answer that is not a "no" shows that it answers again. */
  probe() {
    const { link, client } = this
    if (link === null || this.stopped) return
    if (!link.roomy) return this.probeLater()
    const call = new Call(client.named(HEALTH_METHOD), Buffer.alloc(0), PROBE_TIMEOUT, (error, reply) => {
      if (link !== this.link || this.stopped) return
      const isWell = error ? error.code === 'IRONWIRE_RPC_UNKNOWN_METHOD' : isServing(reply)
      if (isWell) this.admit()
      else this.probeLater()
    })
    client.deadlines.add(call.deadline)
    const error = link.send(call)
    if (error !== undefined) this.probeLater()
  }

  /** It is well: another connection, or an answer. */
  admit() {
    clearTimeout(this.probeTimer)
    this.silent = 0
    this.probes = 0
    if (!this.ejected) return
    this.ejected = false
    log('rpc: %s is taken back', this.location)
    this.client.membersChanged()
  }

  linkReady(link) {
    this.answered = 0
    this.latency = 0
    this.cost = 1
    this.rate = 0
    this.share = 1
    this.admit()
    super.linkReady(link)
  }

  stop() {
    super.stop()
    clearTimeout(this.probeTimer)
  }

  /** It is no address of the client's any more: what is in flight there may end. */
  retire() {
    this.stop()
    if (this.link !== null) return this.link.retire()
    for (const link of this.client.links) {
      if (link.endpoint === this && link.peerMaxFrame === 0) link.destroy(null)
    }
  }
}

module.exports = { Member }
