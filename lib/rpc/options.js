'use strict'

// Reads the options of clients and servers: each with its default, its bounds, and the reason for its value.

const process = require('node:process')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../errors')
const { refuseUnknown } = require('../options')
const { MIN_DATAGRAM, MAX_DATAGRAM } = require('./udp/datagram')
const { secretOption } = require('./secret')
const { MAX_DELAY } = require('../delays')
const { LENGTH_SIZE, MIN_FRAME_LIMIT, MAX_U32, WINDOW_UNIT } = require('./protocol')

const MiB = 2 ** 20
/** The default host of servers: reachable from this machine only. */
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

/** A duration in milliseconds. 0 and Infinity both mean never and are returned as Infinity. */
function duration(options, name, fallback) {
  if (options[name] === Infinity || options[name] === 0) return Infinity
  return integer(options, name, fallback, 0, MAX_DELAY)
}

/** A number per second; Infinity for no limit. */
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

/**
 * The TLS code is loaded only when needed: a Node built without OpenSSL has no TLS. An option `tls` that is present but
 * undefined was probably forgotten and is refused.
 */
const serverTls = (given) => new (require('./tls').ServerTls)(given)
const clientTls = (given, path = 'options.tls') => require('./tls').clientTls(given, path)

/** Options of both clients and servers. */
function shared(options) {
  return {
    // Larger bodies should be streamed: a frame is held in memory as a whole at both ends.
    maxFrameBytes: integer(options, 'maxFrameBytes', 16 * MiB, MIN_FRAME_LIMIT, MAX_U32 - LENGTH_SIZE),
    // A slow but live peer answers within seconds, and a port scanner must not hold a slot for longer.
    handshakeTimeout: duration(options, 'handshakeTimeout', 10_000),
    // Below the idle limits of common NATs and load balancers (60 s and more), so that quiet connections stay usable.
    pingInterval: duration(options, 'pingInterval', 30_000),
    // Longer than any usual round trip plus a pause of the peer's garbage collector.
    pingTimeout: duration(options, 'pingTimeout', 10_000),
    // Bytes that may be on their way in one stream: with a reader that keeps up, the sender need not wait.
    streamWindow: integer(options, 'streamWindow', MiB, WINDOW_UNIT, 0xffff * WINDOW_UNIT),
    // The largest size of bodies held in memory: requests without an answer and messages that were not read. Above it,
    // the connection is not read.
    maxPendingBytes: integer(options, 'maxPendingBytes', 64 * MiB, 1, Number.MAX_SAFE_INTEGER),
    // The same default as gRPC, enough for tokens and traces. Every call may bring this much.
    maxMetadataBytes: integer(options, 'maxMetadataBytes', 8192, 0, 0xffff),
    // Each entry becomes an object here, however short it is.
    maxMetadataEntries: integer(options, 'maxMetadataEntries', 128, 0, 0xffff),
    // The secret shared by both ends. A server accepts any of several, so that the secret can be replaced; a client
    // uses the first.
    secret: secretOption(options, 'secret'),
  }
}

/** Refuses options that are not known. The known names are the keys of `options`. */
function complete(given, options, path) {
  refuseUnknown(given, Object.keys(options), path)
  return options
}

