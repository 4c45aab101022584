'use strict'

// `ironwire/protobufjs`: npm `protobufjs` 8, call for call, on our codec.

const common = require('./common.js')
const light = require('./light.js')
const parse = require('./parse.js')
const tokenize = require('./tokenize.js')

light.Root.parse = parse

module.exports = Object.assign(light, { build: 'full', tokenize, parse, common })
