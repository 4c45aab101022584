'use strict'

// `ironwire/protobufjs/minimal`: what static code needs.

const { Buffer } = require('node:buffer')
const { BufferReader, Reader } = require('./reader.js')
const rpc = require('./rpc.js')
const roots = require('./roots.js')
const util = require('./util/index.js')
const state = require('./util/state.js')
const { BufferWriter, Writer } = require('./writer.js')

/** Applies `util.Long` and `util.Buffer` after the program has set them. */
function configure() {
  state.Long = util.Long
  state.isUsualBuffer = util.Buffer === Buffer
}

module.exports = { build: 'minimal', Writer, BufferWriter, Reader, BufferReader, util, rpc, roots, configure }
