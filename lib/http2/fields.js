'use strict'

// Lists of header fields, in Rust's text format (`name NUL value NUL`) and in the forms that programs use.

const { constants, sensitiveHeaders } = require('node:http2')
const { invalidArgType } = require('../errors.js')
const errors = require('./errors.js')

/** Fields with one value: Node keeps the first that is received, and refuses to send two. */
const SINGLE = new Set(
  [
    ':status :method :authority :scheme :path :protocol access-control-allow-credentials access-control-max-age',
    'access-control-request-method age authorization content-encoding content-language content-length content-location',
    'content-md5 content-range content-type date dnt etag expires from host if-match if-modified-since if-none-match',
    'if-range if-unmodified-since last-modified location max-forwards proxy-authorization range referer retry-after tk',
    'upgrade-insecure-requests user-agent x-content-type-options',
  ]
    .join(' ')
    .split(' '),
)

const CONNECTION = new Set([
  'connection',
  'upgrade',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
])

const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/
/** A pseudo-header must not contain these. */
const BLANK = /[\t ]/
/** Spaces and tabs at the ends of a value are not part of it. */
const BLANKS = /^[\t ]+|[\t ]+$/g

/** The list `[name, value, name, value]`, as it was sent. */
function rawFields(text) {
  const parts = text.split('\0')
  parts.pop()
  for (let i = 0; i < parts.length; i += 2) {
    if (parts[i].charCodeAt(0) === 1) parts[i] = parts[i].slice(1)
  }
  return parts
}

/** An object without a prototype, as Node makes it from a list of fields. */
function fieldsObject(text) {
  const object = Object.create(null)
  const sensitive = []
  const parts = text.split('\0')
  for (let i = 0; i + 1 < parts.length; i += 2) {
    let name = parts[i]
    if (name.charCodeAt(0) === 1) {
      name = name.slice(1)
      sensitive.push(name)
    }
    const value = parts[i + 1]
    const before = object[name]
    if (before === undefined) {
      object[name] = name === 'set-cookie' ? [value] : name === ':status' ? Number(value) : value
    } else if (name === 'set-cookie') before.push(value)
    else if (name === 'cookie') object[name] = `${before}; ${value}`
    else if (!SINGLE.has(name)) object[name] = `${before}, ${value}`
  }
  object[sensitiveHeaders] = sensitive
  return object
}

/** A cache of lower-case names. They come from the program, but the size is bounded all the same. */
const lowered = new Map()

function lower(name) {
  let low = lowered.get(name)
  if (low === undefined) {
    low = String(name).toLowerCase()
    if (lowered.size < 1024 && low.length < 64) lowered.set(name, low)
  }
  return low
}

/** One field in Rust's text format. */
function fieldText(name, value, sensitive) {
  const text = typeof value === 'string' ? value : String(value)
  // Node's peers ignore a field whose value has invalid characters; here it is not sent.
  if (BAD_VALUE.test(text)) return ''
  const first = text.charCodeAt(0)
  const last = text.charCodeAt(text.length - 1)
  const blank = first === 32 || first === 9 || last === 32 || last === 9
  return `${sensitive ? '\x01' : ''}${name}\0${blank ? text.replace(BLANKS, '') : text}\0`
}

/** Collects the fields that a program sends. */
class List {
  constructor(allowed, secret) {
    this.allowed = allowed
    this.sensitive =
      secret === undefined || secret === null || secret.length === 0 ? undefined : new Set(secret.map(lower))
    this.singles = undefined
    this.pseudo = ''
    this.text = ''
  }

  /** Leaves out undefined and null values. */
  add(key, given) {
    if (given === undefined || given === null || key === '') return
    const name = lower(key)
    let value = given
    if (Array.isArray(value)) {
      if (value.length === 0) return
      if (value.length > 1 && SINGLE.has(name)) throw errors.singleValue(name)
      if (value.length === 1) [value] = value
    }
    if (SINGLE.has(name)) {
      this.singles ??= new Set()
      if (this.singles.has(name)) throw errors.singleValue(name)
      this.singles.add(name)
    }
    if (name.charCodeAt(0) === 58) return this.addPseudo(name, value)
    if (CONNECTION.has(name) || (name === 'te' && value !== 'trailers')) throw errors.connectionHeader(name)
    if (!TOKEN.test(name)) throw errors.invalidToken('Header name', key)
    const isSensitive = this.sensitive?.has(name)
    if (!Array.isArray(value)) this.text += fieldText(name, value, isSensitive)
    else for (const part of value) this.text += fieldText(name, part, isSensitive)
  }

  addPseudo(name, value) {
    if (!this.allowed.has(name)) throw errors.invalidPseudo(name)
    // The status is passed to Rust as a number.
    if (name === HTTP2_HEADER_STATUS) return
    const field = fieldText(name, value, this.sensitive?.has(name))
    if (field === '' || BLANK.test(String(value))) throw errors.invalidHeaderValue(value, name)
    this.pseudo += field
  }
}

/** The fields of `headers` (an object, or a list of names and values) in Rust's text format. `allowed` are the pseudo-headers it may contain. */
function fieldsText(headers, allowed = none) {
  const secret = headers[sensitiveHeaders]
  if (secret !== undefined && !Array.isArray(secret)) {
    throw invalidArgType('headers[http2.neverIndex]', 'an instance of Array', secret)
  }
  const list = new List(allowed, secret)
  if (Array.isArray(headers)) {
    for (let at = 0; at < headers.length; at += 2) list.add(headers[at], headers[at + 1])
  } else for (const key of Object.keys(headers)) list.add(key, headers[key])
  return list.pseudo + list.text
}

/** A list of names and values as an object. The names keep their case. */
function objectOf(list) {
  const object = Object.create(null)
  for (let at = 0; at + 1 < list.length; at += 2) {
    const [name, value] = [list[at], list[at + 1]]
    object[name] = object[name] === undefined ? value : [].concat(object[name], value)
  }
  if (list[sensitiveHeaders] !== undefined) object[sensitiveHeaders] = list[sensitiveHeaders]
  return object
}

const none = new Set()
const { HTTP2_HEADER_STATUS } = constants
/** The pseudo-headers of responses, and of requests. */
const STATUS = new Set([HTTP2_HEADER_STATUS])
const REQUEST = new Set([':method', ':authority', ':scheme', ':path', ':protocol'])

module.exports = { rawFields, fieldsObject, fieldsText, lower, objectOf, REQUEST, STATUS, TOKEN }
