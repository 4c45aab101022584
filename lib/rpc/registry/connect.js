'use strict'

// Ways to a registry: a client of one's own, and one that the resolvers of a process share.

const { invalidArgValue } = require('../../errors')
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

function connectRegistry(target) {
  const registry = registryOf(target)
  const client = new Client(registry, OPTIONS)
  const connected = new RegistryClient(client, { host: hostFor(registry) })
  for (const event of ['connect', 'disconnect', 'reconnect', 'error']) {
    client.on(event, (...args) => connected.emit(event, ...args))
  }
  return connected
}

/** Those that are in use, by address. */
const inUse = new Map()

/** A client of `registry` that others may use as well, until each has given it back. It never keeps the process running. */
function borrowRegistry(registry) {
  const key = textOfTarget(registry)
  let entry = inUse.get(key)
  if (entry === undefined) {
    const client = new Client(registry, OPTIONS).unref()
    // Each watch hears of it, too: its calls fail.
    client.on('error', () => {
      if (inUse.get(key) === entry) inUse.delete(key)
    })
    entry = { users: 0, connected: new RegistryClient(client) }
    inUse.set(key, entry)
  }
  entry.users++
  let isOurs = true
  return {
    connected: entry.connected,
    giveBack() {
      if (!isOurs) return
      isOurs = false
      if (--entry.users > 0) return
      if (inUse.get(key) === entry) inUse.delete(key)
      entry.connected.destroy()
    },
  }
}

module.exports = { connectRegistry, borrowRegistry }
