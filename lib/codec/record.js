'use strict'

// Records: layouts of consecutive numbers, read and written in a buffer of the caller's.

const { isUint8Array } = require('node:util/types')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../errors')
const { layout } = require('./layout')

const TYPES = ['i8', 'u8']
for (const kind of ['i16', 'u16', 'i32', 'u32', 'i64', 'u64', 'f32', 'f64']) TYPES.push(`${kind}le`, `${kind}be`)

/** Compiles a layout given as an object, or as pairs of name and type. */
function record(fields) {
  if (fields === null || typeof fields !== 'object') {
    throw invalidArgType('fields', 'an instance of Object or Array', fields)
  }
  const pairs = Array.isArray(fields) ? fields : Object.entries(fields)
  const seen = new Set()
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') {
      throw invalidArgValue('fields', pair, 'must be pairs of name and type')
    }
    const [name, type] = pair
    if (!TYPES.includes(type)) throw invalidArgValue(`fields.${name}`, type, `must be one of ${TYPES.join(', ')}`)
    if (seen.has(name)) throw invalidArgValue('fields', name, 'must not name a field twice')
    seen.add(name)
  }
  if (pairs.length === 0) throw invalidArgValue('fields', fields, 'must have at least one field')
  const { size, decode, encode } = layout(pairs)
  return Object.freeze({
    size,
    read(buffer, offset = 0) {
      check(buffer, offset, size)
      return decode(buffer, offset)
    },
    write(buffer, record, offset = 0) {
      // `encode` reads the whole record before it checks the room: getters of the record may change the buffer.
      encode(record, target(buffer), offset)
      return offset + size
    },
  })
}

/** Throws Node's own errors unless the whole record is inside the buffer. */
function check(buffer, offset, size) {
  target(buffer)
  if (typeof offset !== 'number') throw invalidArgType('offset', 'of type number', offset)
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= buffer.length) return
  if (!Number.isInteger(offset)) throw outOfRange('offset', 'an integer', offset)
  if (buffer.length < size) {
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds')
  }
  throw outOfRange('offset', `>= 0 and <= ${buffer.length - size}`, offset)
}

/** Required, because `encode` treats `null` as "no buffer". */
function target(buffer) {
  if (!isUint8Array(buffer)) throw invalidArgType('buffer', 'an instance of Buffer or Uint8Array', buffer)
  return buffer
}

module.exports = { record }
