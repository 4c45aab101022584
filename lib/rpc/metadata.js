'use strict'

// What travels beside the bodies of a call: keys with values of text, or of bytes where the key ends in `-bin`, as in gRPC.

const { Buffer } = require('node:buffer')
const { inspect } = require('node:util')
const { isUint8Array } = require('node:util/types')
const { invalidArgType, invalidArgValue } = require('../errors')
const { BLOCK_SIZE } = require('./protocol')

const KEY = /^[a-z0-9_.-]{1,255}$/
/** A value's length, and that of all, are 16 bits wide. */
const MAX_BYTES = 0xffff
/** Bytes of an entry besides its key and value: their lengths. */
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

/** Keys in lower case, each with one value or more. The methods are those of `Headers`. */
class Metadata {
  #values = new Map()

  /** From an object of values or lists of values, from entries, or from other metadata. */
  constructor(init) {
    if (init === undefined || init === null) return
    if (typeof init !== 'object') throw invalidArgType('metadata', 'of type object', init)
    for (const [key, value] of typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init)) {
      if (Array.isArray(value)) for (const one of value) this.append(key, one)
      else if (value !== undefined && value !== null) this.append(key, value)
    }
  }

  /** Metadata itself, or what becomes metadata. */
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

  /** The key has this value and no other. */
  set(key, value) {
    key = checkKey(key)
    this.#values.set(key, [checkValue(key, value)])
    return this
  }

  /** The key has this value too. */
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

  /** Entries, of all keys together. */
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

/** As it stands in frames, behind its length; null for what has no entries. Throws when it is too large to be sent at all. */
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
 * The metadata that `bytes` begin with, and how many they are; instead a text that says what it is above, and that limit's name. The splitter has seen
 * that it is well-formed.
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
