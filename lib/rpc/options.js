'use strict'

// Reading of options: each limit with its default, its bounds, and why it has that value.

const process = require('node:process')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../errors')
const { refuseUnknown } = require('../options')
const { MIN_DATAGRAM, MAX_DATAGRAM } = require('./udp/datagram')
const { secretOption } = require('./secret')
const { MAX_DELAY } = require('../delays')
const { LENGTH_SIZE, MIN_FRAME_LIMIT, MAX_U32, WINDOW_UNIT } = require('./protocol')

const MiB = 2 ** 20
/** Where servers listen that are not told. */
const LOOPBACK = '127.0.0.1'
const LOOPBACK_6 = '::1'

function integer(options, name, fallback, min, max, path = 'options') {
  const value = options[name]
  if (value === undefined) return fallback
  if (typeof value !== 'number') throw invalidArgType(`${path}.${name}`, 'of type number', value)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(`${path}.${name}`, `an integer >= ${min} and <= ${max}`, value)
  }
  return value
}

/** Milliseconds; 0 and Infinity both mean never and become Infinity. */
function duration(options, name, fallback) {
  if (options[name] === Infinity || options[name] === 0) return Infinity
  return integer(options, name, fallback, 0, MAX_DELAY)
}

/** So many; Infinity for any number. */
function perSecond(options, name, fallback) {
  return options[name] === Infinity ? Infinity : integer(options, name, fallback, 1, MAX_U32)
}

function flag(options, name, fallback) {
  const value = options[name]
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') throw invalidArgType(`options.${name}`, 'of type boolean', value)
  return value
}

function checkObject(value, name = 'options') {
  if (value === null || typeof value !== 'object') throw invalidArgType(name, 'of type object', value)
  return value
}

/** TLS is loaded where there is some: a Node that was built without OpenSSL has none. One that is there and undefined was forgotten, and is refused. */
const serverTls = (given) => new (require('./tls').ServerTls)(given)
const clientTls = (given, path = 'options.tls') => require('./tls').clientTls(given, path)

/** What both ends have in common. */
function shared(options) {
  return {
    // Larger bodies belong into a stream of calls: one frame is held whole in memory at both ends.
    maxFrameBytes: integer(options, 'maxFrameBytes', 16 * MiB, MIN_FRAME_LIMIT, MAX_U32 - LENGTH_SIZE),
    // A peer that is alive but slow to connect answers within seconds; a port scanner must not hold a slot for longer.
    handshakeTimeout: duration(options, 'handshakeTimeout', 10_000),
    // Below the idle limits of common NATs and load balancers (60 s and more), so that quiet connections stay usable.
    pingInterval: duration(options, 'pingInterval', 30_000),
    // Longer than any sane round trip plus a pause of the peer's garbage collector.
    pingTimeout: duration(options, 'pingTimeout', 10_000),
    // What may be under way to here in one stream: a reader that keeps up does not make its sender wait.
    streamWindow: integer(options, 'streamWindow', MiB, WINDOW_UNIT, 0xffff * WINDOW_UNIT),
    // Bodies that wait here, of requests without an answer and of messages that nobody takes; above it the connection is not read.
    maxPendingBytes: integer(options, 'maxPendingBytes', 64 * MiB, 1, Number.MAX_SAFE_INTEGER),
    // As gRPC's default; room for tokens and traces. Every call can bring so much.
    maxMetadataBytes: integer(options, 'maxMetadataBytes', 8192, 0, 0xffff),
    // Each is an object here, however short.
    maxMetadataEntries: integer(options, 'maxMetadataEntries', 128, 0, 0xffff),
    // What both ends have to know: a server takes any of several, so that it can be replaced, and a client shows the first.
    secret: secretOption(options, 'secret'),
  }
}

/** What has a default is what there is: anything else that was given is refused. */
function complete(given, options, path) {
  refuseUnknown(given, Object.keys(options), path)
  return options
}

