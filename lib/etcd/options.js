'use strict'

// Reading of options: where etcd is, and each limit with its default, its bounds, and why it has that value.

const { invalidArgType, invalidArgValue } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { checkObject, duration, integer } = require('../rpc/options.js')
const { readTls } = require('./credentials.js')
const { etcdPlaces, masked } = require('../rpc/target.js')

const MiB = 2 ** 20
const DEFAULT_ENDPOINT = '127.0.0.1:2379'
const FORM = "must read like 'host:2379', 'https://host:2379' or 'etcd://host:2379,host2:2379'"
const SCHEME = /^(?:(https?|etcd):\/\/)?([^/]*)\/?$/

/** `{ places: [{ host, port, secure }], username, password }` of a text or some, each of which names one endpoint or several. */
function readEndpoints(given) {
  // As an 'etcd://' of rpc's targets has been read.
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
    // As rpc's calls: longer than etcd needs for another leader.
    timeout: duration(options, 'timeout', 30_000),
    // Room for a thousand keys of common size. What etcd takes at once is a tenth of it, unless it is told otherwise.
    maxMessageBytes: integer(options, 'maxMessageBytes', 16 * MiB, 1024, 2 ** 31 - 1),
    // Whoever watches a million keys says so.
    maxWatchBytes: integer(options, 'maxWatchBytes', 256 * MiB, 1024, Number.MAX_SAFE_INTEGER),
  }
  if ((read.username === undefined) !== (read.password === undefined)) {
    const missing = read.username === undefined ? 'username' : 'password'
    throw invalidArgValue(`options.${missing}`, undefined, "must be given: 'username' and 'password' go together")
  }
  return read
}

module.exports = { connectOptions }
