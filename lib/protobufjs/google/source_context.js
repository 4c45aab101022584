'use strict'

// What `protobufjs/google/protobuf/source_context.json` is.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('source_context')
