'use strict'

// The etcd client: keys, transactions, watches and leases.

const process = require('node:process')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { connectivityState } = require('../grpc/constants.js')
const { refuseUnknown } = require('../options.js')
const { checkObject, duration, flag } = require('../rpc/options.js')
const { answered } = require('./answered.js')
const { Emitter } = require('./emitter.js')
const errors = require('./errors.js')
const { KeepAlives } = require('./keep-alives.js')
const keys = require('./keys.js')
const { Lease, readTtl } = require('./lease.js')
const operations = require('./operations.js')
const { connectOptions } = require('./options.js')
const { Pool } = require('./pool.js')
const { Request } = require('./request.js')
const { methods } = require('./schema.js')
const { Watcher, WatchStream, readWatch } = require('./watch.js')

const { READY } = connectivityState
const NO_OPTIONS = Object.freeze({})
const asIs = (reply) => reply

/** Null when `get` finds nothing. */
const firstOf = ({ kvs }) => (kvs.length === 0 ? null : kvs[0])

class Client extends Emitter {
  constructor(endpoints, options) {
    super()
    this.options = connectOptions(endpoints, options)
    this.pool = new Pool(this.options, (event) => process.nextTick(() => this.emit(event)))
    this.watches = new WatchStream(this.pool)
    this.keepAlives = new KeepAlives(this.pool)
  }

  /** `[{ endpoint, connected }]`. */
  get endpoints() {
    return this.pool.endpoints.map((endpoint) => ({ endpoint: endpoint.name, connected: endpoint.state === READY }))
  }

  /** Reads a key: its entry, or null. */
  get(key, options, callback) {
    return this.#ask('KV/Range', options, callback, (rest) => operations.rangeRequest(keys.key(key), rest), firstOf)
  }

  /** Reads the entries of a key, a prefix, or the range from one key to another. */
  range(target, options, callback) {
    const message = (rest) => operations.rangeRequest(target, rest)
    return this.#ask('KV/Range', options, callback, message, operations.rangeReply)
  }

  put(key, value, options, callback) {
    const message = (rest) => operations.putRequest(key, value, rest)
    return this.#ask('KV/Put', options, callback, message, operations.putReply)
  }

  delete(target, options, callback) {
    const message = (rest) => operations.deleteRequest(target, rest)
    return this.#ask('KV/DeleteRange', options, callback, message, operations.deleteReply)
  }

  /**
   * Runs a transaction `{ compare, success, failure }`: all operations of `success` if the comparisons hold, else all
   * of `failure`.
   */
  txn(transaction, options, callback) {
    return this.#ask(
      'KV/Txn',
      options,
      callback,
      (rest) => bare(rest, operations.txnRequest(transaction)),
      operations.txnReply,
    )
  }

  /** Discards the history before a revision. */
  compact(revision, options, callback) {
    const message = ({ physical, ...rest }) =>
      bare(rest, { revision: keys.whole({ revision }, 'revision'), physical: flag({ physical }, 'physical', false) })
    return this.#ask('KV/Compact', options, callback, message, (reply) => ({ revision: operations.revisionOf(reply) }))
  }

  /** Calls any method of etcd without streams, given as `Service/Method`. Message and reply are passed unchanged. */
  call(name, message, options, callback) {
    const method = methods().get(name)
    if (method === undefined || method.isStream) {
      throw invalidArgValue('name', name, "must be a method of etcd that has no streams, such as 'Maintenance/Status'")
    }
    return this.#ask(name, options, callback, (rest) => bare(rest, message ?? {}), asIs)
  }

  /** Watches a key, a prefix, or the range from one key to another. */
  watch(target, options = NO_OPTIONS) {
    return new Watcher(this, keys.range(target), readWatch(options)).begin()
  }

  /** Creates a lease of `ttl` seconds. It is kept alive until it is revoked, and granted again if it is lost. */
  lease(ttl, callback) {
    return answered(callback, (answer) => {
      const lease = new Lease(this, readTtl(ttl))
      lease.beginOnce((error) => (error === null ? answer(null, lease) : answer(error)))
    })
  }

  #ask(name, options, callback, message, reply) {
    if (typeof options === 'function') {
      callback = options
      options = NO_OPTIONS
    }
    return answered(callback, (answer) => this.request(name, options ?? NO_OPTIONS, message, reply, answer))
  }

  request(name, options, message, reply, answer) {
    const { timeout: _, idempotent, signal, ...rest } = checkObject(options)
    const method = methods().get(name)
    const settings = {
      timeout: duration(options, 'timeout', this.options.timeout),
      idempotent: flag({ idempotent }, 'idempotent', false),
      isLocal: rest.serializable === true || method.isLocal,
      signal: checkSignal(signal),
    }
    new Request(this.pool, method, message(rest), settings, (error, answered) => {
      if (error !== null) return answer(error)
      let value
      try {
        value = reply(answered)
      } catch {
        return answer(errors.senseless(name))
      }
      answer(null, value)
    }).go()
  }

  /** Ends watches, and leaves leases to expire. Requests that were already sent may still be answered. */
  close() {
    if (this.pool.isClosed) return
    this.watches.close()
    this.keepAlives.close()
    this.pool.close()
    this.release()
  }

  /** Lets the process exit although watches and leases are open. */
  unref() {
    this.pool.isRefed = false
    this.pool.keep()
    return this
  }

  ref() {
    this.pool.isRefed = true
    this.pool.keep()
    return this
  }
}

/** For a message without options of its own: refuses unknown options. */
function bare(rest, message) {
  refuseUnknown(rest, ['timeout', 'idempotent', 'signal'])
  return message
}

function checkSignal(signal) {
  if (signal === undefined || (typeof signal === 'object' && signal !== null && 'aborted' in signal)) return signal
  throw invalidArgType('options.signal', 'an instance of AbortSignal', signal)
}

module.exports = { Client }
