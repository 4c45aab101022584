'use strict'

// The public surface: nothing but wiring. Types and documentation are in index.d.ts.

exports.version = require('./package.json').version
exports.Buffer = require('node:buffer').Buffer
exports.codec = require('./lib/codec')
exports.net = require('./lib/net')
exports.rpc = require('./lib/rpc')
exports.protobuf = require('./lib/protobuf')
exports.http = require('./lib/http')
