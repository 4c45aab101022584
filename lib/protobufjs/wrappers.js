'use strict'

// Types whose objects differ from their fields. The wrappers' `fromObject` and `toObject` are called on the type and
// use its own original ones.

const { Message } = require('./message.js')
const util = require('./util/index.js')

const PREFIX = 'type.googleapis.com/'

const withoutDot = (name) => (name.startsWith('.') ? name.slice(1) : name)

function checkDepth(depth) {
  if (depth > util.recursionLimit) throw Error('max depth exceeded')
}

/** An Any is represented by its content, with the type as `@type`. */
const any = {
  fromObject(object, depth = 0) {
    checkDepth(depth)
    const named = object?.['@type']
    const type = named ? this.lookup(named.slice(named.lastIndexOf('/') + 1), [this.constructor]) : null
    if (!type) return this.fromObject(object, depth)
    const url = withoutDot(named)
    return this.create({
      type_url: url.includes('/') ? url : `/${url}`,
      value: type.encode(type.fromObject(object, depth + 1)).finish(),
    })
  },

  toObject(message, options, depth = 0) {
    checkDepth(depth)
    let inner = message
    let prefix = PREFIX
    if (options?.json && message.type_url && message.value) {
      const at = message.type_url.lastIndexOf('/') + 1
      const type = this.lookup(message.type_url.slice(at), [this.constructor])
      if (type) inner = type.decode(message.value, undefined, undefined, depth + 1)
      prefix = message.type_url.slice(0, at) || PREFIX
    }
    if (inner instanceof this.ctor || !(inner instanceof Message)) return this.toObject(inner, options, depth)
    const object = inner.$type.toObject(inner, options, depth + 1)
    object['@type'] = prefix + withoutDot(inner.$type.fullName)
    return object
  },
}

module.exports = { '.google.protobuf.Any': any }
