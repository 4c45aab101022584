'use strict'

// The equivalent of `protobufjs/google/protobuf/source_context.json`.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('source_context')
