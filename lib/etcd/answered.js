'use strict'

const { AsyncResource } = require('node:async_hooks')
const { invalidArgType } = require('../errors.js')

const MANUAL = { requireManualDestroy: true }

/**
 * What `begin(answer)` answers, as `answer(error, value)`: to the callback, in the context of its caller, whoever has brought the answer; or where
 * there is none, by a promise.
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
