'use strict'

// Creates clients of a registry: one for a program, and one that all resolvers of a process share.

const { invalidArgValue } = require('../../errors')
const { refuseUnknown } = require('../../options')
const { checkObject } = require('../options')
const { sameSecrets } = require('../secret')
const { Client } = require('../client')
const { RegistryClient } = require('./client')
const { target: readTarget, textOfTarget, masked, DEFAULT_REGISTRY_PORT } = require('../target')

/** A registry that is silent for this long counts as gone, and one that comes back is found soon. */
const OPTIONS = {
  timeout: 5000,
  pingInterval: 5000,
  pingTimeout: 5000,
  reconnect: { initialDelay: 50, maxDelay: 2000 },
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1'])

/**
 * The default host of instances. With a registry on this machine it is the loopback address; with another registry the
 * program must name a host.
 */
const hostFor = (places) => (places.every(({ host }) => LOOPBACK.has(host)) ? '127.0.0.1' : null)

function connectRegistry(target = `registry://localhost:${DEFAULT_REGISTRY_PORT}`, options = {}) {
  const { registry, etcd, service } = readTarget(target)
  if (service !== '') {
    const forms = "'registry://host:port' or 'etcd://host:port'"
    throw invalidArgValue('target', masked(target), `must name a registry, ${forms}`)
  }
  if (etcd !== undefined) return connectEtcd(etcd, checkObject(options), hostFor(etcd.places))
  refuseUnknown(checkObject(options), ['secret', 'tls'])
  const client = new Client(registry, { ...OPTIONS, ...options })
  const connected = new RegistryClient(client, { host: hostFor([registry]) })
  for (const event of ['connect', 'disconnect', 'reconnect', 'error']) {
    client.on(event, (...args) => connected.emit(event, ...args))
  }
  return connected
}

/** Loaded only when needed, because it loads gRPC. */
function connectEtcd(etcd, options, host) {
  const { EtcdRegistry } = require('./etcd')
  return new EtcdRegistry(etcd, options, host)
}

/** The shared clients in use. */
const inUse = new Set()

const sameTls = (one, other) => (one === null || other === null ? one === other : one.isLike(other))

/**
 * Borrows a client of the registry at `place`, shared by all users with the same secret and TLS settings until each has
 * given it back. It does not keep the process running.
 */
function borrow(place, secret, tls, connect) {
  let entry
  for (const one of inUse) {
    if (one.place === place && sameSecrets(one.secret, secret) && sameTls(one.tls, tls)) entry = one
  }
  if (entry === undefined) {
    entry = { place, secret, tls, users: 0, connected: connect() }
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

function borrowRegistry(registry, { secret, tls }, BalancedClient) {
  return borrow(textOfTarget(registry), secret, tls, () => {
    const options = { ...OPTIONS, ...(secret !== null && { secret }), ...(tls !== null && { tls }) }
    return new RegistryClient(new BalancedClient({ list: [registry] }, options).unref())
  })
}

function borrowEtcd(etcd, { tls }) {
  return borrow(JSON.stringify(etcd), null, tls, () => {
    return connectEtcd(etcd, tls === null ? {} : { tls }, null).unref()
  })
}

module.exports = { connectRegistry, borrowRegistry, borrowEtcd }
