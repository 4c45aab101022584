'use strict'

// Required before a program: what it requires as protobufjs is this package's, or with REFERENCE set the newest protobufjs, wherever an
// older one lies nearer. Both then run the same program.

const Module = require('node:module')
const path = require('node:path')

// This folder is another package's: from the root ours is found by its name.
const ours = Module.createRequire(path.resolve(__dirname, '../../../index.js'))
const resolve = Module._resolveFilename

Module._resolveFilename = function (request, parent, ...rest) {
  const [, file] = /^protobufjs(\/.*)?$/.exec(request) ?? []
  if (file === undefined && request !== 'protobufjs') return resolve.call(this, request, parent, ...rest)
  if (process.env.REFERENCE) return resolve.call(this, request, module, ...rest)
  return ours.resolve(`ironwire/protobufjs${(file ?? '').replace(/\.js$/, '')}`)
}
