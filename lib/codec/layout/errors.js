'use strict'

// What the interpreter in Rust says is wrong, as errors: Node's where Node has one.

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

/** An error of a refusal `{code, message, path, offset, line, column, value}`. What is encoded is called `record`. */
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

/** The interpreter and the emitted code disagree: a defect of ours, or an object that changes while it is looked at. */
function disagree(what) {
  return makeError(Error, 'IRONWIRE_LAYOUT_INVALID', `${what} changed while it was being read`, disagree)
}

/** Something about the description of a layout. */
function badField(where, value, reason) {
  const message = `The ${where} ${reason}. Received ${inspect(value, { depth: 0 }).slice(0, 128)}`
  return makeError(TypeError, 'ERR_INVALID_ARG_VALUE', message, badField)
}

module.exports = { errorOf, disagree, badField }