function serverOptions(options = {}) {
  checkObject(options)
  return complete(options, {
    ...shared(options),
    // Announced to each client, which queues further calls.
    maxCallsPerConnection: integer(options, 'maxCallsPerConnection', 4096, 1, 65536),
    // The largest number of running handlers over all connections. Further requests wait in order.
    maxConcurrency: integer(options, 'maxConcurrency', 65536, 1, MAX_U32),
    maxConnections: integer(options, 'maxConnections', 65536, 1, MAX_U32),
    // The largest number of method names that one connection may introduce. Calls to further names fail as unknown
    // methods.
    maxMethods: integer(options, 'maxMethods', 1024, 1, 65536),
    // The largest size of answers that a client has not read. Above it, the connection is dropped.
    maxOutgoingBytes: integer(options, 'maxOutgoingBytes', 64 * MiB, 1, Number.MAX_SAFE_INTEGER),
    // How long `close()` waits for clients to disconnect.
    closeTimeout: duration(options, 'closeTimeout', 10_000),
    // "Strays" are handlers that still run although their call has ended (cancelled, deadline passed, connection lost).
    // Above these limits further calls wait, so that calling and cancelling starts no more handlers than waiting does.
    // The defaults equal those of maxCallsPerConnection and maxConcurrency.
    maxStraysPerConnection: integer(options, 'maxStraysPerConnection', 4096, 1, MAX_U32),
    maxStrays: integer(options, 'maxStrays', 65536, 1, MAX_U32),
    // How long a stray counts. A handler that runs for longer than clients wait by default has probably forgotten its
    // call, and a handler that never answers must not occupy a place for good.
    strayTimeout: duration(options, 'strayTimeout', 30_000),
    // Cancelling costs the client almost nothing, but the server pays for the handler's work until the handler notices.
    // The default lets a connection cancel a full window of calls twice a second.
    maxCancelsPerSecond: perSecond(options, 'maxCancelsPerSecond', 8192),
    // A deadline of one millisecond has the same effect as cancelling. With a slow handler, all calls of an honest
    // client may time out together, so the default allows a full window twice a second here too.
    maxTimeoutsPerSecond: perSecond(options, 'maxTimeoutsPerSecond', 8192),
    // A connection keeps its server for as long as it lives: behind a load balancer, or after a server was added,
    // clients spread anew only when they reconnect. There is no good default age, so connections live without a limit.
    maxConnectionAge: duration(options, 'maxConnectionAge', Infinity),
    // No limit by default: the calls in flight have their own deadlines.
    maxConnectionAgeGrace: duration(options, 'maxConnectionAgeGrace', Infinity),
    // Whether the calls that a handler makes find their parent call by themselves. This makes every call a little
    // slower.
    propagate: flag(options, 'propagate', false),
    udp: udpServerOptions(options.udp),
    // Without a certificate there is no encryption.
    tls: 'tls' in options ? serverTls(options.tls) : null,
  })
}

const DATAGRAMS = {
  // The largest datagram. Every link of today's internet carries 1200 bytes in one piece, with room for a tunnel's
  // headers; QUIC uses the same value for the same reason.
  maxDatagramBytes: [1200, MIN_DATAGRAM, MAX_DATAGRAM],
}

/** Options of a server for calls over UDP. */
function udpServerOptions(given = {}) {
  return numbers(given, {
    ...DATAGRAMS,
    // A connection takes some hundred bytes, and is created only for clients that have proven their address.
    maxConnections: [4096, 1, MAX_U32],
    // One answer is kept for each slot of each connection: enough for 512 clients with 128 calls each.
    maxAnswers: [65_536, 1, MAX_U32],
    // Includes the space reserved for answers of running handlers: about 13,000 at the same time.
    maxAnswerBytes: [16 * MiB, MAX_DATAGRAM, Number.MAX_SAFE_INTEGER],
    // How long answers are kept, in milliseconds. Clients repeat a request every few seconds; this is longer than that
    // plus a short network outage.
    answerLifetime: [30_000, 1000, MAX_DELAY],
  })
}

/** Options of a client for calls over UDP. */
function udpClientOptions(given = {}) {
  checkObject(given, 'options.udp')
  const options = numbers(given, {
    ...DATAGRAMS,
    // In milliseconds, used until a round trip was measured: longer than a round trip around the earth.
    resendAfter: [given.maxResendAfter < 250 ? given.maxResendAfter : 250, 1, MAX_DELAY],
    // The longest pause between repeats, in milliseconds, so that a server that is back is found within seconds.
    maxResendAfter: [4000, 1, MAX_DELAY],
    // If each call is one datagram, the buffers of common sockets and routers hold this many at once.
    maxInFlight: [128, 1, 65_535],
  })
  const { resendAfter, maxResendAfter } = options
  if (resendAfter > maxResendAfter) {
    throw outOfRange('options.udp.resendAfter', `<= ${maxResendAfter}, which is maxResendAfter`, resendAfter)
  }
  return options
}

