'use strict'

// Reads the endpoints and options: each limit with its default, its bounds, and the reason for its value.

const { invalidArgType, invalidArgValue } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { checkObject, duration, integer } = require('../rpc/options.js')
const { readTls } = require('./credentials.js')
const { etcdPlaces, masked } = require('../rpc/target.js')

const MiB = 2 ** 20
const DEFAULT_ENDPOINT = '127.0.0.1:2379'
const FORM = "must read like 'host:2379', 'https://host:2379' or 'etcd://host:2379,host2:2379'"
const SCHEME = /^(?:(https?|etcd):\/\/)?([^/]*)\/?$/

/**
 * Parses one or several texts, each with one or more endpoints, into `{ places: [{ host, port, secure }], username,
 * password }`.
 */
function readEndpoints(given) {
  // An 'etcd://' target that rpc/target.js has already parsed.
  if (typeof given === 'object' && Array.isArray(given?.places)) return given
  const found = { places: [], username: undefined, password: undefined }
  const texts = Array.isArray(given) ? given : [given]
  if (texts.length === 0) throw invalidArgValue('endpoints', given, 'must name at least one endpoint')
  for (const text of texts) {
    if (typeof text !== 'string') throw invalidArgType('endpoints', 'of type string, or an array of strings', text)
    const wrong = (reason) => {
      throw invalidArgValue('endpoints', masked(text), reason)
    }
    const match = SCHEME.exec(text)
    if (match === null) wrong(FORM)
    const { places, username, password } = etcdPlaces(match[2], wrong, FORM)
    for (const place of places) found.places.push({ ...place, secure: match[1] === 'https' })
    if (username !== undefined) Object.assign(found, { username, password })
  }
  return found
}

function text(options, name, fallback) {
  const value = options[name]
  if (value === undefined) return fallback
  if (typeof value !== 'string') throw invalidArgType(`options.${name}`, 'of type string', value)
  return value
}

function connectOptions(endpoints = DEFAULT_ENDPOINT, options = {}) {
  refuseUnknown(checkObject(options), ['username', 'password', 'tls', 'timeout', 'maxMessageBytes', 'maxWatchBytes'])
  const { places, username, password } = readEndpoints(endpoints)
  const read = {
    places,
    username: text(options, 'username', username),
    password: text(options, 'password', password),
    tls: readTls(options),
    // In milliseconds, as for rpc calls: longer than etcd needs to elect another leader.
    timeout: duration(options, 'timeout', 30_000),
    // Room for a thousand keys of usual size. By default etcd accepts requests up to a tenth of this.
    maxMessageBytes: integer(options, 'maxMessageBytes', 16 * MiB, 1024, 2 ** 31 - 1),
    // Enough for most watches. A program that watches a million keys must raise it.
    maxWatchBytes: integer(options, 'maxWatchBytes', 256 * MiB, 1024, Number.MAX_SAFE_INTEGER),
  }
  if ((read.username === undefined) !== (read.password === undefined)) {
    const missing = read.username === undefined ? 'username' : 'password'
    throw invalidArgValue(`options.${missing}`, undefined, "must be given: 'username' and 'password' go together")
  }
  return read
}

module.exports = { connectOptions }
