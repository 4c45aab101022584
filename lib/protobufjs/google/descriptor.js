'use strict'

// What `protobufjs/google/protobuf/descriptor.json` is.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('descriptor')
