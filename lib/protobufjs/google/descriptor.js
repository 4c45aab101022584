'use strict'

// The equivalent of `protobufjs/google/protobuf/descriptor.json`.

const { wellKnown } = require('../ext/well-known.js')

module.exports = wellKnown('descriptor')
