'use strict'

// Checks the options of a framer and converts them for Rust.

const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { invalidArgType, invalidArgValue, outOfRange } = require('../../errors')
const { refuseUnknown } = require('../../options')
const { bytesOf } = require('../bytes')

/** Each message is held in memory as a whole; larger data should be sent in pieces. */
const DEFAULT_MAX_LENGTH = 16 * 2 ** 20
/** The largest possible message: with what surrounds it, it still fits into a Buffer of any version of Node. */
const MOST = 2 ** 31 - 1 - 3 * 65535

const MOST_AROUND = 65535
const MOST_DELIMITER = 256

const LENGTH = /^u(8|16|24|32|40|48|56|64)(be|le)?$/
const COUNTS = ['message', 'rest', 'frame']
const STUFFINGS = ['cobs', 'slip']
/** The kinds of framing, and the options that go with each. */
const KINDS = {
  __proto__: null,
  length: ['offset', 'gap', 'trailer', 'counts', 'strip', 'maxLength'],
  delimiter: ['strip', 'unterminated', 'maxLength'],
  size: [],
  stuffing: ['maxLength'],
}

function integer(options, name, fallback, least, most) {
  const value = options[name] ?? fallback
  if (typeof value !== 'number') throw invalidArgType(`options.${name}`, 'of type number', value)
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw outOfRange(`options.${name}`, `an integer >= ${least} and <= ${most}`, value)
  }
  return value
}

function flag(options, name, fallback) {
  const value = options[name] ?? fallback
  if (typeof value !== 'boolean') throw invalidArgType(`options.${name}`, 'of type boolean', value)
  return value
}

function oneOf(options, name, known, fallback) {
  const value = options[name] ?? fallback
  if (!known.includes(value)) throw invalidArgValue(`options.${name}`, value, `must be one of ${known.join(', ')}`)
  return value
}

/** The width in bytes and the byte order of a length field. The width of a varint is 0. */
function prefixOf({ length }) {
  if (length === 'varint') return { width: 0, littleEndian: false, most: MOST }
  const [, bits, order] = (typeof length === 'string' && LENGTH.exec(length)) || []
  if (bits === undefined || (order === undefined && bits !== '8')) {
    throw invalidArgValue(
      'options.length',
      length,
      "must be 'varint', 'u8', or 'u16be' to 'u64le' with a multiple of 8 bits",
    )
  }
  return { width: bits / 8, littleEndian: order === 'le', most: 2 ** bits - 1 }
}

function delimiterOf({ delimiter }) {
  if (typeof delimiter !== 'string' && !isUint8Array(delimiter)) {
    throw invalidArgType('options.delimiter', 'of type string or an instance of Buffer or Uint8Array', delimiter)
  }
  const bytes = Buffer.from(typeof delimiter === 'string' ? delimiter : bytesOf(delimiter, 'options.delimiter'))
  if (bytes.length === 0 || bytes.length > MOST_DELIMITER) {
    throw invalidArgValue('options.delimiter', delimiter, `must have 1 to ${MOST_DELIMITER} bytes`)
  }
  return bytes
}

/** Checks the options and fills in the defaults. `kind` is the kind of framing. */
function framingOf(options) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  const kinds = Object.keys(KINDS).filter((name) => options[name] !== undefined)
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? 'none' : kinds.join(' and ')
    throw invalidArgValue(
      'options',
      options,
      `must have exactly one of ${Object.keys(KINDS).join(', ')}, but has ${found}`,
    )
  }
  const [kind] = kinds
  refuseUnknown(options, [kind, ...KINDS[kind]])
  if (kind === 'size') {
    const size = integer(options, 'size', undefined, 1, MOST)
    return { kind, size, strip: true, maxLength: size }
  }
  if (kind === 'stuffing') {
    const stuffing = oneOf(options, 'stuffing', STUFFINGS)
    return { kind, stuffing, strip: true, maxLength: integer(options, 'maxLength', DEFAULT_MAX_LENGTH, 0, MOST) }
  }
  const strip = flag(options, 'strip', true)
  if (kind === 'delimiter') {
    const delimiter = delimiterOf(options)
    const maxLength = integer(options, 'maxLength', DEFAULT_MAX_LENGTH, 0, MOST)
    return { kind, delimiter, strip, unterminated: flag(options, 'unterminated', false), maxLength }
  }
  const { width, littleEndian, most } = prefixOf(options)
  const counts = oneOf(options, 'counts', COUNTS, 'message')
  const [before, after, trailer] = ['offset', 'gap', 'trailer'].map((name) => integer(options, name, 0, 0, MOST_AROUND))
  // The number of bytes that the length field counts besides the message.
  const besides = counts === 'message' ? 0 : after + trailer + (counts === 'frame' ? before + width : 0)
  const longest = Math.min(most - besides, MOST)
  if (longest < 0)
    throw invalidArgValue(
      'options',
      options,
      `has a length of ${width} bytes, which is too small to count the ${besides} bytes around a message`,
    )
  const maxLength = integer(options, 'maxLength', Math.min(DEFAULT_MAX_LENGTH, longest), 0, longest)
  return { kind, width, littleEndian, counts, before, after, trailer, strip, maxLength }
}

module.exports = { framingOf }
