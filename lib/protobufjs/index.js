'use strict'

// `ironwire/protobufjs`: compatible with npm `protobufjs` 8, on ironwire's codec.

const common = require('./common.js')
const light = require('./light.js')
const parse = require('./parse.js')
const tokenize = require('./tokenize.js')

light.Root.parse = parse

module.exports = Object.assign(light, { build: 'full', tokenize, parse, common })
