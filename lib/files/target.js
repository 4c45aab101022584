'use strict'

// Determines the path of a request, and the one that its client asked for: a router with a mount point cuts that off
// `req.url` and keeps the whole URL in `req.originalUrl`.

/** A path, perhaps with a query, of characters that need no encoding. Nearly all are like this. */
const PLAIN = /^\/[!"$-~]*$/
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i
const NOT_PLAIN = /[^!-~]+/g

/**
 * Path and query of a URL in ASCII. Other characters, which a rewritten URL may contain, are percent-encoded as UTF-8.
 */
function plain(url) {
  if (typeof url !== 'string') return ''
  if (PLAIN.test(url)) return url
  const hash = url.indexOf('#')
  let target = hash < 0 ? url : url.slice(0, hash)
  target = target.replace(ORIGIN, '')
  // Also for "index.html" without a slash: no client sends it, but a program may rewrite the URL to it.
  if (target[0] !== '/') target = `/${target}`
  return target.replace(NOT_PLAIN, encode)
}

function encode(text) {
  return encodeURIComponent(text.toWellFormed())
}

/** Whether the path of a target ends with a slash. */
function endsWithSlash(target) {
  const query = target.indexOf('?')
  return target[(query < 0 ? target.length : query) - 1] === '/'
}

/** The path to look up below the root. Empty if the mount point itself was requested without a trailing slash. */
function targetOf(req, original) {
  const target = plain(req.url)
  const isMountPoint = target === '/' || target.startsWith('/?')
  return isMountPoint && original !== '' && !endsWithSlash(original) ? target.slice(1) : target
}

/** The URL that the client asked for if it differs from `req.url`; otherwise empty. */
function originalOf(req) {
  const { originalUrl } = req
  return typeof originalUrl === 'string' && originalUrl !== req.url ? plain(originalUrl) : ''
}

module.exports = { targetOf, originalOf }
