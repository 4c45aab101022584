'use strict'

// The message of typed calls in protobufjs, for contenders without a codec of their own.

const protobufjs = require('protobufjs')
const { proto } = require('./course.js')

const Type = protobufjs.parse(proto, { keepCase: true }).root.lookupType('Course')

/** Its `toBuffer` and `fromBuffer`. */
exports.Course = {
  toBuffer(message) {
    const bytes = Type.encode(message).finish()
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  },
  fromBuffer: (bytes) => Type.decode(bytes),
}
