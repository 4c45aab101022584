'use strict'

// One place where a server is reached, and the connection to it, which comes back by itself.

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
 * Its client is told of a link that is ready (`endpointReady`), of the end of that (`endpointLost`), of another attempt to come
 * (`endpointRetries`) and that none will (`endpointFailed`).
 */
class Endpoint {
  /** `target` is `{ host, port }` or `{ path }`. */
  constructor(client, target) {
    this.client = client
    this.target = target
    /** The link that new calls go out on; null while there is none. */
    this.link = null
    /** Failed attempts since the last good connection. */
    this.attempts = 0
    this.timer = null
    /** When the link was ready. */
    this.readyAt = 0
    /** Why there is no connection. */
    this.error = null
    /** It makes no further attempts. */
    this.stopped = false
    /** There is no use in waiting: nobody there speaks rpc, there is no TLS with whom it should be, or all attempts failed. */
    this.dead = false
    /** How TLS with it is made, and who it has to be; null for none. */
    this.tls = tlsOf(client.options.tls, target)
  }

  /** As text. */
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

  /** Tries one address after the other; the link knows what to do when it fails. */
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
    // It was taken out while it connected.
    if (this.stopped) return link.destroy(null)
    this.attempts = 0
    this.error = null
    this.dead = false
    this.readyAt = now()
    this.link = link
    log('rpc: connected to %s, which speaks version %d', this.location, link.version)
    this.client.endpointReady(this)
  }

  /** The server has said farewell: calls in flight finish there, new ones need another connection. */
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
   * `foreign`: what whoever answers there does not speak, and will hardly learn, no more than one that does not know the secret. `atOnce`: the first
   * attempt has nothing to wait for, as the server, or another one in its place, is most likely there.
   */
  failed(error, foreign = '', atOnce = false) {
    const isForeign = foreign !== ''
    if (isForeign) error = errors.protocol(`The server at ${this.location} ${foreign}`, error)
    this.error = error
    const { client } = this
    const { reconnect } = client.options
    if (errors.isTlsFailure(error) && reconnect !== null && this.attempts < reconnect.maxAttempts) {
      // A certificate may be replaced, but hardly by the next attempt: calls do not wait for that.
      this.dead = true
      client.endpointDead(error)
      return this.retry(jittered(reconnect.maxDelay))
    }
    if (isForeign || errors.isUnauthenticated(error) || reconnect === null || this.attempts >= reconnect.maxAttempts) {
      this.stopped = true
      log('rpc: no more attempts at %s: %s', this.location, error.message)
      return client.endpointFailed(this, error)
    }
    // Not where connections end as soon as they are made.
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

  /** So many calls have had no answer in time. */
  timedOut(_count) {}

  /** Makes no further attempts. Its link stays. */
  stop() {
    this.stopped = true
    clearTimeout(this.timer)
    this.timer = null
  }
}

/** Anything in the upper half: clients that lost one server together do not come back together. */
const jittered = (ceiling) => Math.round(ceiling * (0.5 + Math.random() / 2))

/** TLS with a target, where the client's option or the target asks for it. A name that leads to addresses is what each of them has to be. */
function tlsOf(option, { host = 'localhost', tls = false, servername = host }) {
  if (option === null && tls) return require('./tls').defaultTls().towards(servername)
  return option === null ? null : option.towards(servername)
}

/** Gives the addresses of a target, in the order to try them. */
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
