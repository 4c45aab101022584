'use strict'

// Reads the option `secret`. Neither the parsed value nor any error here shows the secret.

const { Buffer } = require('node:buffer')
const { isKeyObject, isUint8Array } = require('node:util/types')
const { bytesOf } = require('../codec/bytes')
const { makeError } = require('../errors')

/** Loaded only when there is a secret: a Node built without OpenSSL has no node:crypto. */
const toKey = (bytes) => require('node:crypto').createSecretKey(bytes)

/**
 * In bytes. An attacker who has recorded a handshake can try some hundred million secrets a second offline. 16 random
 * bytes are safe from that.
 */
const MIN_SECRET = 16

/**
 * The secrets of `options[name]`, one or an array, as KeyObjects, which do not show their content; null without the
 * option. A property that is present but undefined is refused: a forgotten variable must not open a server to everyone.
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

/** Node's own functions for these errors would show the value. */
function wrong(what, name, reason) {
  return makeError(TypeError, `ERR_INVALID_ARG_${what}`, `The property '${name}' ${reason}`, secretOption)
}

/** Whether two lists of secrets are equal, as returned by `secretOption`. */
function sameSecrets(one, other) {
  if (one === null || other === null) return one === other
  return one.length === other.length && one.every((key, i) => key.equals(other[i]))
}

module.exports = { secretOption, sameSecrets, MIN_SECRET }
