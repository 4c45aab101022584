'use strict'

// One address of a server and the connection to it, which is re-established when it is lost.

const dns = require('node:dns')
const process = require('node:process')
const { setTimeout, clearTimeout } = require('node:timers')
const { isIP } = require('node:net')
const { Link } = require('./link')
const { textOfTarget } = require('./target')
const { now } = require('./tick')
const { log } = require('./log')
const errors = require('./errors')
const transport = require('./transport')

/**
 * Reports to its client: a link is ready (`endpointReady`), it has ended (`endpointLost`), another attempt follows
 * (`endpointRetries`), no attempt follows (`endpointFailed`), waiting is useless for now (`endpointDead`).
 */
class Endpoint {
  /** `target` is `{ host, port }` or `{ path }`. */
  constructor(client, target) {
    this.client = client
    this.target = target
    /** The link that new calls are sent on; null while there is none. */
    this.link = null
    /** The number of failed attempts since the last good connection. */
    this.attempts = 0
    this.timer = null
    /** When the link became ready. */
    this.readyAt = 0
    /** Why there is no connection. */
    this.error = null
    /** Whether it has stopped making attempts. */
    this.stopped = false
    /**
     * Whether waiting is useless: TLS fails with this server, or the client gave up on it (no rpc server there, or all
     * attempts failed).
     */
    this.dead = false
    /** The TLS settings and the expected identity of the server; null without TLS. */
    this.tls = tlsOf(client.options.tls, target)
  }

  /** The target as text. */
  get location() {
    return textOfTarget(this.target)
  }

  attempt() {
    this.timer = null
    resolve(this.target, (error, addresses) => {
      if (this.stopped || this.client.closed) return
      if (error) this.failed(error)
      else this.tryAddress(addresses, 0)
    })
  }

  /** Tries one address after the other. `link.next` tries the next one when this one fails. */
  tryAddress(addresses, index) {
    const { client } = this
    const link = this.createLink()
    link.next = index + 1 < addresses.length ? () => this.tryAddress(addresses, index + 1) : null
    client.links.add(link)
    this.connect(link, addresses[index])
    if (!client.refed) link.wire?.unref()
  }

  createLink() {
    return new Link(this.client, this)
  }

  connect(link, address) {
    link.wire = transport.connect(address, link, this.client.options, this.tls)
    link.expect('The server did not take the connection')
  }

  linkReady(link) {
    if (this.client.closed) return
    // The address was removed while it connected.
    if (this.stopped) return link.destroy(null)
    this.attempts = 0
    this.error = null
    this.dead = false
    this.readyAt = now()
    this.link = link
    log('rpc: connected to %s, which speaks version %d', this.location, link.version)
    this.client.endpointReady(this)
  }

  /** The server said goodbye: calls in flight finish on this link, new calls need another connection. */
  linkRetires(link) {
    if (this.link !== link) return
    this.link = null
    this.lost(errors.protocol('The server asks its clients to reconnect'), true)
  }

  linkEnded(link, error) {
    const { client } = this
    client.links.delete(link)
    const current = this.link === link
    if (current) {
      this.link = null
      this.lost(error)
    } else if (client.resting) client.rest()
    else if (link.retiring || this.stopped) return
    else if (link.next !== null) link.next()
    else this.failed(error, link.foreign)
  }

  lost(error, atOnce = false) {
    log('rpc: the connection to %s is lost: %s', this.location, error.message)
    this.client.endpointLost(this, error)
    if (this.client.resting) this.client.rest()
    else if (!this.stopped) this.failed(error, '', atOnce)
  }

  /**
   * `foreign` says what the peer does not speak. If it is not empty, the endpoint gives up, as it does with a wrong
   * secret. With `atOnce` the first attempt is made without a delay, because the server, or its successor, is probably
   * there.
   */
  failed(error, foreign = '', atOnce = false) {
    const isForeign = foreign !== ''
    if (isForeign) error = errors.protocol(`The server at ${this.location} ${foreign}`, error)
    this.error = error
    const { client } = this
    const { reconnect } = client.options
    if (errors.isTlsFailure(error) && reconnect !== null && this.attempts < reconnect.maxAttempts) {
      // The certificate may be replaced later, but probably not before the next attempt, so calls do not wait for it.
      this.dead = true
      client.endpointDead(error)
      return this.retry(jittered(reconnect.maxDelay))
    }
    if (isForeign || errors.isUnauthenticated(error) || reconnect === null || this.attempts >= reconnect.maxAttempts) {
      this.stopped = true
      log('rpc: no more attempts at %s: %s', this.location, error.message)
      return client.endpointFailed(this, error)
    }
    // Not if connections end as soon as they are made.
    if (atOnce && now() - this.readyAt > reconnect.initialDelay) return this.retry(0)
    const ceiling = Math.min(reconnect.maxDelay, reconnect.initialDelay * 2 ** Math.min(this.attempts, 30))
    this.retry(jittered(ceiling))
  }

  retry(delay) {
    const { client } = this
    this.attempts++
    log('rpc: attempt %d at %s comes in %d ms: %s', this.attempts, this.location, delay, this.error.message)
    this.timer = setTimeout(() => this.attempt(), delay)
    if (!client.refed) this.timer.unref()
    client.endpointRetries(this, { attempt: this.attempts, delay, error: this.error })
  }

  /** `_count` calls have timed out. */
  timedOut(_count) {}

  /** Makes no further attempts. The current link stays. */
  stop() {
    this.stopped = true
    clearTimeout(this.timer)
    this.timer = null
  }
}

/** A random delay in the upper half, so that clients that lost one server do not all come back at the same time. */
const jittered = (ceiling) => Math.round(ceiling * (0.5 + Math.random() / 2))

/**
 * The TLS settings for a target, if the client's option or the target asks for TLS. When a name resolves to several
 * addresses, each must present a certificate for that name.
 */
function tlsOf(option, { host = 'localhost', tls = false, servername = host }) {
  if (option === null && tls) return require('./tls').defaultTls().towards(servername)
  return option === null ? null : option.towards(servername)
}

/** Resolves a target to its addresses, in the order in which to try them. */
function resolve(target, callback) {
  const { path, host, port } = target
  if (path !== undefined) return process.nextTick(callback, null, [{ path }])
  if (isIP(host)) return process.nextTick(callback, null, [{ host, port }])
  dns.lookup(host, { all: true, verbatim: true }, (error, found) => {
    if (error) return callback(error)
    callback(
      null,
      found.map(({ address }) => ({ host: address, port })),
    )
  })
}

module.exports = { Endpoint }
