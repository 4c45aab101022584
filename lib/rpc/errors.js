'use strict'

// The errors of rpc calls. docs/rpc.md lists them with their meaning.

const { makeError, received } = require('../errors')
const { Origin } = require('./protocol')
const { status: Status, statusName, isFailure, checkFailure } = require('./status')

/** The status of each of our own error codes. */
const STATUS_OF = {
  IRONWIRE_RPC_TIMEOUT: Status.DEADLINE_EXCEEDED,
  IRONWIRE_RPC_CONNECTION_LOST: Status.UNAVAILABLE,
  IRONWIRE_RPC_NOT_CONNECTED: Status.UNAVAILABLE,
  IRONWIRE_RPC_UNKNOWN_METHOD: Status.UNIMPLEMENTED,
  IRONWIRE_RPC_UNSUPPORTED: Status.UNIMPLEMENTED,
  IRONWIRE_RPC_FRAME_TOO_LARGE: Status.RESOURCE_EXHAUSTED,
  IRONWIRE_RPC_METADATA_TOO_LARGE: Status.RESOURCE_EXHAUSTED,
  IRONWIRE_RPC_TOO_MANY_CALLS: Status.RESOURCE_EXHAUSTED,
  IRONWIRE_RPC_CLOSED: Status.CANCELLED,
  IRONWIRE_RPC_ABORTED: Status.CANCELLED,
  IRONWIRE_RPC_BAD_MESSAGE: Status.INTERNAL,
  IRONWIRE_RPC_PROTOCOL: Status.INTERNAL,
  IRONWIRE_RPC_UNAUTHENTICATED: Status.UNAUTHENTICATED,
  IRONWIRE_RPC_TLS: Status.UNAVAILABLE,
}

/** The status of each origin, for peers of version 1, which send no status. */
const STATUS_FROM = {
  [Origin.UNKNOWN_METHOD]: Status.UNIMPLEMENTED,
  [Origin.DEADLINE]: Status.DEADLINE_EXCEEDED,
  [Origin.TOO_MANY_CALLS]: Status.RESOURCE_EXHAUSTED,
  [Origin.CANCELLED]: Status.CANCELLED,
  [Origin.REPLY_TOO_LARGE]: Status.RESOURCE_EXHAUSTED,
}

/**
 * A failed call. `sent: false` guarantees that the server has not seen the request and never will, so it is safe to
 * call again. `sent: true` means that the server may have seen it. No stack is recorded: it would only show the event
 * loop, and it costs time for each failed call.
 */
class RpcError extends Error {
  constructor(code, message, { sent = false, method, cause } = {}) {
    const limit = Error.stackTraceLimit
    limitStack(0)
    try {
      super(message, cause === undefined ? undefined : { cause })
    } finally {
      limitStack(limit)
    }
    this.code = code
    this.status = STATUS_OF[code] ?? Status.UNKNOWN
    this.sent = sent
    if (method !== undefined) this.method = method
  }

  get statusName() {
    return statusName(this.status)
  }
}

/** An error for handlers that want to fail a call with a status other than UNKNOWN. */
class StatusError extends Error {
  constructor(status, message, { code, details, metadata } = {}) {
    super(message)
    this.status = checkFailure('status', status)
    if (code !== undefined) this.code = code
    if (details !== undefined) this.details = details
    if (metadata !== undefined) this.metadata = metadata
  }

  get statusName() {
    return statusName(this.status)
  }
}

Object.defineProperty(StatusError.prototype, 'name', { value: 'StatusError', configurable: true, writable: true })

/** Where the intrinsics are frozen (SES, --frozen-intrinsics) the limit cannot be set, and errors have a stack. */
function limitStack(limit) {
  Reflect.set(Error, 'stackTraceLimit', limit)
}

Object.defineProperty(RpcError.prototype, 'name', { value: 'RpcError', configurable: true, writable: true })

const quoted = (method) => `call of "${method}"`

