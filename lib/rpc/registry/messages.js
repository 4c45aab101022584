'use strict'

// The messages of registry.proto, which Rust brings along: there is one text of it.

const { native } = require('../../engine')

const SERVICE = 'ironwire.registry.v1.Registry'

let compiled

/** Messages by name, and each method as `{ path, requestType, responseType }`. Compiled when first used. */
function registryMessages() {
  if (compiled === undefined) {
    const protobuf = require('../../protobuf/index.js')
    // Without defaults: a weight that is absent is not 0.
    const messages = protobuf(native.registrySchema(), { defaults: false })
    compiled = { messages, methods: protobuf.service(messages, SERVICE).methods }
  }
  return compiled
}

module.exports = { registryMessages, SERVICE, METHODS: native.registryMethods().split(',') }
