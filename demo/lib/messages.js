'use strict'

// The messages that the front and the backend exchange, compiled once from courses.proto.

const fs = require('node:fs')
const path = require('node:path')
const { protobuf } = require('ironwire')

module.exports = protobuf(fs.readFileSync(path.join(__dirname, '..', 'courses.proto')))