function timeout(method, milliseconds, sent, cause) {
  const message = `The ${quoted(method)} had no answer within ${milliseconds} ms`
  return new RpcError('IRONWIRE_RPC_TIMEOUT', message, { sent, method, cause })
}

function connectionLost(method, sent, cause) {
  const message = `The connection was lost before the ${quoted(method)} was answered`
  return new RpcError('IRONWIRE_RPC_CONNECTION_LOST', message, { sent, method, cause })
}

function notConnected(method, cause) {
  // A wrong secret or a TLS failure needs another remedy than a server that is down, so the error says so.
  if (isUnauthenticated(cause)) {
    const message = `The ${quoted(method)} was not sent: ${cause.message}`
    return new RpcError(cause.code, message, { method, cause })
  }
  if (isTlsFailure(cause)) {
    const error = tlsFailed(`The ${quoted(method)} was not sent: ${cause.message}`, cause.cause)
    return Object.assign(error, { method, status: cause.status })
  }
  const message = `The ${quoted(method)} was not sent: there is no connection`
  return new RpcError('IRONWIRE_RPC_NOT_CONNECTED', message, { method, cause })
}

function closed(method, sent) {
  const message = `The ${quoted(method)} was ${sent ? 'not answered' : 'not sent'}: the client is closed`
  return new RpcError('IRONWIRE_RPC_CLOSED', message, { sent, method })
}

function tooManyCalls(method, why) {
  return new RpcError('IRONWIRE_RPC_TOO_MANY_CALLS', `The ${quoted(method)} was not sent: ${why}`, { method })
}

function frameTooLarge(method, length, limit) {
  const message = `The ${quoted(method)} was not sent: its frame of ${length} bytes is above the limit of ${limit} (the peer's maxFrameBytes)`
  return new RpcError('IRONWIRE_RPC_FRAME_TOO_LARGE', message, { method })
}

/** Like Node's error for an aborted AbortSignal: `name` is 'AbortError' and `cause` is the signal's reason. */
function aborted(method, sent, reason) {
  const error = new RpcError('IRONWIRE_RPC_ABORTED', `The ${quoted(method)} was aborted`, {
    sent,
    method,
    cause: reason,
  })
  Object.defineProperty(error, 'name', { value: 'AbortError', configurable: true, writable: true })
  return error
}

function protocol(message, cause) {
  return new RpcError('IRONWIRE_RPC_PROTOCOL', message, { cause })
}

/** One of the two peers has not proven that it knows the secret. */
function unauthenticated(message) {
  return new RpcError('IRONWIRE_RPC_UNAUTHENTICATED', message)
}

const isUnauthenticated = (error) => error?.code === 'IRONWIRE_RPC_UNAUTHENTICATED'

/** TLS with a peer failed because of `cause`, which has Node's error code. */
function tlsFailed(message, cause) {
  return new RpcError('IRONWIRE_RPC_TLS', message, { cause })
}

/** TLS works, but the peer has not proven the expected identity. */
function untrusted(message, cause) {
  const error = tlsFailed(message, cause)
  error.status = Status.UNAUTHENTICATED
  return error
}

const isTlsFailure = (error) => error?.code === 'IRONWIRE_RPC_TLS'

/** The peer's protocol version lacks something that the call needs. */
function unsupported(method, what) {
  const message = `The ${quoted(method)} was not sent: the server speaks version 1 of the protocol, which has no ${what}`
  return new RpcError('IRONWIRE_RPC_UNSUPPORTED', message, { method })
}

/** The call needs something that exists over TCP only. */
function notOverUdp(method, what) {
  const message = `The ${quoted(method)} was not sent: there are no ${what} over UDP. Connect to 'host:port' for them, over TCP`
  return new RpcError('IRONWIRE_RPC_UNSUPPORTED', message, { method })
}

function datagramTooLarge(method, length, limit) {
  const message =
    `The ${quoted(method)} was not sent: its datagram of ${length} bytes is above the limit of ${limit} (udp.maxDatagramBytes, ` +
    "at both ends). Connect to 'host:port' for larger ones, over TCP"
  return new RpcError('IRONWIRE_RPC_FRAME_TOO_LARGE', message, { method })
}

