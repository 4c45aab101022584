'use strict'

// Which path a request means, and which one its client asked for: a router that passes requests on below a mount point cuts that off
// `req.url` and leaves the whole in `req.originalUrl`.

/** A path, perhaps with a query, of plain characters: nearly all there are. */
const PLAIN = /^\/[!"$-~]*$/
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i
const NOT_PLAIN = /[^!-~]+/g

/** Path and query of a URL, in ASCII: other characters, which a rewritten URL may have, are encoded as `encodeURI` does it. */
function plain(url) {
  if (typeof url !== 'string') return ''
  if (PLAIN.test(url)) return url
  const hash = url.indexOf('#')
  let target = hash < 0 ? url : url.slice(0, hash)
  target = target.replace(ORIGIN, '')
  // Also for "index.html", which no client sends: some program's own idea of a URL.
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

/** The path that is looked for below the root. Empty where the mount point itself was asked for, without a slash. */
function targetOf(req, original) {
  const target = plain(req.url)
  const isMountPoint = target === '/' || target.startsWith('/?')
  return isMountPoint && original !== '' && !endsWithSlash(original) ? target.slice(1) : target
}

/** What the client asked for, where that is something else than `req.url`; otherwise empty. */
function originalOf(req) {
  const { originalUrl } = req
  return typeof originalUrl === 'string' && originalUrl !== req.url ? plain(originalUrl) : ''
}

module.exports = { targetOf, originalOf }
