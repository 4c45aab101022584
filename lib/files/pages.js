'use strict'

// The error page that a client gets when no other handler deals with an error. It shows the status and nothing of the
// error's content.

const {
  http: { STATUS_CODES },
} = require('../genuine.js')
const { Buffer } = require('node:buffer')

function errorPage(status) {
  const text = STATUS_CODES[status] ?? String(status)
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>${text}</pre>
</body>
</html>
`
}

/** The status of an error if it has a valid one, else 500. */
function statusOf(error) {
  const status = error?.status ?? error?.statusCode
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500
}

/**
 * Sets the headers that every answer of a site has, given as a flat list of names and values. A name that occurs
 * several times gets an array.
 */
function putConstant(res, flat) {
  const values = new Map()
  for (let i = 0; i < flat.length; i += 2) values.set(flat[i], [...(values.get(flat[i]) ?? []), flat[i + 1]])
  for (const [name, list] of values) res.setHeader(name, list.length === 1 ? list[0] : list)
}

/**
 * Answers with an error page, like `send`, and with the headers that every answer of `site` has. If the response has
 * already begun, it is destroyed.
 */
function answerError(req, res, error, site) {
  if (res.headersSent) return res.destroy()
  const status = statusOf(error)
  const page = Buffer.from(errorPage(status))
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  putConstant(res, site.settings.headers)
  for (const [name, value] of Object.entries(error?.headers ?? {})) res.setHeader(name, value)
  res.statusCode = status
  res.setHeader('Content-Type', 'text/html; charset=UTF-8')
  res.setHeader('Content-Length', page.length)
  res.setHeader('Content-Security-Policy', "default-src 'none'")
  res.setHeader('X-Content-Type-Options', 'nosniff')
  if (req.method === 'HEAD') res.end()
  else res.end(page)
}

module.exports = { answerError, putConstant }
