'use strict'

// Servers of files whose requests are answered without JavaScript (src/binding/http_site.rs): those whose only 'request' listener is
// the handler of a site. Whoever replaces a function that a request would pass, or looks at requests in another way, gets them as always:
// before Rust answers anything in a turn of the loop, it asks.

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

/** Servers by the numbers of their mounts. */
const servers = new Map()
const dropped = new FinalizationRegistry((mount) => servers.delete(mount))
let mounts = 0

/** The site whose handler is all that a server does. */
function siteOf(server) {
  const { request } = server._events
  return typeof request === 'function' ? request[kSite] : undefined
}

/** The number under which a server's connections are answered; 0 where they are not. */
function mountOf(server) {
  if (siteOf(server) === undefined) return 0
  if (server[kMount] === undefined) {
    server[kMount] = ++mounts
    servers.set(mounts, new WeakRef(server))
    dropped.register(server, mounts)
  }
  return server[kMount]
}

/** Rust asks: whether a site answers by itself right now, and how. */
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

/** Nothing about the server is to be done for each request. */
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

/** Somebody is told of each request. */
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

/** Somebody's were there before this package was. */
const replacedBefore = Object.values(core.own).includes(undefined)

/** What was answered in a turn, for whoever wants to know. */
function onSiteLog(mount, rows) {
  servers.get(mount)?.deref()?.[kAccessLog]?.(rows)
}

module.exports = { mountOf, askSite, onSiteLog }