/** The received bytes are not a message of the expected type. */
function badMessage(method, what, cause) {
  const message = `The ${quoted(method)} failed: ${what} cannot be decoded: ${textOf(() => cause.message)}`
  return new RpcError('IRONWIRE_RPC_BAD_MESSAGE', message, { sent: true, method, cause })
}

function metadataTooLarge(method, above) {
  return new RpcError('IRONWIRE_RPC_METADATA_TOO_LARGE', `The ${quoted(method)} failed: its answer's ${above}`, {
    sent: true,
    method,
  })
}

/** The failure that a server reports. `failure` holds the content of its error frame. */
function remote(method, failure) {
  const error = remoteError(method, failure)
  const { origin, status, metadata, details } = failure
  error.status = isFailure(status) ? status : (STATUS_FROM[origin] ?? Status.UNKNOWN)
  if (metadata !== undefined) error.metadata = metadata
  if (details !== undefined) error.details = details
  return error
}

function remoteError(method, { origin, code, message }) {
  const options = { sent: true, method }
  switch (origin) {
    case Origin.UNKNOWN_METHOD:
      return new RpcError('IRONWIRE_RPC_UNKNOWN_METHOD', `The server has no method "${method}"`, options)
    case Origin.DEADLINE:
      return new RpcError('IRONWIRE_RPC_TIMEOUT', `The server ended the ${quoted(method)} at its deadline`, options)
    case Origin.TOO_MANY_CALLS:
      return new RpcError(
        'IRONWIRE_RPC_TOO_MANY_CALLS',
        `The server refused the ${quoted(method)}: ${message}`,
        options,
      )
    case Origin.CANCELLED:
      return new RpcError('IRONWIRE_RPC_ABORTED', `The server cancelled the ${quoted(method)}`, options)
    case Origin.REFUSED:
      return new RpcError(code, `The server refused the ${quoted(method)}: ${message}`, options)
    case Origin.REPLY_TOO_LARGE:
      return new RpcError('IRONWIRE_RPC_FRAME_TOO_LARGE', `The ${quoted(method)} failed: ${message}`, options)
    case Origin.ANSWER_GONE:
      return new RpcError(
        'IRONWIRE_RPC_CONNECTION_LOST',
        `The ${quoted(method)} was answered, but the answer is gone: ${message}`,
        options,
      )
    default: {
      const error = new RpcError(code || 'IRONWIRE_RPC_REMOTE', message, options)
      error.remote = true
      return error
    }
  }
}

/** The handler is done and cannot, or will not, answer any more. */
function noAnswer(method, given) {
  const why = given === undefined ? '' : `: it gave${received(given).replace(' Received', '')}`
  const message = `The handler of "${method}" did not answer${why}. It must return or promise bytes or null, or call back`
  return makeError(Error, 'IRONWIRE_RPC_NO_ANSWER', message)
}

/** A handler called back after its promise of undefined had already been sent as an empty reply. */
function calledBackLate(method) {
  const message =
    `The handler of "${method}" called back long after its promise had brought nothing, which was sent as an empty reply. ` +
    'It must declare the callback as its second parameter, or promise the reply'
  return makeError(Error, 'IRONWIRE_RPC_LATE_CALLBACK', message)
}

/**
 * The text of a value that a handler returned or threw. It may be anything, including a value that cannot be converted
 * or throws when it is read.
 */
function textOf(read, otherwise = 'an error without text') {
  try {
    return String(read())
  } catch {
    return otherwise
  }
}

module.exports = {
  RpcError,
  StatusError,
  unsupported,
  notOverUdp,
  datagramTooLarge,
  badMessage,
  metadataTooLarge,
  timeout,
  connectionLost,
  notConnected,
  closed,
  tooManyCalls,
  frameTooLarge,
  aborted,
  protocol,
  unauthenticated,
  tlsFailed,
  untrusted,
  isTlsFailure,
  isUnauthenticated,
  remote,
  noAnswer,
  calledBackLate,
  textOf,
}
