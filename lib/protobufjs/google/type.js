'use strict'

// What `protobufjs/google/protobuf/type.json` is.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('type')
