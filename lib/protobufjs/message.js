'use strict'

const util = require('./util/index.js')

/**
 * The base of messages. It is a function and not a class, because message classes of older programs call it on their
 * own objects.
 */
function Message(properties) {
  if (!properties) return
  for (const key of Object.keys(properties)) {
    if (properties[key] != null && key !== '__proto__') this[key] = properties[key]
  }
}

// The static methods of message classes call those of their type.
Message.create = function create(properties) {
  return this.$type.create(properties)
}
Message.encode = function encode(message, writer) {
  return this.$type.encode(message, writer)
}
Message.encodeDelimited = function encodeDelimited(message, writer) {
  return this.$type.encodeDelimited(message, writer)
}
Message.decode = function decode(reader) {
  return this.$type.decode(reader)
}
Message.decodeDelimited = function decodeDelimited(reader) {
  return this.$type.decodeDelimited(reader)
}
Message.verify = function verify(message) {
  return this.$type.verify(message)
}
Message.fromObject = function fromObject(object) {
  return this.$type.fromObject(object)
}
Message.toObject = function toObject(message, options) {
  return this.$type.toObject(message, options)
}

Message.prototype.toJSON = function toJSON() {
  return this.$type.toObject(this, util.toJSONOptions)
}

module.exports = { Message }
