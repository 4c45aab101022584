'use strict'

// The functions that make the errors of this package. They have Node's code where Node has one, else IRONWIRE_…. Node's
// wording is kept, so that code which matches on messages keeps working.

const util = require('node:util')

/** Makes an error that prints like Node's own: `TypeError [CODE]: message`. */
function makeError(Base, code, message, at = makeError) {
  const error = new Base(message)
  // Defined, not assigned: where prototypes are frozen (SES, --frozen-intrinsics), assigning to an inherited name
  // throws.
  Object.defineProperty(error, 'name', { value: `${Base.name} [${code}]`, configurable: true, writable: true })
  Error.captureStackTrace?.(error, at)
  // As in Node, the code appears in the stack only, and `error.name` stays 'TypeError'. Reading `stack` here fixes its
  // text.
  void error.stack
  delete error.name
  Object.defineProperty(error, 'code', { value: code, configurable: true, enumerable: true, writable: true })
  return error
}

/** Node's text after "Received": `type number (5)`, `an instance of Foo`, `undefined`. */
function received(value) {
  if (value == null) return ` Received ${value}`
  if (typeof value === 'function' && value.name) return ` Received function ${value.name}`
  if (typeof value === 'object') {
    const name = constructorName(value)
    if (name) return ` Received an instance of ${name}`
    return ` Received ${util.inspect(value, { depth: -1 })}`
  }
  let inspected = util.inspect(value, { colors: false })
  if (inspected.length > 28) inspected = `${inspected.slice(0, 25)}...`
  return ` Received type ${typeof value} (${inspected})`
}

/** Undefined for a value that throws when it is read: reporting an error must not fail. */
function constructorName(value) {
  try {
    return value.constructor?.name
  } catch {
    return undefined
  }
}

/** Groups digits as Node does in range errors: 1_000_000. */
function withSeparators(value) {
  const text = String(value)
  const start = text[0] === '-' ? 1 : 0
  if (!/^-?\d+$/.test(text)) return text
  return text.slice(0, start) + text.slice(start).replace(/\B(?=(\d{3})+$)/g, '_')
}

/** `expected` is a phrase like "of type string" or "an instance of Buffer". */
function invalidArgType(name, expected, value) {
  const subject = name.endsWith(' argument')
    ? `The ${name}`
    : `The "${name}" ${name.includes('.') ? 'property' : 'argument'}`
  return makeError(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `${subject} must be ${expected}.${received(value)}`,
    invalidArgType,
  )
}

function invalidArgValue(name, value, reason = 'is invalid') {
  let inspected = util.inspect(value)
  if (inspected.length > 128) inspected = `${inspected.slice(0, 128)}...`
  const kind = name.includes('.') ? 'property' : 'argument'
  return makeError(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    `The ${kind} '${name}' ${reason}. Received ${inspected}`,
    invalidArgValue,
  )
}

/** `range` is a phrase like ">= 0 and <= 65535". */
function outOfRange(name, range, value) {
  let shown
  if (Number.isInteger(value) && Math.abs(value) > 2 ** 32) shown = withSeparators(value)
  else if (typeof value === 'bigint') {
    shown = value > 2n ** 32n || value < -(2n ** 32n) ? `${withSeparators(value)}n` : `${value}n`
  } else shown = util.inspect(value)
  return makeError(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${shown}`,
    outOfRange,
  )
}

/** An operating-system error in Node's shape: errno, code, syscall, and address and port if it concerns them. */
function systemError(errno, syscall, address, port) {
  const code = util.getSystemErrorName(errno)
  return located(`${syscall} ${code}`, { errno, code, syscall }, address, port)
}

/** The same with the system's description: `listen EADDRINUSE: address already in use 127.0.0.1:80`. */
function describedSystemError(errno, syscall, address, port) {
  const [code, text] = inWords(errno)
  return located(`${syscall} ${code}: ${text}`, { code, errno, syscall }, address, port)
}

/** A file system error in the wording of Node's `fs`: `ENOENT: no such file or directory, open '/tmp/a'`. */
function fileSystemError(errno, syscall, path) {
  const [code, text] = inWords(errno)
  return Object.assign(new Error(`${code}: ${text}, ${syscall} '${path}'`), { errno, code, syscall, path })
}

function inWords(errno) {
  return util.getSystemErrorMap().get(errno) ?? ['UNKNOWN', 'unknown error']
}

function located(message, properties, address, port) {
  const where = address ? ` ${address}${port > 0 ? `:${port}` : ''}` : ''
  const error = Object.assign(new Error(message + where), properties)
  if (address) error.address = address
  if (port) error.port = port
  return error
}

module.exports = {
  makeError,
  invalidArgType,
  invalidArgValue,
  outOfRange,
  systemError,
  describedSystemError,
  fileSystemError,
  received,
}
