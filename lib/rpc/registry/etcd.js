'use strict'

// etcd instead of the addressing server: the same interface as registry/client.js, for setups that have outgrown one
// machine.

const process = require('node:process')
const { Buffer } = require('node:buffer')
const { invalidArgType, makeError } = require('../../errors')
const { answered } = require('../../etcd/answered')
const { Client } = require('../../etcd/client')
const { Emitter } = require('../../etcd/emitter')
const { Lease } = require('../../etcd/lease')
const { unauthenticated } = require('../errors')
const { Backoff, checkService, closeAll, readInstance } = require('./client')
const { clock } = require('./clock')
const { keyOf, prefixOf, textOf, instanceOf } = require('./naming')

/** The timeout of a request, in milliseconds. */
const TIMEOUT = 10_000

/** The number of keys read at once. */
const PAGE = 1000

const ZERO = Buffer.from([0])

/** Errors that stay the same however often the request is repeated. */
const FINAL = new Set([
  'IRONWIRE_ETCD_REFUSED',
  'IRONWIRE_ETCD_DENIED',
  'IRONWIRE_ETCD_UNAUTHENTICATED',
  'IRONWIRE_RPC_UNAUTHENTICATED',
])

/** Converts an authentication error into the one that clients of the addressing server get. */
function asRegistry(error) {
  const { code, message } = error
  return code === 'IRONWIRE_ETCD_UNAUTHENTICATED' || code === 'IRONWIRE_ETCD_DENIED' ? unauthenticated(message) : error
}

/** An instance that stays registered until it is closed. */
class Registration extends Emitter {
  constructor(registry, service, { instance, lease_ms: lease }) {
    super()
    this.registry = registry
    this.service = service
    this.instance = instance
    this.key = keyOf(service, instance.id)
    this.value = textOf(instance)
    this.registered = false
    /** Whether it has been registered before. */
    this.wasThere = false
    this.closed = false
    this.backoff = new Backoff(clock)
    this.timer = null
    /** The leases that this registration has had. A key with any other lease belongs to another process. */
    this.leases = new Set()
    this.lease = new Lease(registry.client, Math.ceil(lease / 1000))
    this.lease.on('granted', () => this.say())
    this.lease.on('lost', () => this.lost())
    this.lease.on('retry', (error) => this.again(error))
    this.lease.begin()
  }

  get id() {
    return this.instance.id
  }

  /** Writes the key: the first time over an existing one, later only if the key does not exist. */
  say() {
    clock.clearTimeout(this.timer)
    const { key, value, lease, leases } = this
    const { client } = this.registry
    if (this.closed || lease.id === null) return
    const { id } = lease
    const compare = this.wasThere ? [{ key, version: 0 }] : []
    const transaction = { compare, success: [{ put: key, value, lease: id }], failure: [{ get: key }] }
    leases.add(id)
    client.txn(transaction, { idempotent: true }, (error, reply) => {
      if (this.closed || id !== lease.id) return
      if (error?.code === 'IRONWIRE_ETCD_LEASE_NOT_FOUND') return lease.onLost()
      if (error !== null) return this.again(error, () => this.say())
      const [there] = reply.succeeded ? [] : reply.results[0].entries
      if (there !== undefined && !leases.has(there.lease)) return this.replaced()
      if (there !== undefined && there.lease !== id) return this.again(stale(), () => this.say())
      this.backoff.failures = 0
      this.wasThere = true
      this.registered = true
      this.emit('registered')
    })
  }

  again(given, action) {
    const error = asRegistry(given)
    if (FINAL.has(error.code)) return this.fail(error)
    if (action !== undefined) this.timer = clock.setTimeout(action, this.backoff.next())
    this.emit('retry', error)
  }

  lost() {
    if (!this.registered) return
    this.registered = false
    this.emit('lost')
  }

  replaced() {
    const message = `Another process has registered "${this.service}" under the id ${this.id}`
    this.fail(makeError(Error, 'IRONWIRE_REGISTRY_REPLACED', message))
  }

  fail(error) {
    this.end()
    this.lease.end()
    this.emit('error', error)
  }

  end() {
    this.closed = true
    clock.clearTimeout(this.timer)
    this.registry.registrations.delete(this)
    this.release()
  }

