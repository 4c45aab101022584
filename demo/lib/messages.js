'use strict'

// The messages between front and backends, compiled once from courses.proto.

const fs = require('node:fs')
const path = require('node:path')
const { protobuf } = require('ironwire')

module.exports = protobuf(fs.readFileSync(path.join(__dirname, '..', 'courses.proto')))
