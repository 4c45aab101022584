'use strict'

// Who finds out where a name's servers are: a class for each scheme, as in @grpc/grpc-js.
//
// new Resolver(target, listener, options), `target` being a name in parts (see uri.js); `updateResolution()` asks for addresses, which come by
// `listener(endpoints, attributes, serviceConfig, note)`, then or later, and whenever they change; `destroy()` is the end of that, until the next
// `updateResolution()`. `Resolver.getDefaultAuthority(target)` is what calls name as their server's.
//
// `endpoints` is `{ ok: true, value: [{ addresses: [{ host, port } or { path }] }] }`, or `{ ok: false, error }`, a status; `serviceConfig` likewise,
// or `null`. The listener says whether that was of use.

const { status } = require('./constants.js')
const { Metadata } = require('./metadata.js')
const { unsupported } = require('./errors.js')
const { parseUri, shownUri, uriToString } = require('./uri.js')

const DEFAULT_SCHEME = 'dns'

const resolvers = new Map()

const statusOrFromValue = (value) => ({ ok: true, value })

const statusOrFromError = (error) => ({ ok: false, error: { ...error, metadata: error.metadata ?? new Metadata() } })

const unavailable = (details) => statusOrFromError({ code: status.UNAVAILABLE, details })

/** Has targets of a scheme, such as `etcd://…`, resolved by a class. */
function registerResolver(scheme, Resolver) {
  resolvers.set(scheme, Resolver)
}

/** A target in parts, of a scheme that has a resolver. */
function parseTarget(target) {
  const uri = parseUri(target)
  if (uri === null) throw new Error(`Could not parse target name "${target}"`)
  if (resolvers.has(uri.scheme)) return uri
  if (uri.scheme !== undefined && uri.authority !== undefined)
    throw unsupported(`resolver for targets like '${shownUri(uri)}'`)
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
