'use strict'

// Where servers are, as gRPC writes it: `host:port`, `dns:host:port`, `ipv4:…`, `ipv6:…`, `unix:path`.

const dns = require('node:dns')
const { isIP } = require('node:net')
const { unsupported } = require('./errors.js')

const DEFAULT_PORT = 443
const SCHEMES = new Set(['dns', 'ipv4', 'ipv6', 'unix'])
const TARGET = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/]*)\/)?(.*)$/
const HOST_AND_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:]*))(?::(\d+))?$/

function hostAndPort(text) {
  if (isIP(text) === 6) return { host: text, port: DEFAULT_PORT }
  const match = HOST_AND_PORT.exec(text)
  if (match === null) return undefined
  const [, six, host, port] = match
  return { host: six ?? host, port: port === undefined ? DEFAULT_PORT : Number(port) }
}

/** `{ path }` or `{ places }`, each of which is `{ host, port }`, with the `authority` that calls name. */
function parseTarget(target) {
  if (typeof target !== 'string') throw new TypeError('Channel target must be a string')
  let [, scheme, , rest] = TARGET.exec(target)
  if (!SCHEMES.has(scheme)) {
    // `localhost:80` looks as if it had a scheme.
    if (target.includes('://')) throw unsupported(`resolver for targets like '${target}'`)
    scheme = 'dns'
    rest = target
  }
  if (scheme === 'unix') return { path: rest, authority: 'localhost' }
  const places = rest.split(scheme === 'dns' ? /$^/ : ',').map(hostAndPort)
  if (places.includes(undefined) || places.some(({ port }) => port > 65535)) {
    throw new Error(`Could not parse target name "${target}"`)
  }
  return { places, authority: rest }
}

/** The host that an authority names. */
function hostOf(authority) {
  const [first] = authority.split(',')
  return hostAndPort(first)?.host ?? first
}

/** Calls back with `{ ip, port }` for each address of the places. */
function resolve(places, callback) {
  const found = []
  const next = (i) => {
    if (i === places.length) return callback(null, found)
    const { host, port } = places[i]
    if (isIP(host) !== 0) {
      found.push({ ip: host, port })
      return next(i + 1)
    }
    dns.lookup(host, { all: true }, (error, addresses) => {
      if (error !== null) return callback(error)
      for (const { address } of addresses) found.push({ ip: address, port })
      next(i + 1)
    })
  }
  next(0)
}

module.exports = { parseTarget, hostOf, resolve }
