'use strict'

// Parses what a client can be pointed at.

const { isIP } = require('node:net')
const process = require('node:process')
const { invalidArgType, invalidArgValue } = require('../errors')
const { refuseUnknown } = require('../options')
const { checkObject, port: readPort } = require('./options')

const FORMS =
  "'host:port', '[::1]:port', 'tcp://host:port', 'tls://host:port', 'unix:path', a path, 'dns://name:port', 'dns://_service._tcp.name', 'registry://host:port/service', 'etcd://host:port,host:port/service' or 'udp://host:port'"

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is

/**
 * A named pipe of Windows. Elsewhere it would be taken for a file, and the client would look for it again and again.
 */
const NAMED_PIPE = /^\\\\[.?]\\pipe\\/i

const DEFAULT_REGISTRY_PORT = 7400
const DEFAULT_ETCD_PORT = 2379

/** The parser of each scheme. It gets the rest of the text and a function that throws an error. */
const SCHEMES = {
  tcp: (rest, wrong) => hostAndPort(rest, wrong, "must read like 'tcp://host:port'"),
  tls: (rest, wrong) => ({ ...hostAndPort(rest, wrong, "must read like 'tls://host:port'"), tls: true }),
  unix: (rest, wrong) => (rest === '' ? wrong("must read like 'unix:///run/my.sock'") : atPath(rest, wrong)),
  dns: dnsName,
  registry: registryService,
  etcd: etcdService,
  udp: udpPlace,
}

/**
 * Returns `{ host, port }` or `{ path }`, both with optional `tls` and `servername`, or `{ dns, port }` (all addresses
 * of a name), `{ srv }`, `{ registry, service }`, `{ etcd, service }`, `{ list }`, `{ resolver }` or `{ udp }`.
 */
function target(value, name = 'target') {
  if (typeof value === 'number') return { host: 'localhost', port: readPort(value, name) }
  if (typeof value === 'string') return ofString(value, name)
  if (Array.isArray(value)) return { list: list(value, name) }
  if (value === null || typeof value !== 'object') throw invalidArgType(name, 'a string, a port or an object', value)
  if (typeof value.resolve === 'function') return { resolver: value }
  return ofObject(value, name)
}

/**
 * Parses a target that must be a single place. `servername` is the expected name in its certificate, if it was given
 * separately.
 */
function directTarget(value, name, servername) {
  const found = typeof value === 'string' || typeof value === 'number' ? target(value, name) : ofObject(value, name)
  if (found.udp !== undefined) {
    throw invalidArgValue(
      name,
      value,
      "is over UDP: 'rpc.connect' takes it alone, but not in a list, a resolver or a registry",
    )
  }
  if (found.host === undefined && found.path === undefined) {
    throw invalidArgValue(name, value, "must be one place, such as 'host:port' or 'unix:path'")
  }
  return servername === undefined ? found : { ...found, ...secureOf({ servername }, name) }
}

/** What `listen` of a net.Server takes for a text: the place that a client of the same target connects to, or a path. */
function listenOptions(text, secure) {
  if (!text.includes(':')) return { path: text }
  const { host, port, path, tls, udp } = target(text, 'where')
  const wrong = (reason) => {
    throw invalidArgValue('where', text, reason)
  }
  if (udp !== undefined) wrong("is over UDP: use 'bindUdp'")
  if (host === undefined && path === undefined) wrong("must be one place, such as 'host:port' or 'unix:path'")
  if (tls && !secure) wrong('needs a server with the option tls')
  return path === undefined ? { host, port } : { path }
}

/** What `bindUdp` takes for a text. */
function udpOptions(text) {
  const { host, port, udp = { host, port } } = target(text, 'where')
  if (udp.host === undefined) throw invalidArgValue('where', text, "must read like 'host:port' or 'udp://host:port'")
  return udp
}

/** Parses a list of places, each with an optional weight and zone. */
function list(values, name) {
  if (values.length === 0) throw invalidArgValue(name, values, 'must name at least one address')
  return values.map((value, i) => {
    const at = `${name}[${i}]`
    if (value === null || typeof value !== 'object') return { ...directTarget(value, at), ...placed({}, at) }
    const { id, weight, zone, address, servername, ...rest } = value
    if (address !== undefined) refuseUnknown(value, ['id', 'weight', 'zone', 'address', 'servername'], at)
    return { ...directTarget(address ?? rest, at, servername), ...placed({ id, weight, zone }, at) }
  })
}

/** The properties of an address other than its place. */
function placed({ id, weight = 1, zone = '' }, name) {
  if (typeof weight !== 'number') throw invalidArgType(`${name}.weight`, 'of type number', weight)
  if (!Number.isFinite(weight) || weight < 0) throw invalidArgValue(`${name}.weight`, weight, 'must be 0 or more')
  if (typeof zone !== 'string') throw invalidArgType(`${name}.zone`, 'of type string', zone)
  return { id, weight, zone }
}

/** Port 0 is refused: the system does not treat a datagram socket as connected to it. */
function udpPlace(rest, wrong) {
  const place = hostAndPort(rest, wrong, "must read like 'udp://host:port'")
  return place.port === 0 ? wrong('must have a port from 1 on: nothing can be sent to port 0') : { udp: place }
}

function ofObject(value, name) {
  refuseUnknown(checkObject(value, name), ['host', 'port', 'path', 'tls', 'servername'], name)
  return { ...placeOf(value, name), ...secureOf(value, name) }
}

