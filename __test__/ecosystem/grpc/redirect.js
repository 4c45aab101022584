'use strict'

// Required before a program: what it requires as @grpc/grpc-js is ours, unless REFERENCE is set.

const Module = require('node:module')
const path = require('node:path')

// This folder is another package's: from the root ours is found by its name.
const ours = Module.createRequire(path.resolve(__dirname, '../../../index.js'))
const resolve = Module._resolveFilename

Module._resolveFilename = function (request, ...rest) {
  if (request !== '@grpc/grpc-js' || process.env.REFERENCE) return resolve.call(this, request, ...rest)
  return ours.resolve('ironwire/grpc')
}
