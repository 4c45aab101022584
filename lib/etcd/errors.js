'use strict'

// The errors of etcd requests. docs/etcd.md lists them with their meaning.

const { status } = require('../grpc/constants.js')

/** The error code for each status that etcd returns. */
const CODES = {
  [status.CANCELLED]: 'IRONWIRE_ETCD_UNAVAILABLE',
  [status.UNAVAILABLE]: 'IRONWIRE_ETCD_UNAVAILABLE',
  [status.DEADLINE_EXCEEDED]: 'IRONWIRE_ETCD_TIMEOUT',
  [status.UNAUTHENTICATED]: 'IRONWIRE_ETCD_UNAUTHENTICATED',
  [status.PERMISSION_DENIED]: 'IRONWIRE_ETCD_DENIED',
  [status.RESOURCE_EXHAUSTED]: 'IRONWIRE_ETCD_EXHAUSTED',
}

/** etcd uses the same status for some unrelated errors; these are distinguished by their text. */
const CODES_OF_TEXTS = {
  'etcdserver: mvcc: required revision has been compacted': 'IRONWIRE_ETCD_COMPACTED',
  'etcdserver: requested lease not found': 'IRONWIRE_ETCD_LEASE_NOT_FOUND',
  'etcdserver: authentication failed, invalid user ID or password': 'IRONWIRE_ETCD_UNAUTHENTICATED',
  'etcdserver: user name is empty': 'IRONWIRE_ETCD_UNAUTHENTICATED',
}

/**
 * A failed request. `sent: false` guarantees that etcd has not executed it and never will; `sent: true` means that it
 * may have. `status` is the gRPC status, `details` the text from etcd.
 */
class EtcdError extends Error {
  constructor(code, message, { sent = false, status, details, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.sent = sent
    if (status !== undefined) this.status = status
    if (details !== undefined) this.details = details
  }
}

Object.defineProperty(EtcdError.prototype, 'name', { value: 'EtcdError', configurable: true, writable: true })

/** Converts the error of a gRPC call. */
function failed(name, where, { code, details }, sent) {
  const known = CODES_OF_TEXTS[details] ?? CODES[code] ?? 'IRONWIRE_ETCD_REFUSED'
  return new EtcdError(known, `etcd's ${name} failed at ${where}: ${details}`, { sent, status: code, details })
}

function timeout(name, milliseconds, sent, cause) {
  const why = cause === undefined ? '' : `. The last failure: ${cause.message}`
  const message = `etcd's ${name} had no answer within ${milliseconds} ms${why}`
  return new EtcdError('IRONWIRE_ETCD_TIMEOUT', message, { sent, status: status.DEADLINE_EXCEEDED, cause })
}

/** The answer is not valid: another server, or something in between, has answered. */
function senseless(name) {
  return new EtcdError('IRONWIRE_ETCD_UNAVAILABLE', `etcd's ${name} returned an answer that is not valid`, {
    sent: true,
  })
}

/** Why a request waits. gRPC's text reads "No connection established. Last error: …. Resolution note: …". */
function notConnected(where, details) {
  const [, reason = details] = /Last error: (?:Error: )?(.*?)\. Resolution note:/s.exec(details) ?? []
  const message = `There is no connection to ${where}: ${reason}`
  return new EtcdError('IRONWIRE_ETCD_UNAVAILABLE', message, { status: status.UNAVAILABLE, details })
}

/** Like Node's error for an aborted AbortSignal: `name` is 'AbortError' and `cause` is the signal's reason. */
function aborted(name, sent, reason) {
  const error = new EtcdError('IRONWIRE_ETCD_ABORTED', `etcd's ${name} was aborted`, { sent, cause: reason })
  Object.defineProperty(error, 'name', { value: 'AbortError', configurable: true, writable: true })
  return error
}

function closed(name, sent) {
  return new EtcdError('IRONWIRE_ETCD_CLOSED', `etcd's ${name} was not answered: the client is closed`, { sent })
}

/** A key was not written before its lease ended, or before another value was set. */
function leaseEnded() {
  return new EtcdError(
    'IRONWIRE_ETCD_CLOSED',
    'The key was not written: its lease has ended, or a later put() has replaced this one',
  )
}

/** etcd ended a watch and would end it again. */
function watchRefused(reason) {
  const code = /permission denied|auth/.test(reason) ? 'IRONWIRE_ETCD_DENIED' : 'IRONWIRE_ETCD_REFUSED'
  return new EtcdError(code, `etcd has ended the watch: ${reason}`, { sent: true, details: reason })
}

function watchTooLarge(most) {
  const message = `The watch has ended: its entries take more than ${most} bytes (options.maxWatchBytes)`
  return new EtcdError('IRONWIRE_ETCD_EXHAUSTED', message)
}

module.exports = {
  EtcdError,
  failed,
  senseless,
  timeout,
  notConnected,
  aborted,
  closed,
  leaseEnded,
  watchRefused,
  watchTooLarge,
}