/** The TLS properties of a place. */
function secureOf({ tls, servername }, name) {
  if (tls !== undefined && typeof tls !== 'boolean') throw invalidArgType(`${name}.tls`, 'of type boolean', tls)
  if (servername !== undefined && typeof servername !== 'string') {
    throw invalidArgType(`${name}.servername`, 'of type string', servername)
  }
  return { ...(tls && { tls }), ...(servername !== undefined && { servername }) }
}

function placeOf(value, name) {
  if (value.path !== undefined) {
    if (typeof value.path !== 'string') throw invalidArgType(`${name}.path`, 'of type string', value.path)
    return atPath(value.path, (reason) => {
      throw invalidArgValue(`${name}.path`, value.path, reason)
    })
  }
  const host = value.host ?? 'localhost'
  if (typeof host !== 'string') throw invalidArgType(`${name}.host`, 'of type string', host)
  return { host, port: readPort(value.port, `${name}.port`) }
}

function ofString(value, name) {
  const wrong = (reason) => {
    throw invalidArgValue(name, masked(value), reason)
  }
  const scheme = SCHEME.exec(value)
  if (scheme !== null) {
    const read = SCHEMES[scheme[1].toLowerCase()]
    if (read === undefined) wrong(`begins with '${scheme[1]}://', which is not supported: it must read like ${FORMS}`)
    return read(scheme[2], wrong)
  }
  if (value.startsWith('unix:')) return SCHEMES.unix(value.slice('unix:'.length), wrong)
  if (value.includes('/') || value.includes('\\')) return atPath(value, wrong)
  return hostAndPort(value, wrong, `must read like ${FORMS}`)
}

function atPath(path, wrong) {
  if (process.platform !== 'win32' && NAMED_PIPE.test(path)) {
    return wrong(
      "is a named pipe, which only Windows has: here a path must be that of a Unix socket, such as './my.sock'",
    )
  }
  return { path }
}

function hostAndPort(text, wrong, form) {
  const match = /^(?:\[([^\]]+)\]|([^:/?#@\s]*)):(\d{1,5})$/.exec(text)
  if (match === null || (match[1] !== undefined && isIP(match[1]) !== 6)) return wrong(form)
  return { host: match[1] ?? (match[2] || 'localhost'), port: readPort(match[3], 'target') }
}

/** With a port: all addresses of the name. Without one, in the form of RFC 2782: the name's SRV records. */
function dnsName(rest, wrong) {
  if (/^_[^.:/]+\._[^.:/]+\.[^:/]+$/.test(rest)) return { srv: rest }
  if (/^[^:/]+$/.test(rest))
    return wrong("must have a port, 'dns://name:port', or name a service, 'dns://_rpc._tcp.name'")
  const { host, port } = hostAndPort(rest, wrong, "must read like 'dns://name:port' or 'dns://_rpc._tcp.name'")
  return { dns: host, port }
}

function registryService(rest, wrong) {
  const form = "must read like 'registry://host:port/service'"
  const slash = rest.indexOf('/')
  const authority = slash === -1 ? rest : rest.slice(0, slash)
  const service = slash === -1 ? '' : rest.slice(slash + 1)
  if (authority === '') return wrong(form)
  const registry = hostAndPort(withPort(authority, DEFAULT_REGISTRY_PORT), wrong, form)
  return { registry, service: decoded(service, wrong, form) }
}

/** Hosts separated by commas, with optional credentials in front: `user:password@host:2379,host2:2379/service`. */
function etcdService(rest, wrong) {
  const form = "must read like 'etcd://host:2379,host2:2379/service'"
  const [, authority, service = ''] = /^([^/]*)(?:\/(.*))?$/s.exec(rest)
  return { etcd: etcdPlaces(authority, wrong, form), service: decoded(service, wrong, form) }
}

/** Returns `{ places, username, password }`. */
function etcdPlaces(authority, wrong, form) {
  const [, name, password, hosts] = /^(?:([^:@]*):([^@]*)@)?(.*)$/s.exec(authority)
  const place = (host) => (host === '' ? wrong(form) : hostAndPort(withPort(host, DEFAULT_ETCD_PORT), wrong, form))
  const places = hosts.split(',').map(place)
  if (name === undefined) return { places }
  return { places, username: decoded(name, wrong, form), password: decoded(password, wrong, form) }
}

function withPort(host, port) {
  return /^(\[[^\]]+\]|[^:]*):\d+$/.test(host) ? host : `${host}:${port}`
}

function decoded(text, wrong, form) {
  try {
    return decodeURIComponent(text)
  } catch {
    return wrong(form)
  }
}

/** Hides the user and password of a target, for error messages. */
function masked(target) {
  return typeof target === 'string' ? target.replace(/^((?:[^/]*:\/\/)?).*@/s, '$1***@') : target
}

/** A single place as text that parses to the same place. */
function textOfTarget({ path, host, port, tls }) {
  if (path !== undefined) return `unix:${path}`
  return `${tls ? 'tls://' : ''}${host.includes(':') ? `[${host}]` : host}:${port}`
}

module.exports = {
  target,
  directTarget,
  listenOptions,
  udpOptions,
  placed,
  textOfTarget,
  etcdPlaces,
  masked,
  DEFAULT_REGISTRY_PORT,
}
