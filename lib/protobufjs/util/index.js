'use strict'

// protobufjs's `util`, for reflection, static code, and programs.

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const state = require('./state.js')
const LongBits = require('./longbits.js')
const roots = require('../roots.js')
const patterns = require('./patterns.js')

const has = (object, key) => Object.hasOwn(object, key)

/** Names that could reach a prototype. */
function isUnsafeProperty(key) {
  return key === '__proto__' || key === 'prototype' || key === 'constructor'
}

const isString = (value) => typeof value === 'string' || value instanceof String
const isObject = (value) => value && typeof value === 'object'

/** Whether a field of a message is set. Lists and maps must not be empty. */
function isSet(object, name) {
  const value = object[name]
  if (value == null || !has(object, name)) return false
  if (typeof value !== 'object') return true
  return (Array.isArray(value) ? value.length : Object.keys(value).length) > 0
}

function newBuffer(sizeOrBytes) {
  return typeof sizeOrBytes === 'number' ? Buffer.allocUnsafe(sizeOrBytes) : Buffer.from(sizeOrBytes)
}

/** The encoding of a field, given its encoded value. */
function rawField(id, wireType, data) {
  const tag = []
  let rest = ((id << 3) | wireType) >>> 0
  for (; rest > 127; rest >>>= 7) tag.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...tag, rest]), Buffer.from(data)])
}

const longToHash = (value) => (value ? LongBits.from(value).toHash() : LongBits.zeroHash)

function longFromHash(hash, unsigned) {
  const bits = LongBits.fromHash(hash)
  return util.Long ? util.Long.fromBits(bits.lo, bits.hi, unsigned) : bits.toNumber(Boolean(unsigned))
}

/** The key of a map of 64-bit integers: decimal digits stay as they are, and a hash is converted. */
function longFromKey(key, unsigned) {
  return util.key64Re.test(key) && !util.key32Re.test(key) ? longFromHash(key, unsigned) : key
}

/** `merge(target, ...sources, ifNotSet?)` */
function merge(target, ...sources) {
  const ifNotSet = typeof sources.at(-1) === 'boolean' ? sources.pop() : false
  for (const source of sources) {
    for (const key of Object.keys(source || {})) {
      if (isUnsafeProperty(key)) continue
      if (!ifNotSet || !has(target, key) || target[key] === undefined) target[key] = source[key]
    }
  }
  return target
}

/** Defines an own property of any name, including `__proto__`. */
function makeProp(object, key, enumerable = true) {
  if (!has(object, key)) Object.defineProperty(object, key, { enumerable, configurable: true, writable: true })
}

/** Makes an error class with this name that accepts properties. */
function newError(name) {
  function CustomError(message, properties) {
    if (!(this instanceof CustomError)) return new CustomError(message, properties)
    Object.defineProperty(this, 'message', { get: () => message })
    Error.captureStackTrace(this, CustomError)
    if (properties) merge(this, properties)
  }
  CustomError.prototype = Object.create(Error.prototype, {
    constructor: { value: CustomError, writable: true, configurable: true },
    name: { get: () => name, configurable: true },
    toString: {
      value() {
        return `${this.name}: ${this.message}`
      },
      writable: true,
      configurable: true,
    },
  })
  return CustomError
}

/** The getter of a oneof: the name of the member that was set last. */
function oneOfGetter(names) {
  const members = new Set(names)
  return function get() {
    const keys = Object.keys(this)
    for (let i = keys.length - 1; i >= 0; i--) if (members.has(keys[i]) && this[keys[i]] != null) return keys[i]
    return undefined
  }
}

/** The setter of a oneof: deletes all other members. */
function oneOfSetter(names) {
  return function set(name) {
    for (const other of names) if (other !== name) delete this[other]
  }
}

/** Removes `value` from an object's own properties: at `key`, or elsewhere if it was renamed. */
function remove(object, value, key) {
  if (!object) return false
  const found = key !== undefined && has(object, key) && object[key] === value ? key : undefined
  const name = found ?? Object.keys(object).find((other) => object[other] === value)
  if (name === undefined) return false
  delete object[name]
  return true
}

/** Makes an object of alternating names and values, without those that are undefined. */
function toObject(pairs) {
  const object = {}
  for (let i = 0; i < pairs.length; i += 2) if (pairs[i + 1] !== undefined) object[pairs[i]] = pairs[i + 1]
  return object
}

