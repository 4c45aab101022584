'use strict'

// A client of the addressing server: registers what this process serves, keeps the registration alive, and watches what
// others serve.

const process = require('node:process')
const { randomUUID } = require('node:crypto')
const { EventEmitter } = require('node:events')
const { invalidArgType, invalidArgValue, makeError } = require('../../errors')
const { refuseUnknown } = require('../../options')
const { checkObject, integer } = require('../options')
const { registryMessages } = require('./messages')
const { clock: realClock } = require('./clock')

/** The lease in milliseconds, unless the instance says otherwise. Without renewal, the registration ends after it. */
const DEFAULT_LEASE = 15_000

/** The timeout of a call, in milliseconds. */
const CALL_TIMEOUT = 5000

/** How long the registry holds a watch request, and how much longer its answer may take, in milliseconds. */
const WATCH_FOR = 30_000
const WATCH_GRACE = 5000

/** The pause between two watch requests in milliseconds, so that changes in quick succession arrive together. */
const WATCH_PAUSE = 50

/** The pause before another attempt doubles, in milliseconds. Half of it is random. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000

/** The number of leases renewed in one message. */
const LEASES_A_CALL = 200

/** Errors that stay the same however often the call is repeated. */
const FINAL = new Set(['IRONWIRE_REGISTRY_INVALID', 'IRONWIRE_RPC_UNKNOWN_METHOD', 'IRONWIRE_RPC_UNAUTHENTICATED'])

/** The pauses between attempts. */
class Backoff {
  constructor(clock) {
    this.clock = clock
    this.failures = 0
  }

  next() {
    const ceiling = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.failures++, 20))
    return Math.round(ceiling * (0.5 + this.clock.random() / 2))
  }
}

function readInstance(given, defaultHost) {
  checkObject(given, 'instance')
  refuseUnknown(given, ['id', 'address', 'host', 'port', 'weight', 'zone', 'metadata', 'lease'], 'instance')
  const { id = randomUUID(), zone = '', metadata = {} } = given
  for (const [name, value] of Object.entries({ id, zone })) {
    if (typeof value !== 'string') throw invalidArgType(`instance.${name}`, 'of type string', value)
  }
  for (const [key, value] of Object.entries(checkObject(metadata, 'instance.metadata'))) {
    if (typeof value !== 'string') throw invalidArgType(`instance.metadata.${key}`, 'of type string', value)
  }
  return {
    instance: {
      id,
      address: readAddress(given, defaultHost),
      weight: integer(given, 'weight', 1, 0, 65535, 'instance'),
      zone,
      metadata,
    },
    lease_ms: integer(given, 'lease', DEFAULT_LEASE, 1, 2 ** 31 - 1, 'instance'),
  }
}

/**
 * The address that others connect to, as text. Checked here, so that an error shows up now and not in the clients that
 * connect.
 */
function readAddress({ address, host, port }, defaultHost) {
  const { directTarget, textOfTarget } = require('../target')
  if (address !== undefined) {
    if (typeof address !== 'string') throw invalidArgType('instance.address', 'of type string', address)
    return textOfTarget(directTarget(address, 'instance.address'))
  }
  if (host === undefined && defaultHost === null) {
    throw invalidArgValue('instance.host', host, 'must be given: it is where other machines reach this one')
  }
  return textOfTarget(directTarget({ host: host ?? defaultHost, port }, 'instance'))
}

/** An instance that stays registered until it is closed. */
class Registration extends EventEmitter {
  constructor(registry, service, { instance, lease_ms: lease }) {
    super()
    this.registry = registry
    this.service = service
    this.instance = instance
    this.lease = lease
    /** Distinguishes this registration from others with the same id. */
    this.owner = randomUUID()
    this.registered = false
    this.closed = false
    this.backoff = new Backoff(registry.clock)
    this.timer = null
  }

  get id() {
    return this.instance.id
  }

  get key() {
    return { service: this.service, id: this.id, owner: this.owner }
  }

