'use strict'

// The option `secret`. Nothing here, and no error of it, shows what was given.

const { Buffer } = require('node:buffer')
const { isKeyObject, isUint8Array } = require('node:util/types')
const { bytesOf } = require('../codec/bytes')
const { makeError } = require('../errors')

/** Loaded where there is a secret: a Node that was built without OpenSSL has none. */
const toKey = (bytes) => require('node:crypto').createSecretKey(bytes)

/**
 * In bytes. Whoever overhears a handshake can try secrets at home until one fits, some hundred million a second: 16 random bytes are out of reach of
 * that for good.
 */
const MIN_SECRET = 16

/**
 * The secrets of `options[name]`, which is one or an array of them, as keys that show nothing when they are looked at; null where there is no such option.
 * One that is there and undefined is refused: a variable that was forgotten must not open a server to all.
 */
function secretOption(options, name) {
  if (!(name in options)) return null
  const value = options[name]
  if (!Array.isArray(value)) return [keyOf(value, `options.${name}`)]
  if (value.length === 0) throw wrong('VALUE', `options.${name}`, 'must have at least one secret')
  return value.map((one, i) => keyOf(one, `options.${name}[${i}]`))
}

function keyOf(value, name) {
  let key
  if (isKeyObject(value) && value.type === 'secret') key = value
  else if (typeof value === 'string') key = toKey(Buffer.from(value))
  else if (isUint8Array(value)) key = toKey(bytesOf(value, name))
  else {
    const what = value == null ? value : `a value of type ${typeof value}`
    throw wrong(
      'TYPE',
      name,
      `must be a string, a Buffer, a Uint8Array, a secret KeyObject, or an array. It is ${what}`,
    )
  }
  const size = key.symmetricKeySize
  if (size >= MIN_SECRET) return key
  const why = 'a shorter one can be found by trying. 32 random bytes are a good one'
  throw wrong('VALUE', name, `must have at least ${MIN_SECRET} bytes, but has ${size}: ${why}`)
}

/** Node's own functions for these errors show the value. */
function wrong(what, name, reason) {
  return makeError(TypeError, `ERR_INVALID_ARG_${what}`, `The property '${name}' ${reason}`, secretOption)
}

/** Whether two peers' secrets are the same, each as `secretOption` gives it. */
function sameSecrets(one, other) {
  if (one === null || other === null) return one === other
  return one.length === other.length && one.every((key, i) => key.equals(other[i]))
}

module.exports = { secretOption, sameSecrets, MIN_SECRET }