const isReserved = (name) => patterns.reservedRe.test(name)
const safeProp = (name) =>
  /^[$A-Za-z_][$\w]*$/.test(name) && !isReserved(name) ? `.${name}` : `[${JSON.stringify(name)}]`
const lcFirst = (text) => text.charAt(0).toLowerCase() + text.slice(1)
const ucFirst = (text) => text.charAt(0).toUpperCase() + text.slice(1)
const camelCase = (text) => text.slice(0, 1) + text.slice(1).replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
/** The JSON name, as `protoc` derives it. */
const jsonName = (text) => text.replace(/_+(.?)/g, (_, letter) => letter.toUpperCase())

/** Sets the property at `path` (names separated by dots). If there already is a value, both become a list. */
function setProperty(target, path, value, ifNotSet) {
  if (typeof target !== 'object') throw TypeError('dst must be an object')
  if (!path) throw TypeError('path must be specified')
  const names = path.split('.')
  if (names.length > util.recursionLimit) throw Error('max depth exceeded')
  let object = target
  for (const [i, name] of names.entries()) {
    if (isUnsafeProperty(name)) return target
    if (i < names.length - 1) {
      object[name] ||= {}
      object = object[name]
      continue
    }
    const before = object[name]
    if (before && ifNotSet) return target
    object[name] = before ? [].concat(before, value) : value
  }
  return target
}

/** The reflected type of a decorated class. */
function decorateType(ctor, typeName) {
  const { Type } = require('../type.js')
  const known = ctor.$type
  if (known) {
    if (typeName && known.name !== typeName) {
      util.decorateRoot.remove(known)
      known.name = typeName
      util.decorateRoot.add(known)
    }
    return known
  }
  const type = new Type(typeName || ctor.name)
  util.decorateRoot.add(type)
  type.ctor = ctor
  Object.defineProperty(ctor, '$type', { value: type, enumerable: false })
  Object.defineProperty(ctor.prototype, '$type', { value: type, enumerable: false })
  return type
}

let enums = 0
/** The reflected enum of an object of values. */
function decorateEnum(object) {
  const { Enum } = require('../enum.js')
  if (object.$type) return object.$type
  const reflected = new Enum(`Enum${enums++}`, object)
  util.decorateRoot.add(reflected)
  Object.defineProperty(object, '$type', { value: reflected, enumerable: false })
  return reflected
}

const util = {
  asPromise: require('./aspromise.js'),
  base64: require('./base64.js'),
  EventEmitter: require('./eventemitter.js'),
  float: require('./float.js'),
  utf8: require('./utf8.js'),
  pool: require('./pool.js'),
  LongBits,
  isUnsafeProperty,
  isNode: true,
  global: globalThis,
  emptyArray: Object.freeze([]),
  emptyObject: Object.freeze({}),
  isInteger: Number.isInteger,
  isString,
  isObject,
  isset: isSet,
  isSet,
  Buffer,
  newBuffer,
  rawField,
  Array: Uint8Array,
  Long: state.Long,
  key2Re: /^(?:true|false|0|1)$/,
  key32Re: /^-?(?:0|[1-9][0-9]*)$/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a hash is any eight bytes
  key64Re: /^(?:[\x00-\xff]{8}|-?(?:0|[1-9][0-9]*))$/,
  longToHash,
  longFromHash,
  longFromKey,
  boolFromKey: (key) => key === 'true' || key === '1',
  merge,
  /** How deep declarations may nest; the same as in protoc. */
  nestingLimit: 32,
  /** How deep messages may nest. */
  recursionLimit: 100,
  makeProp,
  lcFirst,
  newError,
  ProtocolError: newError('ProtocolError'),
  oneOfGetter,
  oneOfSetter,
  /** The options that a message's `toJSON` passes to `toObject`. */
  toJSONOptions: { longs: String, enums: String, bytes: String, json: true },
  codegen: require('./codegen.js'),
  fetch: require('./fetch.js'),
  path: require('./path.js'),
  patterns,
  fs,
  toArray: (object) => (object ? Object.values(object) : []),
  toObject,
  remove,
  isReserved,
  safeProp,
  ucFirst,
  camelCase,
  jsonName,
  compareFieldsById: (a, b) => a.id - b.id,
  decorateType,
  decorateEnum,
  setProperty,
}

/** The root of decorated types. */
Object.defineProperty(util, 'decorateRoot', {
  get() {
    roots.decorated ??= new (require('../root.js').Root)()
    return roots.decorated
  },
})

module.exports = util
