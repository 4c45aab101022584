'use strict'

// From what a client is pointed at to addresses, which may change.
//
// A resolver is an object with `resolve(update)`: it calls `update(null, addresses)` with all addresses that there are, now or later, and again
// whenever they are others; `update(error)` when it cannot tell: those known before stay. It returns an object with `close()`, and with
// `refresh()` if it can look sooner than it would. An address is `{ host, port }`, `{ path }` or `{ address }` (as text), with `weight`, `zone`,
// `priority` and `id` if it has them.

const { ListResolver } = require('./list')
const { DnsResolver, SrvResolver } = require('./dns')
const { RegistryResolver } = require('./registry')
const { borrowEtcd, borrowRegistry } = require('../registry/connect')

/**
 * The resolver of a target as `target.js` has read it, for a client of these options; null for a single place, which needs none. Registries are talked
 * to by a `BalancedClient`, which is handed down as it stands on this.
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