function serverOptions(options = {}) {
  checkObject(options)
  return complete(options, {
    ...shared(options),
    // Announced to every client, which queues what goes beyond it.
    maxCallsPerConnection: integer(options, 'maxCallsPerConnection', 4096, 1, 65536),
    // Handlers that have not answered yet, over all connections; further requests wait in order.
    maxConcurrency: integer(options, 'maxConcurrency', 65536, 1, MAX_U32),
    maxConnections: integer(options, 'maxConnections', 65536, 1, MAX_U32),
    // Method names that one connection may introduce; calls to further ones are unknown methods.
    maxMethods: integer(options, 'maxMethods', 1024, 1, 65536),
    // Answers that a connection's peer does not read; above it that connection is dropped.
    maxOutgoingBytes: integer(options, 'maxOutgoingBytes', 64 * MiB, 1, Number.MAX_SAFE_INTEGER),
    // How long `close()` waits for clients to leave.
    closeTimeout: duration(options, 'closeTimeout', 10_000),
    // Handlers still at work for calls that have ended without them: cancelled, past their deadline, connection lost. Above it calls
    // wait, so that who calls and cancels starts no more handlers than who waits: as many as maxCallsPerConnection and maxConcurrency.
    maxStraysPerConnection: integer(options, 'maxStraysPerConnection', 4096, 1, MAX_U32),
    maxStrays: integer(options, 'maxStrays', 65536, 1, MAX_U32),
    // How long they count. What is still at work after as long as clients wait by default has most likely forgotten its call, and a
    // handler that never answers must not take a place away for good.
    strayTimeout: duration(options, 'strayTimeout', 30_000),
    // Cancelling costs a client next to nothing and here what the handler does until it sees it. A connection with as many calls in flight as it
    // may have can cancel all of them, twice a second.
    maxCancelsPerSecond: perSecond(options, 'maxCancelsPerSecond', 8192),
    // A deadline of a millisecond does the same. When a handler is slow, all that an honest client has in flight may run out of time together, twice
    // a second as well.
    maxTimeoutsPerSecond: perSecond(options, 'maxTimeoutsPerSecond', 8192),
    // Connections last, and with them the choice of a server that was made once: behind a load balancer, or after one was added, clients
    // spread anew only when they connect anew. Nothing tells how long is right, so they last unless it is said.
    maxConnectionAge: duration(options, 'maxConnectionAge', Infinity),
    // Calls in flight then have their own deadlines.
    maxConnectionAgeGrace: duration(options, 'maxConnectionAgeGrace', Infinity),
    // Whether handlers run in a context in which what they call knows its parent call; it costs each call some.
    propagate: flag(options, 'propagate', false),
    udp: udpServerOptions(options.udp),
    // Nothing is encrypted unless it is said with which certificate.
    tls: 'tls' in options ? serverTls(options.tls) : null,
  })
}

const DATAGRAMS = {
  // What every link of today's internet carries in one piece, with room for a tunnel's headers: QUIC's choice, for the same reason.
  maxDatagramBytes: [1200, MIN_DATAGRAM, MAX_DATAGRAM],
}

/** Calls over UDP, of a server. */
function udpServerOptions(given = {}) {
  return numbers(given, {
    ...DATAGRAMS,
    // Each is some hundred bytes here, and only who has shown his address becomes one.
    maxConnections: [4096, 1, MAX_U32],
    // The last call of each slot of each connection: 512 clients with 128 calls each.
    maxAnswers: [65_536, 1, MAX_U32],
    // With those that handlers at work may still give: some 13,000 of them at once.
    maxAnswerBytes: [16 * MiB, MAX_DATAGRAM, Number.MAX_SAFE_INTEGER],
    // Who waits asks again every few seconds; longer than that and a pause of the network.
    answerLifetime: [30_000, 1000, MAX_DELAY],
  })
}

/** And of a client. */
function udpClientOptions(given = {}) {
  checkObject(given, 'options.udp')
  const options = numbers(given, {
    ...DATAGRAMS,
    // Longer than a round trip around the earth: until one was measured.
    resendAfter: [given.maxResendAfter < 250 ? given.maxResendAfter : 250, 1, MAX_DELAY],
    // However often it was in vain, a server that is back is found within some seconds.
    maxResendAfter: [4000, 1, MAX_DELAY],
    // Where each is one datagram this is what the buffers of common sockets and routers take at once.
    maxInFlight: [128, 1, 65_535],
  })
  const { resendAfter, maxResendAfter } = options
  if (resendAfter > maxResendAfter) {
    throw outOfRange('options.udp.resendAfter', `<= ${maxResendAfter}, which is maxResendAfter`, resendAfter)
  }
  return options
}

/** Integers, each with its default and its bounds. */
function numbers(given, known) {
  checkObject(given, 'options.udp')
  const read = Object.entries(known).map(([name, bounds]) => [name, integer(given, name, ...bounds, 'options.udp')])
  return complete(given, Object.fromEntries(read), 'options.udp')
}

/** What of a method or a call by name is a stream. */
function streamOptions(options) {
  refuseUnknown(checkObject(options), ['clientStreaming', 'serverStreaming'])
  return {
    clientStreaming: flag(options, 'clientStreaming', false),
    serverStreaming: flag(options, 'serverStreaming', false),
  }
}

function reconnectOptions(value) {
  if (value === false) return null
  if (value === undefined || value === true) value = {}
  checkObject(value, 'options.reconnect')
  const prefixed = (name, fallback, min, max) => integer(value, name, fallback, min, max)
  return complete(
    value,
    {
      // The first try comes almost at once: most losses are a restarting server.
      initialDelay: prefixed('initialDelay', 100, 0, MAX_DELAY),
      maxDelay: prefixed('maxDelay', 10_000, 0, MAX_DELAY),
      maxAttempts: value.maxAttempts === Infinity ? Infinity : prefixed('maxAttempts', Infinity, 1, MAX_U32),
    },
    'options.reconnect',
  )
}

const POLICIES = ['least-loaded', 'round-robin']

