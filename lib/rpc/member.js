'use strict'

// One address of a `BalancedClient`: measures its load, and takes it out of use while it does not answer.

const { performance } = require('node:perf_hooks')
const { setTimeout, clearTimeout } = require('node:timers')
const { Buffer } = require('node:buffer')
const { Call } = require('./calls')
const { Endpoint } = require('./endpoint')
const { HEALTH_METHOD, isServing } = require('./health')
const { now } = require('./tick')
const { log } = require('./log')

/** The weight of a new latency measurement in the moving average. */
const GAIN = 0.3

/** How long a measurement is used, in milliseconds. */
const REMEMBERED = 1000

/** `Member.share` is limited to what the server can answer in this many milliseconds, and to this many calls. */
const WORTH = 1
const MOST_AT_ONCE = 512

/** The factor by which the best known rate decays with each measurement. */
const SLOWER = 0.95

/** A measurement without a result after this many milliseconds is given up. */
const SAMPLE_TIMEOUT = 10_000

/**
 * An ejected address is probed after the first delay. The delay doubles up to the last one while the address does not
 * recover. All in milliseconds.
 */
const FIRST_PROBE = 1000
const LAST_PROBE = 30_000
const PROBE_TIMEOUT = 1000

/** One address of a client that has several: its connection and its load. */
class Member extends Endpoint {
  constructor(client, key, address) {
    super(client, address.place)
    this.key = key
    this.place(address)
    /**
     * The measured latency in milliseconds (one call is measured at a time), its factor in `load`, and until when that
     * factor is used.
     */
    this.latency = 0
    this.cost = 1
    this.costUntil = 0
    this.sampledAt = -Infinity
    /** The highest measured number of answers per millisecond, and how many calls in a row may go to this member. */
    this.rate = 0
    this.share = 1
    /**
     * The number of timeouts since the last answer of any kind, and the number of answers when a timeout was last
     * reported.
     */
    this.silent = 0
    this.answered = 0
    this.ejected = false
    this.probes = 0
    this.probeTimer = null
    /** The sum of the weights of the members in use, up to and including this one. */
    this.upTo = 0
    /** The credit in smooth weighted round-robin. */
    this.turn = 0
  }

  /** Sets the properties of an address that may change while it stays the same address. */
  place({ weight, tier, id }) {
    this.id = id
    this.weight = weight
    this.tier = tier
  }

  /** The relative cost of one more call here, compared with other members. */
  get load() {
    // A slow measurement expires, so that the server gets another chance and can show that it has recovered.
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
    // Round to powers of two: small differences are chance and must not decide.
    this.cost = this.latency <= 1 ? 1 : 2 ** Math.round(Math.log2(this.latency))
    this.costUntil = now() + REMEMBERED
    // By Little's law, calls in flight divided by the latency is the number of answers per millisecond. It is only a
    // lower bound of what the server can do, unless there were enough calls.
    const rate = ((this.link?.calls.pending ?? 0) + 1) / (milliseconds + 0.01)
    this.rate = Math.max(rate, this.rate * SLOWER)
    this.share = Math.min(Math.max(Math.floor(this.rate * WORTH), 1), MOST_AT_ONCE)
  }

  // ---- an address that is connected but does not answer

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

  /**
   * Calls the health method. The member is used again if it does not answer "not serving", or if it has no such method.
   */
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

  /** The address works again: it was reconnected, or it answered. */
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

  /** The address was removed from the client: calls in flight there may finish. */
  retire() {
    this.stop()
    if (this.link !== null) return this.link.retire()
    for (const link of this.client.links) {
      if (link.endpoint === this && link.peerMaxFrame === 0) link.destroy(null)
    }
  }
}

module.exports = { Member }
