'use strict'

// The access log: one line per request, written when its response is sent or its client is gone. For requests that Rust
// answers by itself, the line is written when the response is handed to the socket, with its full length.

const process = require('node:process')
const { kAccessLog, kSite } = require('../../lib/http/symbols.js')

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (number) => String(number).padStart(2, '0')

/** `26/Nov/2026:20:31:12 +0100`: local time in the format of Apache and nginx. */
function commonTime(date) {
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`
  return `${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`
}

/** The content of a request is chosen by the client. It must not be able to end the quotes or the line. */
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

/** The lines of one turn of the loop are written together. */
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
 * Logs every request of `server`, whose only listener is a file handler, in one of the formats above. Requests answered
 * by Rust without JavaScript are reported by Rust, with everything that the common format needs. For other formats
 * every request passes through JavaScript.
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

/** Calls `tell` when the response of a request is sent, or its client is gone. */
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
