'use strict'

// The native functions for whole buffers and arrays, loaded for the first call that Rust does: all else does without the addon.

const { once } = require('../once')

let functions

module.exports = () => {
  functions ??= load()
  return functions
}

function load() {
  const binding = require('../../binding.js')
  return once(`codec ${binding.version()}`, () => binding.codecBulk())
}
