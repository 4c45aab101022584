'use strict'

// Names of servers, as gRPC writes them: `scheme://authority/path`, of which the path alone must be there.

const URI = /^(?:([A-Za-z0-9+.-]+):)?(?:\/\/([^/]*)\/)?(.+)$/
const BRACKETED = /^\[([^\]]*:[^\]]*)\](?::(\d+))?$/
const NAME = /^([^[:][^:]*|):(\d+)$/

/** The parts of a name; nothing if it has none. */
function parseUri(text) {
  const match = URI.exec(text)
  return match === null ? null : { scheme: match[1], authority: match[2], path: match[3] }
}

function uriToString({ scheme, authority, path }) {
  return `${scheme === undefined ? '' : `${scheme}:`}${authority === undefined ? '' : `//${authority}/`}${path}`
}

/** The same for people: without a password, if it has one. */
function shownUri({ scheme, authority, path }) {
  return uriToString({ scheme, authority: authority?.replace(/^.*@/s, '***@'), path })
}

/** `{ host, port? }` of `host:port`, `[address]:port`, `host` or an address of IPv6; nothing if it is none of those. */
function splitHostPort(text) {
  const match = BRACKETED.exec(text) ?? NAME.exec(text)
  if (match !== null) return match[2] === undefined ? { host: match[1] } : { host: match[1], port: Number(match[2]) }
  // One colon would be before a port.
  return text.startsWith('[') || text.split(':').length === 2 ? null : { host: text }
}

/** What `splitHostPort` has split. */
const hostPort = (host, port) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** The host that an authority names. */
function hostOf(authority) {
  const [first] = authority.split(',')
  return splitHostPort(first)?.host ?? first
}

module.exports = { parseUri, uriToString, shownUri, splitHostPort, hostPort, hostOf }
