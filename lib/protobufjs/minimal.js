'use strict'

// `ironwire/protobufjs/minimal`: what static code needs.

const { BufferReader, Reader } = require('./reader.js')
const rpc = require('./rpc.js')
const roots = require('./roots.js')
const util = require('./util/index.js')
const state = require('./util/long.js')
const { BufferWriter, Writer } = require('./writer.js')

/** Takes over `util.Long`, after a program set it. */
function configure() {
  state.Long = util.Long
}

module.exports = { build: 'minimal', Writer, BufferWriter, Reader, BufferReader, util, rpc, roots, configure }