  /** Removes the registration. Calls back when etcd has done it, or with an error; the lease then expires by itself. */
  close(callback) {
    return answered(callback, (answer) => {
      if (this.closed) return process.nextTick(answer, null)
      this.end()
      this.lease.revoke((error) => {
        this.emit('close')
        answer(error)
      })
    })
  }
}

const stale = () => makeError(Error, 'IRONWIRE_REGISTRY_STALE', 'The registration of the previous lease is still there')

/** Watches a service's instances. `onChange(instances, epoch)` is called whenever they change. */
class Watch {
  constructor(registry, service, onChange, onError) {
    this.registry = registry
    this.prefix = prefixOf(service)
    this.onChange = onChange
    this.onError = onError
    this.instances = new Map()
    this.backoff = new Backoff(clock)
    this.timer = null
    this.watcher = null
    this.closed = false
  }

  begin() {
    const watcher = this.registry.client.watch({ prefix: this.prefix }, { initial: true })
    this.watcher = watcher
    watcher.on('reset', (entries) => {
      this.instances.clear()
      for (const entry of entries) this.put(entry)
      this.backoff.failures = 0
      this.tell()
    })
    watcher.on('events', (events) => {
      for (const { type, entry } of events) {
        if (type === 'put') this.put(entry)
        else this.instances.delete(String(entry.key))
      }
      this.tell()
    })
    watcher.on('retry', (error) => this.onError(error))
    watcher.on('disconnect', (error) => this.onError(error))
    watcher.on('error', (error) => {
      // The watch starts again later, because passwords and permissions may change.
      this.timer = clock.setTimeout(() => this.begin(), this.backoff.next())
      this.onError(asRegistry(error))
    })
    return this
  }

  put(entry) {
    const instance = instanceOf(entry, this.prefix)
    if (instance === null) this.instances.delete(String(entry.key))
    else this.instances.set(String(entry.key), instance)
  }

  tell() {
    this.onChange([...this.instances.values()], String(this.watcher.clusterId))
  }

  close() {
    this.closed = true
    clock.clearTimeout(this.timer)
    this.watcher.close()
    this.registry.watches.delete(this)
  }
}

class EtcdRegistry extends Emitter {
  /** `endpoints` and `options` as in `etcd.connect`. `host` is the default host of registered instances, or null. */
  constructor(endpoints, options, host = null) {
    super()
    this.client = new Client(endpoints, { timeout: TIMEOUT, ...options })
    this.clock = clock
    this.host = host
    this.registrations = new Set()
    this.watches = new Set()
    for (const event of ['connect', 'disconnect']) this.client.on(event, (...args) => this.emit(event, ...args))
  }

  register(service, instance) {
    const registration = new Registration(this, checkService(service), readInstance(instance, this.host))
    this.registrations.add(registration)
    return registration
  }

  watch(service, onChange, onError = () => {}) {
    checkService(service)
    if (typeof onChange !== 'function') throw invalidArgType('onChange', 'of type function', onChange)
    const watch = new Watch(this, service, onChange, onError)
    this.watches.add(watch)
    return watch.begin()
  }

  /** All services: `[{ name, instances }]`. etcd has no list of services, so this reads all keys. */
  list(callback) {
    return answered(callback, (answer) => {
      const counts = new Map()
      const page = (range, revision) => {
        this.client.range(range, { limit: PAGE, revision }, (error, reply) => {
          if (error !== null) return answer(error)
          for (const entry of reply.entries) count(counts, entry)
          const last = reply.entries.at(-1)
          if (reply.more && last !== undefined) {
            return page({ from: Buffer.concat([last.key, ZERO]) }, revision ?? reply.revision)
          }
          answer(
            null,
            [...counts].map(([name, instances]) => ({ name, instances })),
          )
        })
      }
      page({ prefix: '' })
    })
  }

  /** Removes all registrations and ends. */
  close(callback) {
    return answered(callback, (answer) => {
      for (const watch of this.watches) watch.close()
      closeAll(this.registrations, () => {
        this.client.close()
        this.release()
        process.nextTick(answer, null)
      })
    })
  }

  /** Ends at once. Registrations stay until their leases expire. */
  destroy() {
    for (const watch of this.watches) watch.close()
    for (const registration of this.registrations) registration.end()
    this.client.close()
    this.release()
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

function count(counts, entry) {
  const key = String(entry.key)
  const slash = key.lastIndexOf('/')
  if (slash < 1 || instanceOf(entry, '') === null) return
  const name = key.slice(0, slash)
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

module.exports = { EtcdRegistry }
