'use strict'

// The sockets that programs get from requests, streams and sessions: proxies that refuse to read or write, which would break the protocol.

const errors = require('./errors.js')
const { kBoundSocket, kExchange, kGetSocket, kRequest } = require('./symbols.js')

const kSocket = Symbol('socket of an exchange')

const FORBIDDEN = new Set(['write', 'read', 'pause', 'resume'])
const OF_STREAM = new Set(['on', 'once', 'end', 'emit', 'destroy'])

/** The socket of a request or response: events and the end come from the stream, everything else from the connection's socket. */
const handler = {
  get(exchange, key) {
    if (OF_STREAM.has(key)) {
      const stream = exchange.getStream()
      return stream[key].bind(stream)
    }
    if (FORBIDDEN.has(key)) throw errors.noSocketManipulation()
    if (key === 'writable' || key === 'destroyed') return exchange.getStream()[key]
    if (key === 'readable') {
      const { closed, req, stream } = exchange
      return !closed && (req ?? stream?.[kRequest] ?? exchange.getStream()).readable
    }
    if (key === 'setTimeout') return exchange.session.setTimeout.bind(exchange.session)
    const socket = exchange.session[kGetSocket]()
    const value = socket[key]
    return typeof value === 'function' ? value.bind(socket) : value
  },
  getPrototypeOf(exchange) {
    return Reflect.getPrototypeOf(exchange.session[kGetSocket]())
  },
  has(exchange, key) {
    return key in exchange.session[kGetSocket]() || key in exchange.getStream()
  },
  set(exchange, key, value) {
    if (FORBIDDEN.has(key)) throw errors.noSocketManipulation()
    if (OF_STREAM.has(key) || key === 'writable' || key === 'readable' || key === 'destroyed') {
      exchange.getStream()[key] = value
    } else if (key === 'setTimeout') exchange.session.setTimeout = value
    else exchange.session[kGetSocket]()[key] = value
    return true
  },
}

function socketOf(exchange) {
  exchange[kSocket] ??= new Proxy(exchange, handler)
  return exchange[kSocket]
}

/** The next access gets a new proxy, as in Node. */
function forgetSocket(stream) {
  stream[kExchange][kSocket] = undefined
}

const SESSION_FORBIDDEN = new Set([...FORBIDDEN, 'emit', 'end', 'setEncoding', 'setKeepAlive', 'setNoDelay'])

/** The socket in `session.socket`. */
const sessionHandler = {
  get(session, key) {
    if (key === 'setTimeout' || key === 'ref' || key === 'unref') return session[key].bind(session)
    if (key === 'destroy') return session.destroy.bind(session)
    if (SESSION_FORBIDDEN.has(key)) throw errors.noSocketManipulation()
    const socket = session[kBoundSocket]()
    const value = socket[key]
    return typeof value === 'function' ? value.bind(socket) : value
  },
  getPrototypeOf(session) {
    return Reflect.getPrototypeOf(session[kBoundSocket]())
  },
  set(session, key, value) {
    if (key === 'setTimeout' || key === 'ref' || key === 'unref') session[key] = value
    else if (SESSION_FORBIDDEN.has(key) || key === 'destroy') throw errors.noSocketManipulation()
    else session[kBoundSocket]()[key] = value
    return true
  },
}

function sessionSocket(session) {
  return new Proxy(session, sessionHandler)
}

module.exports = { forgetSocket, socketOf, sessionSocket }
