'use strict'

// http2.connect: client sessions over the native engine. Options that the engine does not support, and sockets that are not ironwire's, go to Node.

const { net, tls, http2, live } = require('../genuine.js')
const { URL } = require('node:url')
const { invalidArgType, outOfRange } = require('../errors.js')
const { Socket } = require('../net/socket.js')
const { connectHttp2 } = require('../tls/connect.js')
const { ClientHttp2Session } = require('./client-session.js')
const errors = require('./errors.js')
const { isUsual } = require('./options.js')
const { isOurs } = require('./taken.js')
const { replaced } = require('../replaced.js')

/** The default limit of origins that a session remembers from ORIGIN frames. */
const MAX_ORIGINS = 128

function connect(authority, options, listener) {
  if (typeof options === 'function') {
    listener = options
    options = undefined
  }
  checkObject(options, 'options', 'of type object')
  options = { ...options }
  const maxOrigins = checkOrigins(options.maxOriginSetSize)
  if (!isUsual(options)) {
    // Node's session uses Node's sockets.
    const create = (authority, options) => dial(placeOf(authority, options), options, net.connect, tls.connect)
    return http2.connect(authority, { createConnection: create, ...options }, listener)
  }
  if (typeof authority === 'string') authority = new URL(authority)
  checkObject(authority, 'authority', 'of type string or an instance of URL or Object')
  const place = placeOf(authority, options)
  const { protocol, host, port } = place
  const given = typeof options.createConnection === 'function'
  const socket = given ? options.createConnection(authority, options) : dial(place, options, netConnect(), tlsConnect())
  if (!isOurs(socket)) return http2.connect(authority, { ...options, createConnection: () => socket }, listener)
  const about = { authority: `${options.servername || host}:${port}`, protocol, maxOrigins }
  const session = new ClientHttp2Session(options, socket, about)
  if (typeof listener === 'function') session.once('connect', listener)
  return session
}

function checkObject(value, name, expected) {
  if (value !== undefined && (value === null || typeof value !== 'object' || Array.isArray(value))) {
    throw invalidArgType(name, expected, value)
  }
}

function checkOrigins(count) {
  if (count === undefined || count === null) return MAX_ORIGINS
  if (typeof count !== 'number') throw invalidArgType('options.maxOriginSetSize', 'of type number', count)
  if (!(count >= 0)) throw outOfRange('options.maxOriginSetSize', '>= 0', count)
  return count
}

function placeOf(authority, options) {
  const { protocol, port } = authority
  return {
    protocol: protocol || options.protocol || 'https:',
    host: hostOf(authority),
    port: `${port !== '' ? port : protocol === 'http:' ? 80 : 443}`,
  }
}

function hostOf({ hostname, host }) {
  if (!hostname) return host || 'localhost'
  return hostname[0] === '[' ? hostname.slice(1, -1) : hostname
}

function dial({ protocol, host, port }, options, connect, connectSecure) {
  switch (protocol) {
    case 'http:':
      return connect({ port, host, ...options })
    case 'https:':
      return connectSecure(port, host, tlsOptions(options, host))
    default:
      throw errors.unsupportedProtocol(protocol)
  }
}

function tlsOptions(options, host) {
  const given = { ...options }
  if (!given.ALPNCallback) given.ALPNProtocols = ['h2']
  if (!given.servername && !net.isIP(host)) given.servername = host
  return given
}

// Ours, unless a program has put a function of its own into Node's module.
const otherConnect = replaced(live.net, 'connect', () => require('../net/index.js').connect)
const otherSecure = replaced(require('node:tls'), 'connect', () => require('../tls/index.js').connect)

function netConnect() {
  return otherConnect() ?? ((options) => new Socket(options).connect(options))
}

function tlsConnect() {
  return otherSecure() ?? connectHttp2
}

/** `connect()` as a promise, which resolves with the session once it is connected. */
function connected(authority, options) {
  return new Promise((resolve, reject) => {
    const session = connect(authority, options, () => {
      session.removeListener('error', reject)
      resolve(session)
    })
    session.once('error', reject)
  })
}

module.exports = { connect, connected }
