'use strict'

// The equivalent of `protobufjs/google/protobuf/type.json`.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('type')
