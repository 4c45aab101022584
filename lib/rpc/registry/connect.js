'use strict'

// Ways to a registry: a client of one's own, and one that the resolvers of a process share.

const { invalidArgValue } = require('../../errors')
const { refuseUnknown } = require('../../options')
const { checkObject } = require('../options')
const { sameSecrets } = require('../secret')
const { Client } = require('../client')
const { RegistryClient } = require('./client')
const { target: readTarget, textOfTarget, DEFAULT_REGISTRY_PORT } = require('../target')

/** A registry that is silent for so long is gone; one that comes back is found soon. */
const OPTIONS = {
  timeout: 5000,
  pingInterval: 5000,
  pingTimeout: 5000,
  reconnect: { initialDelay: 50, maxDelay: 2000 },
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1'])

function registryOf(target = `registry://localhost:${DEFAULT_REGISTRY_PORT}`) {
  const { registry, service } = readTarget(target)
  if (registry !== undefined && service === '') return registry
  throw invalidArgValue('target', target, "must name a registry, 'registry://host:port'")
}

/** What others on this machine call it. Who talks to a registry elsewhere has to say where it is itself. */
const hostFor = (registry) => (LOOPBACK.has(registry.host) ? '127.0.0.1' : null)

function connectRegistry(target, options = {}) {
  const registry = registryOf(target)
  refuseUnknown(checkObject(options), ['secret', 'tls'])
  const client = new Client(registry, { ...OPTIONS, ...options })
  const connected = new RegistryClient(client, { host: hostFor(registry) })
  for (const event of ['connect', 'disconnect', 'reconnect', 'error']) {
    client.on(event, (...args) => connected.emit(event, ...args))
  }
  return connected
}

/** Those that are in use. */
const inUse = new Set()

const sameTls = (one, other) => (one === null || other === null ? one === other : one.isLike(other))

/**
 * A client of `registry` that others with the same secret and TLS may use as well, until each has given it back. It never keeps the process running, nor gives up:
 * nobody would make another one in its place.
 */
function borrowRegistry(registry, { secret, tls }, BalancedClient) {
  const place = textOfTarget(registry)
  let entry
  for (const one of inUse) {
    if (one.place === place && sameSecrets(one.secret, secret) && sameTls(one.tls, tls)) entry = one
  }
  if (entry === undefined) {
    const options = { ...OPTIONS, ...(secret !== null && { secret }), ...(tls !== null && { tls }) }
    const client = new BalancedClient({ list: [registry] }, options).unref()
    entry = { place, secret, tls, users: 0, connected: new RegistryClient(client) }
    inUse.add(entry)
  }
  entry.users++
  let isOurs = true
  return {
    connected: entry.connected,
    giveBack() {
      if (!isOurs) return
      isOurs = false
      if (--entry.users > 0) return
      inUse.delete(entry)
      entry.connected.destroy()
    },
  }
}

module.exports = { connectRegistry, borrowRegistry }
