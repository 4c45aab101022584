'use strict'

// Every way in which a call can fail, listed with its meaning in docs/rpc.md.

const { Status } = require('./protocol')

/**
 * A failed call. `sent: false` is a promise that the server has not seen the request and never will, so that it is safe to call
 * again; `sent: true` says that it may have. No stack is recorded: it would show the event loop, at a cost per failed call.
 */
class RpcError extends Error {
  constructor(code, message, { sent = false, method, cause } = {}) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message, cause === undefined ? undefined : { cause })
    Error.stackTraceLimit = limit
    this.code = code
    this.sent = sent
    if (method !== undefined) this.method = method
  }
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
  const message = `The ${quoted(method)} was not sent: its frame of ${length} bytes is above the limit of ${limit}`
  return new RpcError('IRONWIRE_RPC_FRAME_TOO_LARGE', message, { method })
}

/** As Node names what an AbortSignal ends: `name` is 'AbortError', `cause` the signal's reason. */
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

/** The failure that a server reports, from the status, code and message of its error frame. */
function remote(method, status, code, message) {
  const options = { sent: true, method }
  switch (status) {
    case Status.UNKNOWN_METHOD:
      return new RpcError('IRONWIRE_RPC_UNKNOWN_METHOD', `The server has no method "${method}"`, options)
    case Status.DEADLINE:
      return new RpcError('IRONWIRE_RPC_TIMEOUT', `The server ended the ${quoted(method)} at its deadline`, options)
    case Status.TOO_MANY_CALLS:
      return new RpcError(
        'IRONWIRE_RPC_TOO_MANY_CALLS',
        `The server refused the ${quoted(method)}: ${message}`,
        options,
      )
    case Status.CANCELLED:
      return new RpcError('IRONWIRE_RPC_ABORTED', `The server cancelled the ${quoted(method)}`, options)
    case Status.REPLY_TOO_LARGE:
      return new RpcError('IRONWIRE_RPC_FRAME_TOO_LARGE', `The ${quoted(method)} failed: ${message}`, options)
    default: {
      const error = new RpcError(code || 'IRONWIRE_RPC_REMOTE', message, options)
      error.remote = true
      return error
    }
  }
}

/** The text of what a handler gave or threw: anything at all, also what cannot become text or throws when it is looked at. */
function textOf(read, otherwise = 'an error without text') {
  try {
    return String(read())
  } catch {
    return otherwise
  }
}

module.exports = {
  RpcError,
  timeout,
  connectionLost,
  notConnected,
  closed,
  tooManyCalls,
  frameTooLarge,
  aborted,
  protocol,
  remote,
  textOf,
}
