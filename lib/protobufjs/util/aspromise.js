'use strict'

/** Calls a function that takes an error-first callback as its last argument, and returns a promise of the result. */
module.exports = function asPromise(fn, self, ...args) {
  return new Promise((resolve, reject) => {
    try {
      fn.call(self ?? null, ...args, (error, ...results) => {
        if (error) reject(error)
        else resolve(...results)
      })
    } catch (error) {
      reject(error)
    }
  })
}
