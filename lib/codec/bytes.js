'use strict'

// Checks of bytes from outside: a Uint8Array of any realm whose buffer is still attached. Its real properties count,
// not those that a subclass claims.

const { isUint8Array } = require('node:util/types')
const { makeError, invalidArgType } = require('../errors')

const typedArray = Object.getPrototypeOf(Uint8Array.prototype)
const own = (name) => Object.getOwnPropertyDescriptor(typedArray, name).get
const lengthOf = own('length')
const ownBufferOf = own('buffer')
const offsetOf = own('byteOffset')
const classOf = own(Symbol.toStringTag)
const { at } = typedArray

/** The bytes of `value`. Throws if it has none; `name` is its name in the error. */
function bytesOf(value, name) {
  if (!isUint8Array(value)) throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value)
  const length = lengthOf.call(value)
  if (length === 0) attached(value, name)
  // A subclass may claim a longer length than it has, and reading that far would expose other memory.
  return value.length === length ? value : new Uint8Array(ownBufferOf.call(value), offsetOf.call(value), length)
}

/** A view has length 0 when its buffer was detached or has shrunk below it; its methods then throw. */
function isAttached(value) {
  try {
    at.call(value, 0)
    return true
  } catch {
    return false
  }
}

function attached(value, name) {
  if (isAttached(value)) return
  const message = `The "${name}" argument has no bytes: its ArrayBuffer was detached, or has shrunk below it`
  throw makeError(TypeError, 'ERR_INVALID_ARG_VALUE', message, bytesOf)
}

/** `length` bytes from `offset` on, of a result of `bytesOf`. */
function rangeOf(bytes, offset, length) {
  return new Uint8Array(ownBufferOf.call(bytes), offsetOf.call(bytes) + offset, length)
}

/**
 * The real number of elements of a typed array; `undefined` if it is not of this class. Throws if its buffer is
 * detached.
 */
function lengthIfOf(value, Elements, name) {
  if (classOf.call(value) === undefined) return undefined
  const length = lengthOf.call(value)
  if (length === 0) attached(value, name)
  return classOf.call(value) === Elements.name ? length : undefined
}

/** The real ArrayBuffer of a Uint8Array. */
const arrayBufferOf = (bytes) => ownBufferOf.call(bytes)

/** The real length of a Uint8Array in bytes. */
const byteCount = (bytes) => lengthOf.call(bytes)

module.exports = { arrayBufferOf, bytesOf, byteCount, isAttached, rangeOf, lengthIfOf }
