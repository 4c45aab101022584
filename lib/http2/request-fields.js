'use strict'

// The header of a client's request: checks what the program gives, and adds what it leaves out.

const { constants, sensitiveHeaders } = require('node:http2')
const { invalidArgType } = require('../errors.js')
const errors = require('./errors.js')
const { REQUEST, fieldsText, lower } = require('./fields.js')
const { kState } = require('./symbols.js')

const {
  HTTP2_HEADER_AUTHORITY: AUTHORITY,
  HTTP2_HEADER_METHOD: METHOD,
  HTTP2_HEADER_PATH: PATH,
  HTTP2_HEADER_PROTOCOL: PROTOCOL,
  HTTP2_HEADER_SCHEME: SCHEME,
} = constants

/** `headers` is an object, or a list of names and values. Returns the header in Rust's text format, and the details that the session needs. */
function requestOf(headers = {}, session) {
  if (headers === null || typeof headers !== 'object') {
    throw invalidArgType('headers', 'an instance of Array or Object', headers)
  }
  return Array.isArray(headers) ? requestOfList(headers, session) : requestOfObject(headers, session)
}

/** The pseudo-headers that the program has left out, with their default values. */
function* lacking(said, session) {
  if (said[METHOD] === undefined) yield [METHOD, 'GET']
  if (said[METHOD] === 'CONNECT' && said[PROTOCOL] === undefined) {
    if (said[AUTHORITY] === undefined) throw errors.connectAuthority()
    if (said[SCHEME] !== undefined) throw errors.connectScheme()
    if (said[PATH] !== undefined) throw errors.connectPath()
    return
  }
  if (said[AUTHORITY] === undefined && said.host === undefined) yield [AUTHORITY, session[kState].authority]
  if (said[SCHEME] === undefined) yield [SCHEME, session[kState].scheme]
  if (said[PATH] === undefined) yield [PATH, '/']
}

function requestOfObject(headers, session) {
  const object = Object.assign(Object.create(null), headers)
  for (const [name, value] of lacking(object, session)) object[name] = value
  return { ...describe(object), text: textOf(object), object }
}

function requestOfList(headers, session) {
  const said = Object.create(null)
  for (let at = 0; at < headers.length; at += 2) {
    const name = lower(headers[at])
    if (REQUEST.has(name) || name === 'host') said[name] = headers[at + 1]
  }
  const added = []
  for (const [name, value] of lacking(said, session)) {
    added.push(name, value)
    said[name] = value
  }
  const raw = added.concat(headers)
  if (headers[sensitiveHeaders] !== undefined) raw[sensitiveHeaders] = headers[sensitiveHeaders]
  return { ...describe(said), text: textOf(raw), raw }
}

/** Returns undefined if a pseudo-header has a value that it must not have. */
function textOf(headers) {
  try {
    return fieldsText(headers, REQUEST)
  } catch (error) {
    if (error.code === 'ERR_HTTP2_INVALID_HEADER_VALUE') return undefined
    throw error
  }
}

function describe(said) {
  return { method: said[METHOD], origin: `${said[SCHEME]}://${said[AUTHORITY] ?? said.host}` }
}

module.exports = { requestOf }
