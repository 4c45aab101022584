'use strict'

const { AsyncResource } = require('node:async_hooks')
const { invalidArgType } = require('../errors.js')

const MANUAL = { requireManualDestroy: true }

/**
 * Supports both callbacks and promises: `begin(answer)` starts the work, which ends with `answer(error, value)`. The
 * callback runs in the async context of its caller, whatever code calls `answer`. Without a callback, a promise is
 * returned.
 */
function answered(callback, begin) {
  if (callback === undefined) {
    return new Promise((resolve, reject) => begin((error, value) => (error === null ? resolve(value) : reject(error))))
  }
  if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
  const scope = new AsyncResource('ETCDREQUEST', MANUAL)
  begin((error, value) => {
    try {
      scope.runInAsyncScope(callback, undefined, error, value)
    } finally {
      scope.emitDestroy()
    }
  })
}

module.exports = { answered }
