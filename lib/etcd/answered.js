'use strict'

const { invalidArgType } = require('../errors.js')

/** What `begin(answer)` answers, as `answer(error, value)`: to the callback, or where there is none, by a promise. */
function answered(callback, begin) {
  if (callback === undefined) {
    return new Promise((resolve, reject) => begin((error, value) => (error === null ? resolve(value) : reject(error))))
  }
  if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback)
  begin(callback)
}

module.exports = { answered }