/** How a client of several addresses chooses among them. */
function balanceOptions(given = {}) {
  checkObject(given, 'options.balance')
  const { policy = POLICIES[0], zone } = given
  if (!POLICIES.includes(policy)) {
    throw invalidArgValue('options.balance.policy', policy, `must be ${POLICIES.join(' or ')}`)
  }
  if (zone !== undefined && typeof zone !== 'string') {
    throw invalidArgType('options.balance.zone', 'of type string', zone)
  }
  // One slow handler is no reason; a handful of timeouts without a single answer in between is.
  const ejectAfter = integer(given, 'ejectAfter', 5, 1, MAX_DELAY, 'options.balance')
  return complete(given, { policy, zone, ejectAfter }, 'options.balance')
}

/** How often calls that may have been seen are made again. */
function retryOptions(given = {}) {
  if (given === false) return { ratio: 0, perSecond: 0, attempts: 0 }
  checkObject(given, 'options.retry')
  const { ratio = 0.1 } = given
  if (typeof ratio !== 'number') throw invalidArgType('options.retry.ratio', 'of type number', ratio)
  if (!(ratio >= 0 && ratio <= 1)) throw outOfRange('options.retry.ratio', '>= 0 and <= 1', ratio)
  const number = (name, fallback) => integer(given, name, fallback, 0, MAX_DELAY, 'options.retry')
  return complete(
    given,
    {
      // A tenth more load is what a service that is in trouble can take.
      ratio,
      // For clients that make few calls.
      perSecond: number('perSecond', 10),
      attempts: number('attempts', 3),
    },
    'options.retry',
  )
}

function registrySecret(options) {
  if (!('registrySecret' in options)) return secretOption(options, 'secret')
  return options.registrySecret === null ? null : secretOption(options, 'registrySecret')
}

/** Undefined where it is the same as for servers. */
function registryTls(options) {
  const { registryTls: given } = options
  if (!('registryTls' in options) || given === null) return given
  return clientTls(given, 'options.registryTls')
}

function clientOptions(options) {
  checkObject(options)
  return complete(options, {
    ...shared(options),
    // What a person or a calling service is willing to wait; no call waits for ever unless it says so.
    timeout: duration(options, 'timeout', 30_000),
    reconnect: reconnectOptions(options.reconnect),
    // Calls that cannot leave yet (no connection, window full, server reading slowly) wait; false fails them at once.
    queue: flag(options, 'queue', true),
    maxInFlight: integer(options, 'maxInFlight', 4096, 1, 65536),
    maxQueuedCalls: integer(options, 'maxQueuedCalls', 65536, 0, MAX_U32),
    maxQueuedBytes: integer(options, 'maxQueuedBytes', 64 * MiB, 0, Number.MAX_SAFE_INTEGER),
    balance: balanceOptions(options.balance),
    retry: retryOptions(options.retry),
    udp: udpClientOptions(options.udp),
    // One for all is the rule; null where the registry has none.
    registrySecret: registrySecret(options),
    // Given, it holds for every address; else those have it that begin with 'tls://'.
    tls: 'tls' in options ? clientTls(options.tls) : null,
    registryTls: registryTls(options),
  })
}

function port(value, name) {
  const number = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isInteger(number) || number < 0 || number > 65535) throw outOfRange(name, '>= 0 and <= 65535', value)
  return number
}

/** Both are for connections. Passed over in silence, they would keep nobody out, and nothing to oneself. */
function refuseOverUdp({ secret, tls }) {
  const refuse = (name, why) =>
    makeError(TypeError, 'ERR_INVALID_ARG_VALUE', `The property 'options.${name}' works over TCP only: over UDP ${why}`)
  if (secret !== null) throw refuse('secret', 'clients would not be asked for it')
  if (tls !== null) throw refuse('tls', 'nothing would be encrypted')
}

const [MAJOR, MINOR] = process.versions.node.split('.').map(Number)
/** Whether Node's datagram sockets know `reusePort`. */
const SHARES_PORTS = MAJOR > 23 || (MAJOR === 23 && MINOR >= 1) || (MAJOR === 22 && MINOR >= 12)

/** Where to bind for calls over UDP: what `listen` takes of it, and its default. */
function udpPlace(where) {
  const given = typeof where === 'object' ? checkObject(where, 'where') : { port: where }
  refuseUnknown(given, ['port', 'host', 'ipv6Only', 'reusePort'], 'where')
  const ipv6Only = flag(given, 'ipv6Only', false)
  const host = given.host ?? (ipv6Only ? LOOPBACK_6 : LOOPBACK)
  if (typeof host !== 'string') throw invalidArgType('where.host', 'of type string', host)
  const reusePort = flag(given, 'reusePort', false)
  // Node's sockets pass it over where they do not know it: then the second process would find the port taken.
  if (reusePort && !SHARES_PORTS) {
    throw invalidArgValue(
      'where.reusePort',
      reusePort,
      `needs Node 22.12, 23.1 or later, and this is ${process.version}`,
    )
  }
  return { port: port(given.port ?? 0, 'where.port'), host, ipv6Only, reusePort }
}

module.exports = {
  udpPlace,
  refuseOverUdp,
  serverTls,
  serverOptions,
  clientOptions,
  streamOptions,
  duration,
  flag,
  integer,
  port,
  checkObject,
  LOOPBACK,
  LOOPBACK_6,
}
