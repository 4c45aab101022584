'use strict'

// HTTP proxies between clients and servers: which targets use one, as in @grpc/grpc-js, and the `CONNECT` request that
// makes a proxy pass bytes on.

const { Buffer } = require('node:buffer')
const { BlockList, isIP, isIPv6 } = require('node:net')
const process = require('node:process')
const { domainToASCII, URL } = require('node:url')
const { inspect } = require('node:util')
const { native } = require('../engine.js')
const { makeError, systemError } = require('../errors.js')
const { takeReads } = require('../net/reads.js')
const { logVerbosity } = require('./constants.js')
const { log } = require('./logging.js')
const { DEFAULT_PORT } = require('./resolver-ip.js')
const { parseTarget } = require('./resolver.js')
const { hostPort, placeText, splitHostPort, uriToString } = require('./uri.js')

const OPTION = 'grpc.http_proxy'
const TARGET = 'grpc.http_connect_target'
const CREDENTIALS = 'grpc.http_connect_creds'
const VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy']
/** Schemes of targets that a proxy could not reach, or whose names it would not understand. */
const DIRECT = ['unix', 'unix-abstract', 'etcd']
/** Limit of the head of a proxy's answer in bytes, as in Node's HTTP. */
const MAX_ANSWER = 16 * 1024
const END = '\r\n\r\n'
const STATUS = /^HTTP\/1\.[01] (\d{3})(?: ([ -~]*))?\r\n/

// ---- which targets use a proxy

/** A channel's `{ target, options }`: unchanged, or such that connections go to a proxy, which leads to the target. */
function routeOf(target, options) {
  const proxy = isDirect(target, options) ? null : proxyOf(options)
  const route =
    proxy === null
      ? { target, options }
      : { target: { scheme: 'dns', path: proxy.place }, options: { ...options, ...proxy.options(target) } }
  // An invalid target of `CONNECT` is an error now, not with each connection.
  Tunnel.of(route.options)
  return route
}

function isDirect({ scheme, path }, options) {
  if (options['grpc.enable_http_proxy'] === 0 || DIRECT.includes(scheme)) return true
  const place = splitHostPort(path)
  // A client chooses among a list of addresses itself.
  return place === null || place.host.includes(',') || isExcepted(place.host.toLowerCase())
}

/** Whether the environment exempts a host from proxies: it lists ends of host names, addresses, and networks. */
function isExcepted(host) {
  const { no_grpc_proxy: first, no_proxy: second = '' } = process.env
  const names = (first || second).split(',').map((name) => name.trim().toLowerCase())
  return names.some((name) => name === '*' || (name !== '' && (host.endsWith(name) || isWithin(host, name))))
}

function isWithin(host, network) {
  const [address, length] = network.split('/')
  if (isIP(host) === 0 || isIP(address) === 0 || length === undefined || !/^\d{1,3}$/.test(length)) return false
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  if (Number(length) > (family === 'ipv6' ? 128 : 32)) return false
  const list = new BlockList()
  list.addSubnet(address, Number(length), family)
  return list.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}

/**
 * The proxy in the options or the environment: its `place` (host and port), and `options(target)`, which makes the
 * options for connections to a target. Null if there is none.
 */
function proxyOf(options) {
  const variable = VARIABLES.find((name) => process.env[name])
  const text = options[OPTION] || process.env[variable]
  if (!text) return null
  const from = options[OPTION] ? `the option '${OPTION}'` : `the variable ${variable}`
  const refuse = (why) => {
    log(logVerbosity.ERROR, `No proxy is used: ${from} ${why}`)
    return null
  }
  // The URL may contain a password, so messages do not show it.
  if (!URL.canParse(text)) return refuse('must be a URL, such as http://proxy:3128')
  const { protocol, hostname, port, username, password } = new URL(text)
  if (protocol !== 'http:') return refuse(`must have the scheme http:, but has ${protocol}`)
  const name = decoded(password === '' ? username : `${username}:${password}`)
  const place = `${hostname}:${port || 80}`
  return { place, options: (target) => ({ [TARGET]: uriToString(target), ...(name && { [CREDENTIALS]: name }) }) }
}

function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

// ---- the tunnel

/** The `CONNECT` request on a link to a proxy. Once it is answered, bytes pass between the link and the target. */
class Tunnel {
  constructor(target, credentials) {
    this.authority = target
    this.credentials = credentials
    this.link = undefined
    this.text = ''
  }

  /** The tunnel in the options of a connection; null for none. */
  static of(options) {
    const target = options[TARGET]
    return target === undefined ? null : new Tunnel(authorityOf(target), options[CREDENTIALS])
  }

  /** Called when the link is connected: sends the request. */
  begin(link) {
    this.link = link
    const { authority, credentials } = this
    const fields = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`]
    if (credentials) fields.push(`Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}`)
    native.writeLatin1(link.id, fields.join('\r\n') + END)
    const status = native.readStart(link.id)
    if (status < 0) link.lose(systemError(status, 'read'))
  }

  /** Called with a part of the proxy's answer. */
  read(chunk) {
    const from = Math.max(this.text.length - END.length, 0)
    this.text += chunk.latin1Slice()
    if (!'HTTP/1.'.startsWith(this.text.slice(0, 7))) return this.refuse('its answer is not HTTP/1')
    const end = this.text.indexOf(END, from)
    if (end >= 0 && end <= MAX_ANSWER) return this.answered(end + END.length)
    if (this.text.length > MAX_ANSWER) this.refuse(`its answer has more than ${MAX_ANSWER} bytes`)
  }

  answered(end) {
    const match = STATUS.exec(this.text)
    if (match === null) return this.refuse('its answer is not HTTP/1')
    const [, status, reason = ''] = match
    if (!status.startsWith('2')) return this.refuse(`it answered ${status} ${reason.slice(0, 100)}`.trim())
    const { link } = this
    // The server's first bytes may arrive with the proxy's answer.
    const received = [Buffer.from(this.text.slice(end), 'latin1'), ...takeReads(link)]
    native.readStop(link.id)
    link.tunnel = null
    link.attach()
    for (const bytes of received) if (bytes.length > 0 && !link.closing) native.feed(link.id, bytes)
  }

  refuse(why) {
    this.link.lose(new Error(why))
  }

  /** The error of a tunnel that could not be opened because of `error`. */
  failure(place, error) {
    const message = `The proxy ${placeText(place)} did not connect to ${this.authority}: ${error.message}`
    return makeError(Error, 'IRONWIRE_GRPC_PROXY', message)
  }
}

/** The host and port for `CONNECT`. */
function authorityOf(target) {
  const place = typeof target === 'string' ? splitHostPort(parseTarget(target).path) : null
  const host = place === null || isIP(place.host) !== 0 ? place?.host : domainToASCII(place.host)
  if (host) return hostPort(host, place.port ?? DEFAULT_PORT)
  throw new TypeError(`'${TARGET}' must name a host, such as 'example.org:443', but is ${inspect(target)}`)
}

module.exports = { Tunnel, routeOf }
