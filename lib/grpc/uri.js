'use strict'

// Server names as gRPC writes them: `scheme://authority/path`. Only the path is required.

const URI = /^(?:([A-Za-z0-9+.-]+):)?(?:\/\/([^/]*)\/)?(.+)$/
const BRACKETED = /^\[([^\]]*:[^\]]*)\](?::(\d+))?$/
const NAME = /^([^[:][^:]*|):(\d+)$/

/** The parts of a name; null if it has none. */
function parseUri(text) {
  const match = URI.exec(text)
  return match === null ? null : { scheme: match[1], authority: match[2], path: match[3] }
}

function uriToString({ scheme, authority, path }) {
  return `${scheme === undefined ? '' : `${scheme}:`}${authority === undefined ? '' : `//${authority}/`}${path}`
}

/** The name for messages, without a user name and password. */
function shownUri({ scheme, authority, path }) {
  return uriToString({ scheme, authority: authority?.replace(/^.*@/s, '***@'), path })
}

/** `{ host, port? }` of `host:port`, `[address]:port`, `host` or an IPv6 address; null for anything else. */
function splitHostPort(text) {
  const match = BRACKETED.exec(text) ?? NAME.exec(text)
  if (match !== null) return match[2] === undefined ? { host: match[1] } : { host: match[1], port: Number(match[2]) }
  // After a single colon, there should have been a port.
  return text.startsWith('[') || text.split(':').length === 2 ? null : { host: text }
}

/** The opposite of `splitHostPort`. */
const hostPort = (host, port) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** The text of an address, which is a path or a host and port. It also identifies the address. */
const placeText = ({ path, host, port }) => path ?? hostPort(host, port)

/** The text of the address of a peer: "unknown" if it has none, without the port if it has none. */
function peerText(address, port) {
  if (address === undefined) return 'unknown'
  return port === undefined ? address : `${address}:${port}`
}

/** The host that an authority names; the first one of a list. */
function hostOf(authority) {
  const [first] = authority.split(',')
  return splitHostPort(first)?.host ?? first
}

module.exports = { parseUri, uriToString, shownUri, splitHostPort, hostPort, placeText, peerText, hostOf }
