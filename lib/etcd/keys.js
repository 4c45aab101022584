'use strict'

// Conversion of keys, values and key ranges between the API and etcd.

const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { invalidArgType, invalidArgValue, outOfRange } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { checkObject } = require('../rpc/options.js')

/** As a key, this is the lowest possible one. As the end of a range, it means "no end". */
const ZERO = Buffer.from([0])

function bytes(value, name) {
  if (typeof value === 'string') return Buffer.from(value)
  if (isUint8Array(value)) return value
  throw invalidArgType(name, 'of type string or an instance of Buffer or Uint8Array', value)
}

function key(value, name = 'key') {
  const found = bytes(value, name)
  if (found.length === 0) throw invalidArgValue(name, value, 'must not be empty: etcd has no empty key')
  return found
}

/** The first key after all keys that begin with `prefix`. */
function behind(prefix) {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i] === 255) continue
    const end = Buffer.from(prefix.subarray(0, i + 1))
    end[i]++
    return end
  }
  return ZERO
}

/** Returns `{ key, rangeEnd }` for a key, `{ prefix }`, or `{ from, to }`, where `to` is exclusive. */
function range(given, name = 'key') {
  if (typeof given === 'string' || isUint8Array(given)) return { key: key(given, name) }
  const { prefix, from, to } = checkObject(given, name)
  refuseUnknown(given, ['prefix', 'from', 'to'], name)
  if (prefix !== undefined) {
    if (from !== undefined || to !== undefined)
      throw invalidArgValue(name, given, "must have 'prefix', or 'from' and 'to'")
    const start = bytes(prefix, `${name}.prefix`)
    return { key: start.length === 0 ? ZERO : start, rangeEnd: behind(start) }
  }
  if (from === undefined) throw invalidArgValue(name, given, "must have 'prefix', or 'from' and 'to'")
  return { key: key(from, `${name}.from`), rangeEnd: to === undefined ? ZERO : key(to, `${name}.to`) }
}

/** Reads a 64-bit number (revision, count, lease): a number while it is exact, a BigInt above that. */
function whole(options, name, path = 'options') {
  const value = options[name]
  if (value === undefined) return 0
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw invalidArgType(`${path}.${name}`, 'of type number or bigint', value)
  }
  if (value < 0 || value > 2n ** 63n - 1n || (typeof value === 'number' && !Number.isSafeInteger(value))) {
    throw outOfRange(`${path}.${name}`, 'an integer >= 0 (a BigInt from 2 ** 53 on)', value)
  }
  return value
}

module.exports = { bytes, key, range, whole }
