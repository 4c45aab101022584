'use strict'

// Metadata of a call: keys with text values, or with bytes if the key ends in `-bin`, as in gRPC.

const { Buffer } = require('node:buffer')
const { inspect } = require('node:util')
const { isUint8Array } = require('node:util/types')
const { invalidArgType, invalidArgValue } = require('../errors')
const { BLOCK_SIZE } = require('./protocol')

const KEY = /^[a-z0-9_.-]{1,255}$/
/** The length of a value, and the total length, are 16-bit numbers. */
const MAX_BYTES = 0xffff
/** Bytes of an entry besides its key and value: the two length fields. */
const ENTRY = 1 + 2

function checkKey(key) {
  if (typeof key !== 'string') throw invalidArgType('key', 'of type string', key)
  const lower = key.toLowerCase()
  if (!KEY.test(lower)) {
    throw invalidArgValue('key', key, "must have 1 to 255 letters, digits, '-', '_' or '.'")
  }
  return lower
}

function checkValue(key, value) {
  if (key.endsWith('-bin')) {
    if (!isUint8Array(value)) throw invalidArgType('value', `an instance of Buffer or Uint8Array for ${key}`, value)
    return Buffer.from(value)
  }
  if (typeof value !== 'string') {
    throw invalidArgType('value', `of type string for ${key}: only keys that end in "-bin" have bytes`, value)
  }
  if (!value.isWellFormed()) throw invalidArgValue('value', value, 'must be well-formed: it has a lone surrogate')
  return value
}

/** A map of lower-case keys to one or more values. The methods are those of `Headers`. */
class Metadata {
  #values = new Map()

  /** `init` is an object with values or arrays of values, an iterable of entries, or other metadata. */
  constructor(init) {
    if (init === undefined || init === null) return
    if (typeof init !== 'object') throw invalidArgType('metadata', 'of type object', init)
    for (const [key, value] of typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init)) {
      if (Array.isArray(value)) for (const one of value) this.append(key, one)
      else if (value !== undefined && value !== null) this.append(key, value)
    }
  }

  /** Returns metadata unchanged, and makes metadata of anything else. */
  static from(value) {
    return typeof value === 'object' && value !== null && #values in value ? value : new Metadata(value)
  }

  /** The last value of the key. */
  get(key) {
    return this.#values.get(checkKey(key))?.at(-1)
  }

  getAll(key) {
    return [...(this.#values.get(checkKey(key)) ?? [])]
  }

  has(key) {
    return this.#values.has(checkKey(key))
  }

  /** Sets the key to this one value. */
  set(key, value) {
    key = checkKey(key)
    this.#values.set(key, [checkValue(key, value)])
    return this
  }

  /** Adds a value to the key. */
  append(key, value) {
    key = checkKey(key)
    value = checkValue(key, value)
    const values = this.#values.get(key)
    if (values === undefined) this.#values.set(key, [value])
    else values.push(value)
    return this
  }

  delete(key) {
    return this.#values.delete(checkKey(key))
  }

  /** The number of entries, over all keys. */
  get size() {
    let size = 0
    for (const values of this.#values.values()) size += values.length
    return size
  }

  *[Symbol.iterator]() {
    for (const [key, values] of this.#values) for (const value of values) yield [key, value]
  }

  toJSON() {
    return Object.fromEntries(this.#values)
  }

  [inspect.custom](depth, options) {
    return `Metadata ${inspect(this.toJSON(), { ...options, depth })}`
  }
}

/**
 * Encodes metadata as it stands in frames, with its length first; null when there are no entries. Throws when it is too
 * large to be sent.
 */
function encodeMetadata(given) {
  if (given === undefined || given === null) return null
  const metadata = Metadata.from(given)
  const parts = [Buffer.alloc(BLOCK_SIZE)]
  let size = 0
  for (const [key, value] of metadata) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    size += ENTRY + key.length + bytes.length
    if (size > MAX_BYTES) {
      throw invalidArgValue('metadata', metadata, `must take no more than ${MAX_BYTES} bytes together`)
    }
    const head = Buffer.from([key.length, ...Buffer.from(key, 'latin1'), bytes.length >> 8, bytes.length & 0xff])
    parts.push(head, bytes)
  }
  if (size === 0) return null
  parts[0].writeUInt16BE(size)
  return Buffer.concat(parts, BLOCK_SIZE + size)
}

/**
 * Decodes the metadata at the beginning of `bytes`; `end` is its size. If a limit is exceeded, `metadata` is null,
 * `above` describes it and `limit` is the name of the option. The Rust splitter has already checked that the encoding
 * is well-formed.
 */
function decodeMetadata(bytes, { maxMetadataBytes, maxMetadataEntries }) {
  const length = bytes.readUInt16BE(0)
  const end = BLOCK_SIZE + length
  if (length > maxMetadataBytes) {
    const above = `metadata of ${length} bytes is above the limit of ${maxMetadataBytes}`
    return { end, metadata: null, above, limit: 'maxMetadataBytes' }
  }
  const metadata = new Metadata()
  let at = BLOCK_SIZE
  for (let entries = 1; at < end; entries++) {
    if (entries > maxMetadataEntries) {
      const above = `metadata has more entries than the limit of ${maxMetadataEntries}`
      return { end, metadata: null, above, limit: 'maxMetadataEntries' }
    }
    const keyEnd = at + 1 + bytes[at]
    const key = bytes.latin1Slice(at + 1, keyEnd)
    const valueEnd = keyEnd + 2 + bytes.readUInt16BE(keyEnd)
    metadata.append(
      key,
      key.endsWith('-bin') ? bytes.subarray(keyEnd + 2, valueEnd) : bytes.utf8Slice(keyEnd + 2, valueEnd),
    )
    at = valueEnd
  }
  return { end, metadata, above: null }
}

module.exports = { Metadata, encodeMetadata, decodeMetadata }
