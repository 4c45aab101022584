'use strict'

// What `protobufjs/google/protobuf/api.json` is.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('api')
