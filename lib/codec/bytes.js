'use strict'

// What counts as bytes from outside: a Uint8Array of any realm whose buffer is still there, for what it has and not for what it says.

const { isUint8Array } = require('node:util/types')
const { makeError, invalidArgType } = require('../errors')

const typedArray = Object.getPrototypeOf(Uint8Array.prototype)
const own = (name) => Object.getOwnPropertyDescriptor(typedArray, name).get
const lengthOf = own('length')
const ownBufferOf = own('buffer')
const offsetOf = own('byteOffset')
const classOf = own(Symbol.toStringTag)
const { at } = typedArray

/** The bytes of `value`; throws where it has none, calling it `name`. */
function bytesOf(value, name) {
  if (!isUint8Array(value)) throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value)
  const length = lengthOf.call(value)
  if (length === 0) attached(value, name)
  // A class of its own may claim another length: what it claimed and has not would be memory of others.
  return value.length === length ? value : new Uint8Array(ownBufferOf.call(value), offsetOf.call(value), length)
}

/** A view looks empty once its buffer is detached or has shrunk below it; then none of its methods can be called. */
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

/** `length` bytes from `offset` of what `bytesOf` has given. */
function rangeOf(bytes, offset, length) {
  return new Uint8Array(ownBufferOf.call(bytes), offsetOf.call(bytes) + offset, length)
}

/** How many elements a typed array has, whatever it says; `undefined` where it is not of that class. Throws where its buffer is gone. */
function lengthIfOf(value, Elements, name) {
  if (classOf.call(value) === undefined) return undefined
  const length = lengthOf.call(value)
  if (length === 0) attached(value, name)
  return classOf.call(value) === Elements.name ? length : undefined
}

/** The ArrayBuffer of a Uint8Array, whatever it says. */
const arrayBufferOf = (bytes) => ownBufferOf.call(bytes)

/** How many bytes a Uint8Array has, whatever it says. */
const byteCount = (bytes) => lengthOf.call(bytes)

module.exports = { arrayBufferOf, bytesOf, byteCount, isAttached, rangeOf, lengthIfOf }