  /** Registers the instance, and repeats it until the registry has answered. */
  say() {
    this.timer = null
    const request = { service: this.service, instance: this.instance, lease_ms: this.lease, owner: this.owner }
    this.registry.ask('Register', request, CALL_TIMEOUT, (error, reply) => {
      if (this.closed) return
      if (error && FINAL.has(error.code)) return this.fail(error)
      if (error) {
        this.emit('retry', error)
        this.timer ??= this.registry.clock.setTimeout(() => this.say(), this.backoff.next())
        return
      }
      this.backoff.failures = 0
      this.lease = reply.lease_ms
      this.registered = true
      this.registry.keepAliveIn(reply.lease_ms)
      this.emit('registered')
    })
  }

  /** The registry does not know the registration any more. */
  lost() {
    if (this.closed || !this.registered) return
    this.registered = false
    this.emit('lost')
    this.say()
  }

  replaced() {
    if (this.closed || !this.registered) return
    const message = `Another process has registered "${this.service}" under the id ${this.id}`
    this.fail(makeError(Error, 'IRONWIRE_REGISTRY_REPLACED', message))
  }

  fail(error) {
    this.end()
    this.emit('error', error)
  }

  end() {
    this.closed = true
    this.registry.clock.clearTimeout(this.timer)
    this.registry.registrations.delete(this)
  }

  /**
   * Removes the registration. Calls back when the registry has done it, or with an error; the lease then expires by
   * itself.
   */
  close(callback) {
    if (callback === undefined) {
      return new Promise((resolve, reject) => this.close((error) => (error ? reject(error) : resolve())))
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    if (this.closed) return process.nextTick(callback, null)
    this.end()
    this.registry.ask('Deregister', this.key, CALL_TIMEOUT, (error) => {
      this.emit('close')
      callback(error)
    })
  }
}

/** Watches a service's instances. `onChange(instances, epoch)` is called whenever they change. */
class Watch {
  constructor(registry, service, onChange, onError) {
    this.registry = registry
    this.service = service
    this.onChange = onChange
    this.onError = onError
    this.epoch = ''
    this.revision = 0
    this.backoff = new Backoff(registry.clock)
    this.timer = null
    this.closed = false
  }

  look() {
    this.timer = null
    const { service, epoch, revision } = this
    const request = { service, epoch, revision, wait_ms: WATCH_FOR }
    this.registry.ask('Watch', request, WATCH_FOR + WATCH_GRACE, (error, reply) => {
      if (this.closed) return
      if (error) {
        this.again(this.backoff.next())
        return this.onError(error)
      }
      this.backoff.failures = 0
      this.again(WATCH_PAUSE)
      if (reply.unchanged) return
      this.epoch = reply.epoch
      this.revision = reply.revision ?? 0
      this.onChange((reply.instances ?? []).map(instanceOf), reply.epoch)
    })
  }

  again(pause) {
    this.timer = this.registry.clock.setTimeout(() => this.look(), pause)
  }

  close() {
    this.closed = true
    this.registry.clock.clearTimeout(this.timer)
    this.registry.watches.delete(this)
  }
}

/** Fills in the defaults of omitted fields. */
function instanceOf({ id, address, weight = 1, zone = '', metadata = {} }) {
  return { id, address, weight, zone, metadata: { ...metadata } }
}

/** A client of one registry. */
class RegistryClient extends EventEmitter {
  /**
   * `client` is an rpc client of the registry, or any object with the same `call`. `host` is the default host of
   * registered instances, or null.
   */
  constructor(client, { clock = realClock, host = null } = {}) {
    super()
    this.client = client
    this.clock = clock
    this.host = host
    this.registrations = new Set()
    this.watches = new Set()
    this.timer = null
    this.closed = false
    // The registry may have forgotten registrations while it was away, so they are renewed at once.
    client.on('connect', () => this.keepAlive())
  }

  /**
   * Registers an instance of `service`, and keeps it registered while this process lives or until the registration is
   * closed.
   */
  register(service, instance) {
    const registration = new Registration(this, checkService(service), readInstance(instance, this.host))
    this.registrations.add(registration)
    registration.say()
    return registration
  }

