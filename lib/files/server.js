'use strict'

// `createStaticServer`: an http or https server that serves a folder.

const http = require('../http/index.js')
const https = require('../https/index.js')
const { kSite } = require('../http/symbols.js')
const { refuseUnknown } = require('../options.js')
const { invalidArgType } = require('../errors.js')
const { KNOWN } = require('./options.js')
const { serveStatic } = require('./serve.js')
const { answerError, putConstant } = require('./pages.js')
const { rootError, statusError } = require('./errors.js')

/** The options of `http.createServer`, and `tls`, which holds those of `https.createServer`. */
const SERVER_OPTIONS = [
  'IncomingMessage',
  'ServerResponse',
  'allowHalfOpen',
  'connectionsCheckingInterval',
  'headersTimeout',
  'highWaterMark',
  'insecureHTTPParser',
  'joinDuplicateHeaders',
  'keepAlive',
  'keepAliveInitialDelay',
  'keepAliveTimeout',
  'keepAliveTimeoutBuffer',
  'maxHeaderSize',
  'noDelay',
  'optimizeEmptyRequests',
  'pauseOnConnect',
  'rejectNonStandardBodyWrites',
  'requestTimeout',
  'requireHostHeader',
  'shouldUpgradeCallback',
  'tls',
  'uniqueHeaders',
]

/** Creates a server for the folder `root`. `listener` gets the requests that no file answers. */
function createStaticServer(root, options, listener) {
  if (typeof options === 'function') [options, listener] = [undefined, options]
  if (listener !== undefined && typeof listener !== 'function') {
    throw invalidArgType('listener', 'of type function', listener)
  }
  const forFiles = { fallthrough: listener !== undefined }
  const forServer = {}
  for (const [name, value] of Object.entries(options ?? {})) {
    const place = SERVER_OPTIONS.includes(name) ? forServer : forFiles
    place[name] = value
  }
  refuseUnknown(forFiles, [...KNOWN, ...SERVER_OPTIONS])
  const { tls, ...forHttp } = forServer
  if (tls !== undefined && (typeof tls !== 'object' || tls === null)) {
    throw invalidArgType('options.tls', 'of type object', tls)
  }
  const serve = serveStatic(root, forFiles)
  const site = serve[kSite]
  const errno = site.check()
  if (errno !== 0) throw rootError(errno, site.root)
  function onRequest(req, res) {
    if (listener === undefined && req.method === 'OPTIONS') return answerOptions(res, site)
    serve(req, res, (error) => {
      if (error) answerError(req, res, error, site)
      else if (listener === undefined) answerError(req, res, statusError(404), site)
      else listener.call(this, req, res)
    })
  }
  onRequest[kSite] = site
  if (tls === undefined) return http.createServer(forHttp, onRequest)
  return https.createServer({ ...tls, ...forHttp }, onRequest)
}

/** Answers OPTIONS with the allowed methods, also for CORS preflight requests. */
function answerOptions(res, { settings }) {
  putConstant(res, settings.headers)
  res.setHeader('Allow', 'GET, HEAD, OPTIONS')
  res.statusCode = 204
  res.end()
}

module.exports = { createStaticServer }
