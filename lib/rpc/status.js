'use strict'

// The status codes of gRPC, which rpc calls use too.

const { invalidArgType, outOfRange } = require('../errors')

const NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** The number of statuses. */
const STATUSES = NAMES.length

/** The number of each status by name. */
const status = Object.freeze(Object.fromEntries(NAMES.map((name, number) => [name, number])))

/** The name of a status; `UNKNOWN` for a number that gRPC does not define. */
function statusName(number) {
  return NAMES[number] ?? 'UNKNOWN'
}

/** Whether the number is a status of a failed call. */
function isFailure(number) {
  return Number.isInteger(number) && number >= 1 && number < NAMES.length
}

function checkFailure(name, number) {
  if (typeof number !== 'number') throw invalidArgType(name, 'of type number', number)
  if (!isFailure(number)) throw outOfRange(name, `an integer >= 1 and <= ${NAMES.length - 1}`, number)
  return number
}

module.exports = { STATUSES, status, statusName, isFailure, checkFailure }
