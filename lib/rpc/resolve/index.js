'use strict'

// Resolvers turn what a client is pointed at into addresses, which may change.
//
// A resolver is an object with `resolve(update)`. It calls `update(null, addresses)` with all current addresses, now or
// later, and again whenever they change. It calls `update(error)` when it cannot tell; the known addresses then stay.
// It returns an object with `close()`, and with `refresh()` if it can look again earlier than planned. An address is `{
// host, port }`, `{ path }` or `{ address }` (as text), with optional `weight`, `zone`, `priority` and `id`.

const { ListResolver } = require('./list')
const { DnsResolver, SrvResolver } = require('./dns')
const { RegistryResolver } = require('./registry')
const { borrowEtcd, borrowRegistry } = require('../registry/connect')

/**
 * The resolver for a target as `target.js` returns it; null for a single place, which needs none. `BalancedClient`,
 * which is needed to reach a registry, is passed in because it depends on this module.
 */
function resolverOf(target, { registrySecret, tls, registryTls }, BalancedClient) {
  if (target.resolver !== undefined) return target.resolver
  if (target.list !== undefined) return new ListResolver(target.list)
  if (target.dns !== undefined) return new DnsResolver(target.dns, target.port)
  if (target.srv !== undefined) return new SrvResolver(target.srv)
  const shown = { secret: registrySecret, tls: registryTls === undefined ? (tls?.elsewhere ?? null) : registryTls }
  if (target.etcd !== undefined) return new RegistryResolver(target.service, () => borrowEtcd(target.etcd, shown))
  if (target.registry !== undefined) {
    return new RegistryResolver(target.service, () => borrowRegistry(target.registry, shown, BalancedClient))
  }
  return null
}

module.exports = { resolverOf }
