'use strict'

// The resolver for `etcd://host:2379,host2:2379/service`: the instances of a service that are registered in etcd,
// whichever program has registered them (docs/etcd.md).

const { status } = require('./constants.js')
const { registerResolver, statusOrFromError, statusOrFromValue } = require('./resolver.js')
const { invalidArgValue } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { RegistryResolver } = require('../rpc/resolve/registry.js')
const { directTarget, masked, target: readTarget } = require('../rpc/target.js')

const OPTION = 'ironwire.etcd'

function read({ authority, path }) {
  // Without a service, the host is not parsed as the authority.
  const text = path.startsWith('//') ? `etcd:${path}` : `etcd://${authority || '127.0.0.1'}/${path}`
  const found = readTarget(text)
  if (found.service === '')
    throw invalidArgValue('target', masked(text), "must name a service, 'etcd://host:port/service'")
  return found
}

/** Loaded on first use, because it needs rpc. */
function borrow(etcd, { username, password, tls }) {
  const { borrowEtcd } = require('../rpc/registry/connect.js')
  const { readTls } = require('../etcd/credentials.js')
  const who = username === undefined ? etcd : { ...etcd, username, password }
  return borrowEtcd(who, { tls: readTls(tls === undefined ? {} : { tls }) })
}

class EtcdResolver {
  constructor(target, listener, { [OPTION]: options = {} }) {
    refuseUnknown(options, ['username', 'password', 'tls'], OPTION)
    const { etcd, service } = read(target)
    this.listener = listener
    this.resolver = new RegistryResolver(service, () => borrow(etcd, options))
    this.watch = null
    this.isKnown = false
  }

  updateResolution() {
    this.watch ??= this.resolver.resolve(
      (error, instances) => this.tell(error, instances),
      () => this.listener(statusOrFromValue([]), {}, null, 'etcd has no address for this service'),
    )
  }

  tell(error, instances) {
    if (error === null) {
      this.isKnown = true
      this.listener(statusOrFromValue(instances.flatMap(endpointOf)), {}, null, '')
    } else if (!this.isKnown) {
      // Instances that are known stay in use.
      this.listener(statusOrFromError({ code: status.UNAVAILABLE, details: error.message }), {}, null, '')
    }
  }

  destroy() {
    this.watch?.close()
    this.watch = null
    this.isKnown = false
  }

  static getDefaultAuthority(target) {
    return encodeURIComponent(read(target).service)
  }
}

/**
 * The endpoint of an instance, as an array. Empty if the weight is 0, which means no calls, or the address is invalid.
 */
function endpointOf({ address, weight }) {
  if (weight === 0) return []
  try {
    const { host, port, path } = directTarget(address, 'address')
    return [{ addresses: [path === undefined ? { host, port } : { path }] }]
  } catch {
    return []
  }
}

registerResolver('etcd', EtcdResolver)
