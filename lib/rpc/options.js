'use strict'

// Reading of options: each limit with its default, its bounds, and why it has that value.

const { invalidArgType, invalidArgValue, outOfRange } = require('../errors')
const { refuseUnknown } = require('../options')
const { LENGTH_SIZE, MIN_FRAME_LIMIT, MAX_U32, WINDOW_UNIT } = require('./protocol')

const MiB = 2 ** 20
const MAX_DELAY = 2 ** 31 - 1

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
    maxCancelsPerSecond:
      options.maxCancelsPerSecond === Infinity ? Infinity : integer(options, 'maxCancelsPerSecond', 8192, 1, MAX_U32),
    // Connections last, and with them the choice of a server that was made once: behind a load balancer, or after one was added, clients
    // spread anew only when they connect anew. Nothing tells how long is right, so they last unless it is said.
    maxConnectionAge: duration(options, 'maxConnectionAge', Infinity),
    // Calls in flight then have their own deadlines.
    maxConnectionAgeGrace: duration(options, 'maxConnectionAgeGrace', Infinity),
    // Whether handlers run in a context in which what they call knows its parent call; it costs each call some.
    propagate: flag(options, 'propagate', false),
  })
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
  })
}

function port(value, name) {
  const number = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isInteger(number) || number < 0 || number > 65535) throw outOfRange(name, '>= 0 and <= 65535', value)
  return number
}

module.exports = { serverOptions, clientOptions, streamOptions, duration, flag, integer, port, checkObject }