  /**
   * Calls `onChange(instances, epoch)` with all instances of a service, now and whenever they change. Returns an object
   * with `close()`.
   */
  watch(service, onChange, onError = () => {}) {
    checkService(service)
    if (typeof onChange !== 'function') throw invalidArgType('onChange', 'of type function', onChange)
    const watch = new Watch(this, service, onChange, onError)
    this.watches.add(watch)
    watch.look()
    return watch
  }

  /** All services: `[{ name, instances }]`. */
  list(callback) {
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.list((error, services) => (error ? reject(error) : resolve(services)))
      })
    }
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    this.ask('List', {}, CALL_TIMEOUT, (error, reply) =>
      error ? callback(error) : callback(null, reply.services ?? []),
    )
  }

  ask(name, request, timeout, callback) {
    const { path, requestType, responseType } = registryMessages().methods[name]
    this.client.call(path, requestType.encode(request), { timeout }, (error, body) => {
      if (error) return callback(error)
      let reply
      try {
        reply = responseType.decode(body)
      } catch (cause) {
        return callback(cause)
      }
      callback(null, reply)
    })
  }

  /**
   * Schedules the next renewal at about a quarter of the lease, so that three messages may be lost before it expires.
   */
  keepAliveIn(lease) {
    const pause = Math.max(Math.floor((lease / 4) * (0.8 + this.clock.random() / 5)), 1)
    const at = this.clock.now() + pause
    if (this.timer !== null && this.timer.at <= at) return
    this.dropTimer()
    this.timer = { at, handle: this.clock.setTimeout(() => this.keepAlive(), pause) }
  }

  dropTimer() {
    if (this.timer !== null) this.clock.clearTimeout(this.timer.handle)
    this.timer = null
  }

  keepAlive() {
    this.dropTimer()
    const kept = [...this.registrations].filter((registration) => registration.registered)
    for (let i = 0; i < kept.length; i += LEASES_A_CALL) this.extend(kept.slice(i, i + LEASES_A_CALL))
    if (kept.length > 0) this.keepAliveIn(Math.min(...kept.map(({ lease }) => lease)))
  }

  extend(registrations) {
    const leases = registrations.map(({ key }) => key)
    // After an error there is nothing to do: the next renewal follows.
    this.ask('KeepAlive', { leases }, CALL_TIMEOUT, (error, reply) => {
      if (error) return
      const { UNKNOWN, REPLACED } = registryMessages().messages.KeepAliveReply.Status
      registrations.forEach((registration, i) => {
        if (reply.statuses[i] === UNKNOWN) registration.lost()
        else if (reply.statuses[i] === REPLACED) registration.replaced()
      })
    })
  }

  /** Removes all registrations and ends. */
  close(callback) {
    if (callback === undefined) return new Promise((resolve) => this.close(() => resolve()))
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
    this.closed = true
    this.dropTimer()
    for (const watch of this.watches) watch.close()
    closeAll(this.registrations, () => {
      this.client.destroy()
      process.nextTick(callback)
    })
  }

  /** Ends at once. Registrations stay until their leases expire. */
  destroy() {
    this.closed = true
    this.dropTimer()
    for (const watch of this.watches) watch.close()
    for (const registration of this.registrations) registration.end()
    this.client.destroy()
    return this
  }

  ref() {
    this.client.ref()
    return this
  }

  unref() {
    this.client.unref()
    return this
  }
}

/** Closes registrations, and calls `done` when all are closed. */
function closeAll(registrations, done) {
  const open = [...registrations]
  let left = open.length + 1
  const one = () => {
    if (--left === 0) done()
  }
  for (const registration of open) registration.close(one)
  one()
}

function checkService(service) {
  if (typeof service !== 'string') throw invalidArgType('service', 'of type string', service)
  if (service === '') throw invalidArgValue('service', service, 'must have a name')
  return service
}

module.exports = { RegistryClient, Backoff, checkService, closeAll, readInstance }
