'use strict'

// The native functions for whole buffers and arrays, loaded for the first call that Rust does: all else does without the addon.

const { version } = require('../../package.json')
const { once } = require('../once')

let functions

module.exports = () => {
  functions ??= once(`codec ${version}`, () => require('../../binding.js').codecBulk())
  return functions
}
