'use strict'

// The registry of resolvers, which find the addresses for a target. There is a class for each scheme, as in
// @grpc/grpc-js.
//
// `new Resolver(target, listener, options)` takes a parsed target (see uri.js). `updateResolution()` asks for
// addresses. They are reported by `listener(endpoints, attributes, serviceConfig, note)`, then or later, and whenever
// they change. `destroy()` stops this until the next `updateResolution()`. `Resolver.getDefaultAuthority(target)` is the
// authority that calls send.
//
// `endpoints` is `{ ok: true, value: [{ addresses: [{ host, port } or { path }] }] }`, or `{ ok: false, error }` with a
// status. `serviceConfig` has the same form, or is null. The listener returns whether the result was usable.

const { status } = require('./constants.js')
const { Metadata } = require('./metadata.js')
const { unsupported } = require('./errors.js')
const { parseUri, shownUri, uriToString } = require('./uri.js')

const DEFAULT_SCHEME = 'dns'

const resolvers = new Map()

const statusOrFromValue = (value) => ({ ok: true, value })

const statusOrFromError = (error) => ({ ok: false, error: { ...error, metadata: error.metadata ?? new Metadata() } })

const unavailable = (details) => statusOrFromError({ code: status.UNAVAILABLE, details })

/** Registers the resolver class for a scheme, such as `etcd` of `etcd://…`. */
function registerResolver(scheme, Resolver) {
  resolvers.set(scheme, Resolver)
}

/** Parses a target. The result has a scheme for which there is a resolver. */
function parseTarget(target) {
  const uri = parseUri(target)
  if (uri === null) throw new Error(`Could not parse target name "${target}"`)
  if (resolvers.has(uri.scheme)) return uri
  if (uri.scheme !== undefined && uri.authority !== undefined) throw unsupported(`targets like '${shownUri(uri)}'`)
  // `localhost:80` only looks as if it had a scheme.
  return { scheme: DEFAULT_SCHEME, authority: undefined, path: uriToString(uri) }
}

const createResolver = (target, listener, options) => new (resolvers.get(target.scheme))(target, listener, options)

const getDefaultAuthority = (target) => resolvers.get(target.scheme).getDefaultAuthority(target)

module.exports = {
  registerResolver,
  parseTarget,
  createResolver,
  getDefaultAuthority,
  statusOrFromValue,
  statusOrFromError,
  unavailable,
}
