'use strict'

// The head of a response as text, for the heads that most responses have: sets `_header` and the fields around it as
// core's `writeHead` does. All other heads are left to core.

const {
  http: { STATUS_CODES },
} = require('../genuine.js')
const { setTimeout } = require('node:timers')
const { kOutHeaders, kUniqueHeaders, own } = require('../core.js')
const { respond } = require('../constants.js')

/**
 * Header names seen so far. ORDINARY: its line is only added to the head. LENGTH: it gives the length of the body.
 * SPECIAL: core must handle it. The names come from the application, but the size of the table is limited all the same.
 */
const ORDINARY = 1
const LENGTH = 2
const SPECIAL = 3
const nameKinds = new Map([['content-length', LENGTH]])
for (const name of [
  'connection',
  'transfer-encoding',
  'date',
  'expect',
  'trailer',
  'keep-alive',
  'content-disposition',
  'cookie',
]) {
  nameKinds.set(name, SPECIAL)
}
const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/

function nameKind(name) {
  let kind = nameKinds.get(name)
  if (kind === undefined) {
    if (typeof name !== 'string' || !TOKEN.test(name)) return SPECIAL
    kind = nameKinds.get(name.toLowerCase()) ?? ORDINARY
    if (nameKinds.size < 1024 && name.length < 64) nameKinds.set(name, kind)
  }
  return kind
}

const statusLines = []

function statusLine(status, message) {
  if (message !== STATUS_CODES[status]) return `HTTP/1.1 ${status} ${message}\r\n`
  statusLines[status] ??= `HTTP/1.1 ${status} ${message}\r\n`
  return statusLines[status]
}

/**
 * The `Date` line, and the `Date` and `Connection` lines of a connection that stays open. Both are rebuilt once a
 * second.
 */
let date = ''
let keepAlive = ''
let keepAliveFor = -1

function refresh() {
  date = keepAlive = ''
  keepAliveFor = -1
}

function dateLine() {
  if (date === '') {
    const now = new Date()
    date = `Date: ${now.toUTCString()}\r\n`
    setTimeout(refresh, 1000 - now.getMilliseconds()).unref()
  }
  return date
}

function keepAliveLines(timeout) {
  if (timeout !== keepAliveFor) {
    const hint = timeout ? `Keep-Alive: timeout=${Math.floor(timeout / 1000)}\r\n` : ''
    keepAlive = `${dateLine()}Connection: keep-alive\r\n${hint}`
    keepAliveFor = timeout
  }
  return keepAlive
}

/** Whether the fields of the response that influence the head still have the values set by the constructor. */
function isOrdinary(res) {
  return (
    res._storeHeader === own._storeHeader &&
    res.sendDate &&
    res.useChunkedEncodingByDefault &&
    res._defaultKeepAlive &&
    !res.chunkedEncoding &&
    !res._removedConnection &&
    !res._removedContLen &&
    !res._removedTE &&
    !res._expect_continue &&
    !res.maxRequestsOnConnectionReached &&
    !(res._maxRequestsPerSocket > 0)
  )
}

let lengthGiven

/** The line of a header, or one line for each of its values; undefined if core must handle the header. */
function line(name, value, checked) {
  const kind = nameKind(name)
  if (kind === SPECIAL) return undefined
  if (kind === LENGTH) lengthGiven = +value
  if (typeof value === 'string') return checked || !BAD_VALUE.test(value) ? `${name}: ${value}\r\n` : undefined
  if (typeof value === 'number') return `${name}: ${value}\r\n`
  if (!Array.isArray(value) || kind === LENGTH) return undefined
  let lines = ''
  for (const one of value) {
    if (typeof one !== 'string' || BAD_VALUE.test(one)) return undefined
    lines += `${name}: ${one}\r\n`
  }
  return lines
}

/** The lines of the headers set by `setHeader`, which has checked them. */
function keptLines(headers) {
  let lines = ''
  for (const key in headers) {
    const entry = headers[key]
    const next = line(entry[0], entry[1], true)
    if (next === undefined) return undefined
    lines += next
  }
  return lines
}

function givenLines(headers) {
  let lines = ''
  for (const name in headers) {
    if (!Object.hasOwn(headers, name)) continue
    const next = line(name, headers[name], false)
    if (next === undefined) return undefined
    lines += next
  }
  return lines
}

/**
 * What Rust needs to write the last ordinary head itself, which is cheaper than passing the text. `bits` are those of
 * `httpRespond`. `res` is null if the head must be passed as text.
 */
const ordinary = { res: null, bits: 0, lines: '' }

/** Does what `writeHead` does, for an ordinary head. Returns false without any change for all others. */
function writeOrdinaryHead(res, status, reason, headers) {
  if (!(status >= 200 && status <= 999 && (status | 0) === status) || res._header || !isOrdinary(res)) return false
  let message = res.statusMessage
  if (typeof reason === 'string') {
    if (BAD_VALUE.test(reason)) return false
    message = reason
  } else {
    headers ??= reason
    if (!message) message = STATUS_CODES[status] || 'unknown'
    else if (typeof message !== 'string' || BAD_VALUE.test(message)) return false
  }
  let lines = ''
  lengthGiven = undefined
  const kept = res[kOutHeaders]
  if (headers) {
    // Headers that were set before would have to be merged with these. That, and arrays of headers, are left to core.
    if (kept !== null || typeof headers !== 'object' || Array.isArray(headers)) return false
    lines = givenLines(headers)
  } else if (kept !== null) {
    if (res[kUniqueHeaders]) return false
    lines = keptLines(kept)
  }
  if (lines === undefined) return false

  res.statusMessage = message
  res.statusCode = status
  if (status === 204 || status === 304) res._hasBody = false
  let header = statusLine(status, message) + lines
  let bits = status
  if (res.shouldKeepAlive) {
    const timeout = res._keepAliveTimeout
    header += keepAliveLines(timeout)
    if (timeout > 0) bits |= (Math.floor(timeout / 1000) + 1) << respond.SECONDS
  } else {
    res._last = true
    header += `${dateLine()}Connection: close\r\n`
    bits |= respond.CLOSE
  }
  if (lengthGiven !== undefined) res._contentLength = lengthGiven
  else if (res._hasBody) {
    if (typeof res._contentLength === 'number') {
      header += `Content-Length: ${res._contentLength}\r\n`
      bits |= respond.LENGTH
    } else {
      header += 'Transfer-Encoding: chunked\r\n'
      res.chunkedEncoding = true
      bits |= respond.CHUNKED
    }
  }
  res._header = `${header}\r\n`
  res._headerSent = false
  const asText = message !== STATUS_CODES[status] || !(res._keepAliveTimeout <= respond.MAX_SECONDS * 1000)
  ordinary.res = asText ? null : res
  ordinary.bits = bits
  ordinary.lines = lines
  return true
}

module.exports = { writeOrdinaryHead, ordinary }
