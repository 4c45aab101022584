'use strict'

// What a client sees where no handler is left to answer for an error: a small page with the status, and nothing of the error's insides.

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

/** An error's status, where it has one that says so. */
function statusOf(error) {
  const status = error?.status ?? error?.statusCode
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500
}

/** Gives a response the headers that every answer of a site has: names and values by turns. A name that repeats has a list of values. */
function putConstant(res, flat) {
  const values = new Map()
  for (let i = 0; i < flat.length; i += 2) values.set(flat[i], [...(values.get(flat[i]) ?? []), flat[i + 1]])
  for (const [name, list] of values) res.setHeader(name, list.length === 1 ? list[0] : list)
}

/**
 * Answers with the page of an error, as `send` does, and with the headers that every answer of `site` has; once the answer has begun, all
 * that is left is to break it off.
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
