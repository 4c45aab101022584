'use strict'

// The access log: a line for each request, when its response is out or its client gone; for what Rust answers by itself, when it is handed to
// the socket, with the length that it has.

const process = require('node:process')
const { kAccessLog, kSite } = require('../../lib/http/symbols.js')

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (number) => String(number).padStart(2, '0')

/** `26/Nov/2026:20:31:12 +0100`: local time, as Apache and nginx write it. */
function commonTime(date) {
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`
  return `${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`
}

/** A client chooses what stands in its request: it must not end the quotes, or the line. */
function quoted(text) {
  const escaped = text.replace(/["\\]|[^ -~]/g, (c) =>
    c === '"' || c === '\\' ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `"${escaped}"`
}

const FORMATS = {
  common({ remote, time, method, url, version, status, bytes }) {
    const request = quoted(`${method} ${url} HTTP/${version}`)
    return `${remote ?? '-'} - - [${commonTime(time)}] ${request} ${status} ${bytes || '-'}`
  },
  json({ version, ...entry }) {
    return JSON.stringify({ ...entry, http: version })
  },
}

/** What has gathered in this turn of the loop leaves in one piece. */
let lines = ''

function write(line) {
  if (lines === '') setImmediate(flush)
  lines += `${line}\n`
}

function flush() {
  if (lines !== '') process.stdout.write(lines)
  lines = ''
}
process.on('exit', flush)

/**
 * Has every request of `server`, whose only listener is a handler of files, logged in a format of the names above. What Rust answers without
 * JavaScript it tells itself, all that the common format has; for more, each request comes through here.
 */
function logRequests(server, format) {
  const toLine = FORMATS[format]
  const [serve] = server.listeners('request')
  server.removeListener('request', serve)
  function logged(req, res) {
    watch(req, res, (entry) => write(toLine(entry)))
    serve.call(server, req, res)
  }
  server.on('request', logged)
  if (format !== 'common') return
  logged[kSite] = serve[kSite]
  server[kAccessLog] = (rows) => {
    const time = new Date()
    for (const row of rows.trimEnd().split('\n')) {
      const [remote, method, url, status, bytes] = row.split('\t')
      write(toLine({ time, remote, method, url, version: '1.1', status, bytes: Number(bytes) }))
    }
  }
}

/** Tells of a request when its response is out, or its client gone. */
function watch(req, res, tell) {
  const time = new Date()
  const began = performance.now()
  const { method, url, httpVersion: version } = req
  const { referer, 'user-agent': agent } = req.headers
  const remote = req.socket.remoteAddress
  res.once('close', () => {
    const aborted = !res.writableFinished
    const bytes = aborted || method === 'HEAD' ? 0 : Number(res.getHeader('content-length') ?? 0)
    const ms = Math.round((performance.now() - began) * 1000) / 1000
    tell({ time, remote, method, url, version, status: res.statusCode, bytes, ms, referer, agent, aborted })
  })
}

module.exports = { logRequests, FORMATS: Object.keys(FORMATS) }
