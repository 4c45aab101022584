'use strict'

// The native functions for whole buffers and arrays. The addon is loaded at the first call that needs it.

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
