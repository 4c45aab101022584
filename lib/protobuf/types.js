'use strict'

// The message types of `protobuf.load()`, and the tree of packages that contains them.

const formats = require('./formats.js').formats
const { standFor } = require('./messages.js')
const objects = require('./objects.js')
const { reflectionOf } = require('./reflect.js')
const { define } = require('./schema.js')

/** Converts values that JSON cannot represent to their ProtoJSON form. */
function jsonValue(_, value) {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

/** Makes an object a message type. Its functions do not use `this`, so they can be detached. */
function fillType(schema, object, id) {
  const { messages, enums } = schema.outline
  const [name, fullName, nested, nestedEnums] = messages[id]
  for (const inner of nested) if (!messages[inner][4]) define(object, messages[inner][0], schema.messages[inner])
  for (const inner of nestedEnums) define(object, enums[inner][0], schema.enumObject(inner))
  const { encode, decode, encodingLength } = schema.codecFor(id)
  const functions = {
    encode,
    decode,
    encodingLength,
    create: (init) => objects.create(schema, id, init),
    equals: (a, b) => objects.equals(schema, id, a, b),
    clone: (message) => objects.clone(schema, id, message),
    fromObject: (from) => decode(encode(objects.fromObject(schema, id, from))),
    toObject: (message, options) => objects.toObject(schema, id, message, options),
    toJson: (message, options) => JSON.parse(formats.toJson(object, message, options)),
    fromJson: (value, options) => formats.fromJson(object, JSON.stringify(value, jsonValue) ?? 'null', options),
    toJsonString: (message, options) => formats.toJson(object, message, options),
    fromJsonString: (text, options) => formats.fromJson(object, text, options),
    toText: (message, options) => formats.toText(object, message, options),
    fromText: (text, options) => formats.fromText(object, text, options),
  }
  Object.assign(object, { name, fullName }, functions)
}

/**
 * A package: an object without any other properties, even inherited ones. `Object.create(null)` would be as empty, but
 * V8 stores it as a hash table, with lookups ten times as slow.
 */
function Namespace() {}
Namespace.prototype = Object.create(null)

/**
 * The tree of packages: namespaces with messages, enums and services by name. Declarations of the root files (`own`)
 * are also defined by their bare names, unless another declaration or a package has the same name.
 */
function makeRoot(schema, own) {
  const root = new Namespace()
  const { files, messages, enums, services } = schema.outline
  const declared = ([, , , messageIds, enumIds, serviceIds]) => [
    ...enumIds.map((id) => [enums[id][0], schema.enumObject(id)]),
    ...messageIds.map((id) => [messages[id][0], schema.messages[id]]),
    ...serviceIds.map((id) => [services[id][0], reflectionOf(schema).at('service', id)]),
  ]
  const bare = new Map()
  for (const file of files) {
    const [name, pkg] = file
    const things = declared(file)
    if (things.length === 0) continue
    let place = root
    for (const part of pkg === '' ? [] : pkg.split('.')) {
      if (!Object.hasOwn(place, part)) define(place, part, new Namespace())
      place = place[part]
    }
    for (const [key, thing] of things) {
      define(place, key, thing)
      if (own.has(name)) bare.set(key, bare.has(key) ? undefined : thing)
    }
  }
  for (const [key, thing] of bare) if (thing !== undefined && !(key in root)) define(root, key, thing)
  standFor(root, schema, own)
  return root
}

module.exports = { fillType, makeRoot }
