'use strict'

// `Metadata` as in @grpc/grpc-js. Received metadata stays one string until it is read.

const { Buffer } = require('node:buffer')

const LEGAL_KEY = /^[:0-9a-z_.-]+$/
const LEGAL_VALUE = /^[ -~]*$/
const NUL = '\0'

const isBinary = (key) => key.endsWith('-bin')

function validate(key, value) {
  if (!LEGAL_KEY.test(key)) throw new Error(`Metadata key "${key}" contains illegal characters`)
  if (value == null) return
  if (isBinary(key)) {
    if (!Buffer.isBuffer(value)) throw new Error("keys that end with '-bin' must have Buffer values")
  } else if (Buffer.isBuffer(value)) {
    throw new Error("keys that don't end with '-bin' must have String values")
  } else if (!LEGAL_VALUE.test(value)) {
    throw new Error(`Metadata string value "${value}" contains illegal characters`)
  }
}

const toText = (value) => (Buffer.isBuffer(value) ? value.toString('base64') : String(value))

class Metadata {
  constructor(options = {}) {
    this.options = options
    /** What was received, as `name NUL value NUL …`. It is parsed into `values` when it is first read. */
    this.received = ''
    this.values = null
  }

  /** Arrays of values by key. */
  get internalRepr() {
    this.values ??= parse(this.received)
    return this.values
  }

  set(key, value) {
    const name = key.toLowerCase()
    validate(name, value)
    this.internalRepr.set(name, [value])
  }

  add(key, value) {
    const name = key.toLowerCase()
    validate(name, value)
    append(this.internalRepr, name, value)
  }

  remove(key) {
    this.internalRepr.delete(key.toLowerCase())
  }

  get(key) {
    return this.internalRepr.get(key.toLowerCase()) ?? []
  }

  getMap() {
    const result = {}
    for (const [key, [first]] of this.internalRepr) {
      if (first !== undefined) result[key] = Buffer.isBuffer(first) ? Buffer.from(first) : first
    }
    return result
  }

  clone() {
    const copy = new Metadata(this.options)
    for (const [key, values] of this.internalRepr) {
      copy.internalRepr.set(
        key,
        values.map((value) => (Buffer.isBuffer(value) ? Buffer.from(value) : value)),
      )
    }
    return copy
  }

  merge(other) {
    for (const [key, values] of other.internalRepr) {
      this.internalRepr.set(key, (this.internalRepr.get(key) ?? []).concat(values))
    }
  }

  setOptions(options) {
    this.options = options
  }

  getOptions() {
    return this.options
  }

  toHttp2Headers() {
    const result = {}
    for (const [key, values] of this.internalRepr) {
      if (key.startsWith(':')) continue
      result[key] = values.length === 1 ? toText(values[0]) : values.map(toText)
    }
    return result
  }

  toJSON() {
    return Object.fromEntries(this.internalRepr)
  }

  setOpaque(key, value) {
    this.opaqueData ??= new Map()
    this.opaqueData.set(key, value)
  }

  getOpaque(key) {
    return this.opaqueData?.get(key)
  }

  static fromHttp2Headers(headers) {
    const metadata = new Metadata()
    for (const [key, values] of Object.entries(headers)) {
      for (const value of Array.isArray(values) ? values : [values]) {
        if (value === undefined || key.startsWith(':')) continue
        if (isBinary(key)) receive(metadata.internalRepr, key, String(value))
        else metadata.add(key, String(value))
      }
    }
    return metadata
  }
}

function append(values, key, value) {
  const known = values.get(key)
  if (known === undefined) values.set(key, [value])
  else known.push(value)
}

/** Adds a received field. Fields that are not valid in metadata are left out. */
function receive(values, key, value) {
  if (key.startsWith(':') || !LEGAL_KEY.test(key)) return
  if (isBinary(key)) {
    // gRPC's own fields are not lists.
    const parts = key.startsWith('grpc-') ? [value] : value.split(',')
    for (const part of parts) append(values, key, Buffer.from(part.trim(), 'base64'))
  } else if (LEGAL_VALUE.test(value)) {
    // Fields with the same name are joined, as in Node's http2.
    const known = values.get(key)
    const between = key === 'cookie' ? '; ' : ', '
    values.set(key, [known === undefined ? value : known[0] + between + value])
  }
}

/** Fields for gRPC itself, which programs do not see. */
const OURS = new Set(['grpc-encoding', 'grpc-timeout', 'grpc-accept-encoding'])

function parse(text) {
  const values = new Map()
  if (text === '') return values
  const parts = text.split(NUL)
  for (let i = 0; i + 1 < parts.length; i += 2) if (!OURS.has(parts[i])) receive(values, parts[i], parts[i + 1])
  return values
}

/** Metadata made from received fields. */
function received(text) {
  const metadata = new Metadata()
  metadata.received = text
  return metadata
}

/** The value of a received field. It is needed for every call, so the other fields are not parsed. */
function fieldOf(text, name) {
  for (let start = 0; ; ) {
    const middle = text.indexOf(NUL, start)
    const end = text.indexOf(NUL, middle + 1)
    if (middle < 0 || end < 0) return undefined
    if (middle - start === name.length && text.startsWith(name, start)) return text.slice(middle + 1, end)
    start = end + 1
  }
}

/** Metadata as it is sent: `name NUL value NUL …`. */
function fieldsOf(metadata) {
  if (metadata == null) return ''
  if (metadata.values === null && metadata.received === '') return ''
  let text = ''
  for (const [key, values] of metadata.internalRepr) {
    if (key.startsWith(':')) continue
    for (const value of values) text += key + NUL + toText(value).trim() + NUL
  }
  return text
}

const NAME = /^(?::[a-z]+|[!#$%&'*+\-.^_`|~0-9a-z]+)$/
const VALUE = /^(?![ \t])[\t\x20-\x7e\x80-\xff]*(?<![ \t])$/

/** The first field that HTTP/2 does not allow, as text for an error message; undefined if all are valid. */
function findWrong(fields) {
  const parts = fields.split(NUL)
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const [name, value] = [parts[i], parts[i + 1]]
    if (NAME.test(name) && VALUE.test(value)) continue
    // The values of a caller's metadata may be secret and are not shown.
    return JSON.stringify(name.startsWith(':') ? `${name}: ${value}` : name)
  }
}

/** Whether `value` is metadata: ours, that of another copy of this package, or that of @grpc/grpc-js. */
function isMetadata(value) {
  return (
    value instanceof Metadata ||
    (typeof value === 'object' && value !== null && value.internalRepr instanceof Map && 'getMap' in value)
  )
}

module.exports = { Metadata, received, fieldOf, fieldsOf, findWrong, isMetadata }
