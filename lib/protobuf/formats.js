'use strict'

// JSON and text format. Rust converts both from and to the binary format directly. If the caller has or wants an
// object, the message's own `encode` or `decode` does the other half.

const { Buffer } = require('node:buffer')
const { types } = require('node:util')
const { invalidArgType, makeError } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const binding = require('../../binding.js')
const { notDetached } = require('./write.js')

// The options of each direction, and their flags.
const { UNKNOWN, PARTIAL, DEFAULTS, PROTO_NAMES, ENUM_NUMBERS, SINGLE_LINE } = require('../constants.js').formats
const READING = { ignoreUnknown: UNKNOWN, partial: PARTIAL }
const JSON_PRINTING = { partial: PARTIAL, defaults: DEFAULTS, protoNames: PROTO_NAMES, enumNumbers: ENUM_NUMBERS }
const TEXT_PRINTING = { unknown: UNKNOWN, partial: PARTIAL, singleLine: SINGLE_LINE }

/** The schema and the index of each message object. */
const origins = new WeakMap()

function origin(message) {
  const found = origins.get(message)
  if (found === undefined) throw invalidArgType('message', "a message of a schema made by 'protobuf()'", message)
  return found
}

/** Rethrows a native error with the stack of the called function. */
function rethrow(error, at) {
  throw isRefusal(error) ? makeError(Error, error.code, error.message, at) : error
}

/** Whether the error comes from the codec itself. */
function isRefusal(error) {
  return String(error.code).startsWith('IRONWIRE_')
}

function flags(options, known) {
  if (options === undefined || options === null) return 0
  if (typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, Object.keys(known))
  let all = 0
  for (const name of Object.keys(known)) if (options[name]) all |= known[name]
  return all
}

/** The native codec of a schema, created at the first use. */
function codecOf(schema) {
  const { depth, maxSize: size, maxValues: values } = schema.settings
  schema.codec ??= new binding.ProtoCodec(schema.native, { depth, size, values })
  return schema.codec
}

function bytes(name, value, or = '') {
  if (!types.isUint8Array(value)) throw invalidArgType(name, `${or}an instance of Buffer or Uint8Array`, value)
  if (value.length === 0) notDetached(value)
  return unshared(value)
}

/**
 * Copies shared memory: another thread could change it while Rust reads it, and text that was checked to be UTF-8 must
 * stay so.
 */
function unshared(value) {
  return types.isSharedArrayBuffer(value.buffer) ? Buffer.from(value) : value
}

function binaryToJson(message, buffer, options) {
  const { schema, id } = origin(message)
  const mode = flags(options, JSON_PRINTING)
  const binary = bytes('buffer', buffer)
  try {
    return codecOf(schema).binaryToJson(id, binary, mode)
  } catch (error) {
    rethrow(error, binaryToJson)
  }
}

function jsonToBinary(message, json, options) {
  const { schema, id } = origin(message)
  const codec = codecOf(schema)
  const mode = flags(options, READING)
  const isText = typeof json === 'string'
  const source = isText ? json : bytes('json', json, 'of type string or ')
  try {
    const convert = isText ? codec.jsonToBinary : codec.jsonBytesToBinary
    const binary = Buffer.allocUnsafe(convert.call(codec, id, source, mode))
    codec.take(binary)
    return binary
  } catch (error) {
    rethrow(error, jsonToBinary)
  }
}

function binaryToText(message, buffer, options) {
  const { schema, id } = origin(message)
  const mode = flags(options, TEXT_PRINTING)
  const binary = bytes('buffer', buffer)
  try {
    return codecOf(schema).binaryToText(id, binary, mode)
  } catch (error) {
    rethrow(error, binaryToText)
  }
}

function textToBinary(message, text, options) {
  const { schema, id } = origin(message)
  const mode = flags(options, READING)
  if (typeof text === 'string' && !text.isWellFormed()) {
    throw makeError(Error, 'IRONWIRE_PROTOBUF_UTF8', 'The text has a lone surrogate', textToBinary)
  }
  const source = typeof text === 'string' ? Buffer.from(text) : bytes('text', text, 'of type string or ')
  try {
    return codecOf(schema).textToBinary(id, source, mode)
  } catch (error) {
    rethrow(error, textToBinary)
  }
}

const formats = {
  binaryToJson,
  jsonToBinary,
  binaryToText,
  textToBinary,
  toJson: (message, object, options) => binaryToJson(message, message.encode(object), options),
  fromJson: (message, json, options) => message.decode(jsonToBinary(message, json, options)),
  toText: (message, object, options) => binaryToText(message, message.encode(object), options),
  fromText: (message, text, options) => message.decode(textToBinary(message, text, options)),
}

module.exports = { UNKNOWN, formats, origin, origins, codecOf, isRefusal, bytes, unshared }
