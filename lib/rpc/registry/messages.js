'use strict'

// The messages of registry.proto. Rust embeds the schema, so that there is only one copy of it.

const { native } = require('../../engine')

const SERVICE = 'ironwire.registry.v1.Registry'

let compiled

/** The messages by name, and each method as `{ path, requestType, responseType }`. Compiled at the first use. */
function registryMessages() {
  if (compiled === undefined) {
    const protobuf = require('../../protobuf/index.js')
    // Without defaults: an absent weight does not mean 0.
    const messages = protobuf(native.registrySchema(), { defaults: false })
    compiled = { messages, methods: protobuf.service(messages, SERVICE).methods }
  }
  return compiled
}

module.exports = { registryMessages, SERVICE, METHODS: native.registryMethods().split(',') }
