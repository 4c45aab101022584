'use strict'

// Converts refusals of the Rust interpreter to errors, with Node's codes where Node has one.

const { inspect } = require('node:util')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../../errors')

const CODES = {
  __proto__: null,
  syntax: 'IRONWIRE_LAYOUT_SYNTAX',
  limit: 'IRONWIRE_LAYOUT_LIMIT',
  truncated: 'IRONWIRE_LAYOUT_TRUNCATED',
  invalid: 'IRONWIRE_LAYOUT_INVALID',
  checksum: 'IRONWIRE_LAYOUT_CHECKSUM',
}

/**
 * Makes an error of a refusal `{code, message, path, offset, line, column, value}`. The encoded value is called
 * `record` in messages.
 */
function errorOf({ code, message, path, offset, line, column, value }, isText = true) {
  const name = path === '' ? 'record' : `record${path.startsWith('[') ? '' : '.'}${path}`
  let error
  if (code === 'type') error = invalidArgType(name, message, value)
  else if (code === 'range') error = outOfRange(name, message, value)
  else if (code === 'value') error = invalidArgValue(name, value, message)
  else {
    const where = path === '' ? '' : `${path}: `
    const at = offset === undefined ? '' : `, at offset ${offset}`
    const place = isText && line !== undefined ? `${line}:${column}: ` : ''
    error = makeError(code === 'syntax' ? SyntaxError : Error, CODES[code], `${place}${where}${message}${at}`, errorOf)
  }
  error.path = path
  if (offset !== undefined) error.offset = offset
  return error
}

/** The interpreter and the emitted code disagree: a bug in this package, or an object that changes while it is read. */
function disagree(what) {
  return makeError(Error, 'IRONWIRE_LAYOUT_INVALID', `${what} changed while it was being read`, disagree)
}

/** An error in the description of a layout. */
function badField(where, value, reason) {
  const message = `The ${where} ${reason}. Received ${inspect(value, { depth: 0 }).slice(0, 128)}`
  return makeError(TypeError, 'ERR_INVALID_ARG_VALUE', message, badField)
}

module.exports = { errorOf, disagree, badField }
