'use strict'

// The equivalent of `protobufjs/google/protobuf/api.json`.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('api')
