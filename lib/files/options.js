'use strict'

// The options of `serveStatic`: those of serve-static, with the same defaults and error texts, and our own.

const path = require('node:path')
const { URL, fileURLToPath } = require('node:url')
const { makeError, invalidArgType, invalidArgValue, outOfRange, received } = require('../errors.js')
const { refuseUnknown } = require('../options.js')

/** In milliseconds; the upper limit of maxAge in serve-static and `send`. */
const YEAR = 365 * 24 * 60 * 60 * 1000

const CODINGS = ['br', 'zstd', 'gzip']

const KNOWN = [
  'acceptRanges',
  'cacheControl',
  'compress',
  'dotfiles',
  'etag',
  'extensions',
  'fallthrough',
  'headers',
  'immutable',
  'index',
  'lastModified',
  'limits',
  'listing',
  'maxAge',
  'maxage',
  'notFound',
  'precompressed',
  'redirect',
  'setHeaders',
  'single',
]

function wrongType(message, value) {
  return makeError(TypeError, 'ERR_INVALID_ARG_TYPE', `${message}.${received(value)}`, wrongType)
}

/** The root as an absolute path. */
function rootPath(root) {
  if (!root) throw makeError(TypeError, 'ERR_INVALID_ARG_TYPE', 'root path required', rootPath)
  if (root instanceof URL) return fileURLToPath(root)
  if (typeof root !== 'string') throw wrongType('root path must be a string', root)
  if (root.includes('\0')) throw invalidArgValue('root', root, 'must be a path without null bytes')
  return path.resolve(root)
}

const flag = (value, otherwise) => (value === undefined ? otherwise : Boolean(value))

/** A list of names, a single name, or a falsy value for an empty list. */
function list(value, name) {
  const names = [].concat(value || [])
  for (const one of names) {
    if (typeof one !== 'string') throw wrongType(`${name} option must be array of strings or false`, one)
  }
  return names
}

const DURATION =
  /^(-?(?:\d+)?\.?\d+) *(milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w|years?|yrs?|y)?$/i
/** Milliseconds by the first letters of a unit. As in npm `ms`, a year has 365.25 days. */
const UNITS = {
  ms: 1,
  mil: 1,
  mse: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_557_600_000,
}

/** A number of milliseconds, or a text such as '1 day', parsed like npm `ms` does. */
function milliseconds(value) {
  if (typeof value !== 'string') {
    const number = Number(value || 0)
    if (Number.isNaN(number))
      throw invalidArgType('options.maxAge', 'a number of milliseconds or a string like "1d"', value)
    return number
  }
  const match = value.length <= 100 ? DURATION.exec(value) : null
  if (match === null)
    throw invalidArgValue('options.maxAge', value, 'must be a duration, like "1d", "2 hours" or "90s"')
  const unit = (match[2] ?? 'ms').toLowerCase()
  return Number(match[1]) * (UNITS[unit] ?? UNITS[unit.slice(0, 3)] ?? UNITS[unit[0]])
}

function maxAge(options) {
  const age = milliseconds(options.maxAge || options.maxage)
  return Math.min(Math.max(0, age), YEAR)
}

function oneOf(name, value, choices) {
  if (!choices.includes(value)) {
    const shown = choices.map((choice) => (typeof choice === 'string' ? `"${choice}"` : choice)).join(', ')
    throw invalidArgValue(`options.${name}`, value, `must be one of ${shown}`)
  }
  return value
}

function etag(value) {
  if (value === 'strong') return 'strong'
  return flag(value, true) ? 'weak' : 'off'
}

function codings(value) {
  if (value === true) return CODINGS
  const chosen = list(value, 'precompressed')
  for (const coding of chosen) oneOf('precompressed', coding, CODINGS)
  return chosen
}

/** A path below the root. `single: true` means `index.html`. */
function page(name, value, whenTrue) {
  if (value === undefined || value === null || value === false) return undefined
  if (value === true && whenTrue !== undefined) return whenTrue
  if (typeof value !== 'string' || value === '') throw invalidArgType(`options.${name}`, 'a path below the root', value)
  if (value.split(/[\\/]/).includes('..'))
    throw invalidArgValue(`options.${name}`, value, 'must be a path below the root')
  return value.replace(/^\/+/, '')
}

const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/
/** These headers depend on each answer and cannot be set globally. */
const DECIDED = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'date',
  'content-range',
  'content-encoding',
  'etag',
  'last-modified',
  'location',
])

/** The headers of every answer, as a flat list of names and values. */
function headers(given) {
  if (given === undefined || given === null) return []
  if (typeof given !== 'object') throw invalidArgType('options.headers', 'an object of header names and values', given)
  const flat = []
  for (const [name, values] of Object.entries(given)) {
    if (!TOKEN.test(name) || DECIDED.has(name.toLowerCase())) {
      throw invalidArgValue(
        'options.headers',
        name,
        'must have valid names, and none that each answer decides for itself',
      )
    }
    for (const value of [].concat(values)) {
      if (typeof value !== 'string' || BAD_VALUE.test(value)) {
        throw invalidArgValue(`options.headers['${name}']`, value, 'must be text without line breaks')
      }
      flat.push(name, value)
    }
  }
  return flat
}

const LIMITS = [
  'compressFrom',
  'compressTo',
  'depth',
  'entries',
  'files',
  'handles',
  'hash',
  'memory',
  'ranges',
  'smallFile',
  'target',
]

function limits(given) {
  if (given === undefined || given === null) return undefined
  if (typeof given !== 'object') throw invalidArgType('options.limits', 'of type object', given)
  refuseUnknown(given, LIMITS, 'options.limits')
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw outOfRange(`options.limits.${name}`, 'a whole number >= 0', value)
    }
  }
  return given
}

/** Reads the options and fills in the defaults. */
function readOptions(options) {
  const given = options ?? {}
  if (typeof given !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(given, KNOWN)
  const { setHeaders } = given
  if (setHeaders && typeof setHeaders !== 'function') throw wrongType('option setHeaders must be function', setHeaders)
  return {
    acceptRanges: flag(given.acceptRanges, true),
    cacheControl: flag(given.cacheControl, true),
    compress: flag(given.compress, false),
    dotfiles: dotfiles(given.dotfiles),
    etag: etag(given.etag),
    extensions: list(given.extensions, 'extensions'),
    fallthrough: given.fallthrough !== false,
    headers: headers(given.headers),
    immutable: flag(given.immutable, false),
    index: given.index === undefined ? ['index.html'] : list(given.index, 'index'),
    lastModified: flag(given.lastModified, true),
    limits: limits(given.limits),
    listing: flag(given.listing, false),
    maxAge: maxAge(given),
    notFound: page('notFound', given.notFound),
    precompressed: codings(given.precompressed),
    redirect: given.redirect !== false,
    setHeaders: setHeaders || undefined,
    single: page('single', given.single, 'index.html'),
  }
}

function dotfiles(value) {
  if (value === undefined) return 'ignore'
  if (value === 'allow' || value === 'deny' || value === 'ignore') return value
  throw makeError(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    `dotfiles option must be "allow", "deny", or "ignore".${received(value)}`,
    dotfiles,
  )
}

module.exports = { readOptions, rootPath, KNOWN }
