'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { refuseUnknown } = require('../../lib/options.js')

const known = ['maxFrameBytes', 'timeout', 'reconnect']

test('known options, and unknown ones that are undefined, pass', () => {
  refuseUnknown({ timeout: 1, other: undefined }, known)
  refuseUnknown({}, known)
})

test('an unknown option is named, with the nearest known one', () => {
  const thrown = (given) => {
    try {
      refuseUnknown(given, known)
    } catch (error) {
      return error
    }
  }
  const near = thrown({ timeOut: 1 })
  assert.equal(near.code, 'IRONWIRE_UNKNOWN_OPTION')
  assert.equal(near.message, 'There is no option "options.timeOut". Did you mean "timeout"?')
  assert.match(thrown({ maxFrameByte: 1 }).message, /Did you mean "maxFrameBytes"\?$/)
  assert.equal(
    thrown({ tls: true }).message,
    'There is no option "options.tls". Known are maxFrameBytes, timeout, reconnect',
  )
})
