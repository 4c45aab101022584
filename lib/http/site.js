'use strict'

// File servers whose requests are answered without JavaScript (src/binding/http_site.rs): servers whose only 'request'
// listener is the handler of a site. If a program replaces a function that a request would go through, or observes
// requests in another way, its requests go through JavaScript as usual. So Rust asks first: once per turn of the event
// loop, and again when JavaScript has run.

const {
  http: { IncomingMessage, ServerResponse },
} = require('../genuine.js')
const core = require('../core.js')
const constants = require('../constants.js')
const channels = require('./channels')
const { install } = require('./install')
const { hooks, told } = require('./observers')
const { haveStillTheirMethods } = require('./shapes')
const { kAccessLog, kSite } = require('./symbols')

const { SITE, SECONDS, LOGS } = constants.http
const { MAX_SECONDS } = constants.respond

const kMount = Symbol('mount')

/** Servers by the numbers of their mounts. A mount is a server for which Rust may answer. */
const servers = new Map()
const dropped = new FinalizationRegistry((mount) => servers.delete(mount))
let mounts = 0

/** The site whose handler is the server's only 'request' listener; undefined if there is none. */
function siteOf(server) {
  const { request } = server._events
  return typeof request === 'function' ? request[kSite] : undefined
}

/** The mount number of a server; 0 if Rust must not answer for it. */
function mountOf(server) {
  if (siteOf(server) === undefined) return 0
  if (server[kMount] === undefined) {
    server[kMount] = ++mounts
    servers.set(mounts, new WeakRef(server))
    dropped.register(server, mounts)
  }
  return server[kMount]
}

/** Called by Rust: writes into the table whether a site may answer by itself now, and how. */
function askSite(words, mount) {
  const server = servers.get(mount)?.deref()
  words[SITE] = server === undefined ? 0 : siteNumber(server)
  if (words[SITE] === 0) return
  const { keepAliveTimeout } = server
  words[SECONDS] = keepAliveTimeout > 0 ? Math.floor(keepAliveTimeout / 1000) + 1 : 0
  words[LOGS] = typeof server[kAccessLog] === 'function' ? 1 : 0
}

function siteNumber(server) {
  const site = siteOf(server)
  if (site === undefined || site.file !== undefined || site.settings.setHeaders) return 0
  return isPlain(server) && !isWatched() && !replacedBefore && haveTheirMethods() ? site.number : 0
}

/** Whether the server has nothing that must be done in JavaScript for each request. */
function isPlain(server) {
  return (
    server.emit === core.own.emit &&
    !server[core.kCapture] &&
    server[core.kIncomingMessage] === IncomingMessage &&
    server[core.kServerResponse] === ServerResponse &&
    !server.timeout &&
    !(server.maxRequestsPerSocket > 0) &&
    typeof server.maxHeadersCount !== 'number' &&
    !(server.keepAliveTimeout > MAX_SECONDS * 1000)
  )
}

/** Whether anything observes each request. */
function isWatched() {
  return (
    channels.requestStart.hasSubscribers ||
    channels.responseCreated.hasSubscribers ||
    channels.responseFinish.hasSubscribers ||
    hooks.enabled.size > 0 ||
    told.observed
  )
}

install()

const haveTheirMethods = haveStillTheirMethods([IncomingMessage.prototype, ServerResponse.prototype])

/** Whether other code replaced a method before this package was loaded. */
const replacedBefore = Object.values(core.own).includes(undefined)

/** Called by Rust with what was answered in a turn: passes it to the server's access log. */
function onSiteLog(mount, rows) {
  servers.get(mount)?.deref()?.[kAccessLog]?.(rows)
}

module.exports = { mountOf, askSite, onSiteLog }
