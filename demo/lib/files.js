'use strict'

// Serves a folder: content types, validators for caching, HEAD, and nothing outside the folder or hidden inside it.

const fs = require('node:fs')
const path = require('node:path')

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

/** The page loads nothing from elsewhere and runs no inline code. */
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** The file that a request path names, or null when it names none that may be served. */
function fileFor(root, pathname) {
  let decoded
  try {
    decoded = decodeURIComponent(pathname)
  } catch {
    return null
  }
  if (!decoded.startsWith('/') || /[\0\\]/.test(decoded)) return null
  // No segment may begin with a dot: that covers '..', '.' and hidden files at once.
  if (decoded.split('/').some((segment) => segment.startsWith('.'))) return null
  return path.join(root, decoded.endsWith('/') ? `${decoded}index.html` : decoded)
}

/** A handler `(req, res, pathname)`. `onError(res, status, code, message)` answers for what cannot be served. */
function serveFolder(root, onError) {
  const realRoot = fs.realpathSync(root)
  return function serve(req, res, pathname) {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('allow', 'GET, HEAD')
      return onError(res, 405, 'METHOD_NOT_ALLOWED', `${req.method} is not possible here, only GET and HEAD`)
    }
    const notFound = () => onError(res, 404, 'NOT_FOUND', `There is nothing at ${pathname}`)
    const file = fileFor(realRoot, pathname)
    if (!file) return notFound()
    fs.realpath(file, (error, real) => {
      // A symbolic link must not lead out of the folder.
      if (error || !real.startsWith(realRoot + path.sep)) return notFound()
      fs.open(real, 'r', (error, fd) => {
        if (error) return notFound()
        fs.fstat(fd, (error, stat) => {
          if (error || !stat.isFile()) return fs.close(fd, notFound)
          send(req, res, fd, real, stat)
        })
      })
    })
  }
}

function send(req, res, fd, file, stat) {
  const etag = `"${stat.size.toString(16)}-${Math.floor(stat.mtimeMs).toString(16)}"`
  const headers = {
    ...SECURITY_HEADERS,
    etag,
    'last-modified': stat.mtime.toUTCString(),
    // Always revalidated, so that an edit shows on reload, at the cost of a 304.
    'cache-control': 'no-cache',
  }
  if (unchanged(req, etag, stat)) {
    res.writeHead(304, headers)
    res.end()
    return fs.close(fd, () => {})
  }
  headers['content-type'] = TYPES[path.extname(file)] ?? 'application/octet-stream'
  headers['content-length'] = stat.size
  res.writeHead(200, headers)
  if (req.method === 'HEAD' || stat.size === 0) {
    res.end()
    return fs.close(fd, () => {})
  }
  // `end` keeps to the announced length should the file grow meanwhile.
  const stream = fs.createReadStream(file, { fd, start: 0, end: stat.size - 1 })
  stream.on('error', () => res.destroy())
  res.on('close', () => stream.destroy())
  stream.pipe(res)
}

/** RFC 9110 §13.1: If-None-Match wins over If-Modified-Since. */
function unchanged(req, etag, stat) {
  const match = req.headers['if-none-match']
  if (match !== undefined)
    return match === '*' || match.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  const since = Date.parse(req.headers['if-modified-since'])
  return Math.floor(stat.mtimeMs / 1000) * 1000 <= since
}

module.exports = { serveFolder }
