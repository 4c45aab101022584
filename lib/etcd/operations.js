'use strict'

// Conversion of key operations and their replies between the API and etcd, alone and in transactions.

const { invalidArgType, invalidArgValue } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { checkObject, flag } = require('../rpc/options.js')
const keys = require('./keys.js')

const ORDERS = { ascending: 1, descending: 2 }
const TARGETS = { key: 0, version: 1, createRevision: 2, modRevision: 3, value: 4 }
const RESULTS = { '=': 0, '>': 1, '<': 2, '!=': 3 }
const COMPARED = { version: 0, createRevision: 1, modRevision: 2, value: 3, lease: 4 }
/** The largest depth of nested transactions. */
const DEPTH = 16

function oneOf(table, value, name) {
  if (Object.hasOwn(table, value)) return table[value]
  const names = Object.keys(table).map((key) => `'${key}'`)
  throw invalidArgValue(name, value, `must be ${names.slice(0, -1).join(', ')} or ${names.at(-1)}`)
}

const RANGE = ['limit', 'revision', 'serializable', 'sort', 'keysOnly', 'countOnly']

function rangeRequest(target, options) {
  refuseUnknown(options, RANGE)
  const request = keys.range(target)
  request.limit = keys.whole(options, 'limit')
  request.revision = keys.whole(options, 'revision')
  request.serializable = flag(options, 'serializable', false)
  request.keysOnly = flag(options, 'keysOnly', false)
  request.countOnly = flag(options, 'countOnly', false)
  if (options.sort === undefined) return request
  const { by = 'key', order = 'ascending' } = checkObject(options.sort, 'options.sort')
  refuseUnknown(options.sort, ['by', 'order'], 'options.sort')
  request.sortTarget = oneOf(TARGETS, by, 'options.sort.by')
  request.sortOrder = oneOf(ORDERS, order, 'options.sort.order')
  return request
}

const PUT = ['lease', 'previous', 'keepValue', 'keepLease']

function putRequest(key, value, options) {
  refuseUnknown(options, PUT)
  const keepsValue = flag(options, 'keepValue', false)
  if (keepsValue && value != null) throw invalidArgValue('value', value, "must be null with 'keepValue'")
  return {
    key: keys.key(key),
    value: keepsValue ? undefined : keys.bytes(value, 'value'),
    lease: keys.whole(options, 'lease'),
    prevKv: flag(options, 'previous', false),
    ignoreValue: keepsValue,
    ignoreLease: flag(options, 'keepLease', false),
  }
}

function deleteRequest(target, options) {
  refuseUnknown(options, ['previous'])
  return { ...keys.range(target), prevKv: flag(options, 'previous', false) }
}

/** Reads a comparison: `{ key, is, version | createRevision | modRevision | value | lease }`. */
function comparison(given, i) {
  const name = `compare[${i}]`
  const { key, is = '=', ...rest } = checkObject(given, name)
  refuseUnknown(rest, Object.keys(COMPARED), name)
  const [what, ...more] = Object.keys(rest)
  if (what === undefined || more.length > 0) {
    throw invalidArgValue(name, given, `must compare one of ${Object.keys(COMPARED).join(', ')}`)
  }
  const value = what === 'value' ? keys.bytes(rest.value, `${name}.value`) : keys.whole(rest, what, name)
  return {
    ...keys.range(key, `${name}.key`),
    result: oneOf(RESULTS, is, `${name}.is`),
    target: COMPARED[what],
    [what]: value,
  }
}

function operation(given, depth) {
  const { get, put, delete: remove, txn, value, ...options } = checkObject(given, 'operation')
  const named = [get, put, remove, txn].filter((it) => it !== undefined).length
  if (named !== 1) throw invalidArgValue('operation', given, "must have one of 'get', 'put', 'delete' and 'txn'")
  if (get !== undefined) return { requestRange: rangeRequest(get, options) }
  if (put !== undefined) return { requestPut: putRequest(put, value, options) }
  if (remove !== undefined) return { requestDeleteRange: deleteRequest(remove, options) }
  return { requestTxn: txnRequest(txn, depth + 1) }
}

function txnRequest(given, depth = 0) {
  const { compare = [], success = [], failure = [] } = checkObject(given, 'txn')
  refuseUnknown(given, ['compare', 'success', 'failure'], 'txn')
  for (const [name, value] of Object.entries({ compare, success, failure })) {
    if (!Array.isArray(value)) throw invalidArgType(`txn.${name}`, 'an instance of Array', value)
  }
  if (depth > DEPTH) throw invalidArgValue('txn', given, `must not nest deeper than ${DEPTH}`)
  return {
    compare: compare.map(comparison),
    success: success.map((it) => operation(it, depth)),
    failure: failure.map((it) => operation(it, depth)),
  }
}

// --- replies

const revisionOf = ({ header }) => header?.revision ?? 0

const rangeReply = (reply) => ({
  entries: reply.kvs,
  more: reply.more,
  count: reply.count,
  revision: revisionOf(reply),
})

const putReply = (reply) => ({ revision: revisionOf(reply), previous: reply.prevKv ?? null })

const deleteReply = (reply) => ({ revision: revisionOf(reply), deleted: reply.deleted, previous: reply.prevKvs })

function result({ responseRange, responsePut, responseDeleteRange, responseTxn }) {
  if (responseRange != null) return rangeReply(responseRange)
  if (responsePut != null) return putReply(responsePut)
  if (responseDeleteRange != null) return deleteReply(responseDeleteRange)
  return txnReply(responseTxn)
}

const txnReply = (reply) => ({
  succeeded: reply.succeeded,
  revision: revisionOf(reply),
  results: reply.responses.map(result),
})

module.exports = {
  rangeRequest,
  putRequest,
  deleteRequest,
  txnRequest,
  revisionOf,
  rangeReply,
  putReply,
  deleteReply,
  txnReply,
}