/** Reads integer options. `known` maps each name to its default and its bounds. */
function numbers(given, known) {
  checkObject(given, 'options.udp')
  const read = Object.entries(known).map(([name, bounds]) => [name, integer(given, name, ...bounds, 'options.udp')])
  return complete(given, Object.fromEntries(read), 'options.udp')
}

/** Reads which directions of a method, or of a call by name, are streams. */
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
      // The first attempt follows soon: most connections are lost because a server restarts.
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
  // One slow handler should not eject an address. Several timeouts without any answer in between should.
  const ejectAfter = integer(given, 'ejectAfter', 5, 1, MAX_DELAY, 'options.balance')
  return complete(given, { policy, zone, ejectAfter }, 'options.balance')
}

/** How often calls that the server may have seen are repeated. */
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
      // A service in trouble can usually take a tenth more load.
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

/** Undefined means the same TLS settings as for servers; null means none. */
function registryTls(options) {
  const { registryTls: given } = options
  if (!('registryTls' in options) || given === null) return given
  return clientTls(given, 'options.registryTls')
}

function clientOptions(options) {
  checkObject(options)
  return complete(options, {
    ...shared(options),
    // In milliseconds: what a person or a calling service will usually wait. No call waits forever unless the program
    // asks for it.
    timeout: duration(options, 'timeout', 30_000),
    reconnect: reconnectOptions(options.reconnect),
    // Whether calls wait when they cannot be sent at once (no connection, window full, server reads slowly). With false
    // they fail immediately.
    queue: flag(options, 'queue', true),
    maxInFlight: integer(options, 'maxInFlight', 4096, 1, 65536),
    maxQueuedCalls: integer(options, 'maxQueuedCalls', 65536, 0, MAX_U32),
    maxQueuedBytes: integer(options, 'maxQueuedBytes', 64 * MiB, 0, Number.MAX_SAFE_INTEGER),
    balance: balanceOptions(options.balance),
    retry: retryOptions(options.retry),
    udp: udpClientOptions(options.udp),
    // By default the same secret as for servers; null if the registry has none.
    registrySecret: registrySecret(options),
    // If given, TLS is used for every address; otherwise for addresses that begin with 'tls://'.
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

/**
 * These options protect connections over TCP. Over UDP they would be silently ignored and protect nothing, so they are
 * refused.
 */
function refuseOverUdp({ secret, tls }) {
  const refuse = (name, why) =>
    makeError(TypeError, 'ERR_INVALID_ARG_VALUE', `The property 'options.${name}' works over TCP only: over UDP ${why}`)
  if (secret !== null) throw refuse('secret', 'clients would not be asked for it')
  if (tls !== null) throw refuse('tls', 'nothing would be encrypted')
}

const [MAJOR, MINOR] = process.versions.node.split('.').map(Number)
/** Whether Node's datagram sockets support `reusePort`. */
const SHARES_PORTS = MAJOR > 23 || (MAJOR === 23 && MINOR >= 1) || (MAJOR === 22 && MINOR >= 12)

/** Reads where to bind for calls over UDP: a port, or an object. */
function udpPlace(where) {
  const given = typeof where === 'object' ? checkObject(where, 'where') : { port: where }
  refuseUnknown(given, ['port', 'host', 'ipv6Only', 'reusePort'], 'where')
  const ipv6Only = flag(given, 'ipv6Only', false)
  const host = given.host ?? (ipv6Only ? LOOPBACK_6 : LOOPBACK)
  if (typeof host !== 'string') throw invalidArgType('where.host', 'of type string', host)
  const reusePort = flag(given, 'reusePort', false)
  // Older versions of Node ignore the option, and the second process would find the port in use.
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
