'use strict'

// `ironwire/protobufjs/light`: reflection without the parser.

const { Enum } = require('./enum.js')
const { Field, MapField } = require('./field.js')
const { Message } = require('./message.js')
const minimal = require('./minimal.js')
const { Namespace } = require('./namespace.js')
const { ReflectionObject } = require('./object.js')
const { OneOf } = require('./oneof.js')
const { Root } = require('./root.js')
const { Method, Service } = require('./service.js')
const { Type } = require('./type.js')
const types = require('./types.js')
const wrappers = require('./wrappers.js')

/** `load(filename, root?, callback?)` */
function load(filename, root, callback) {
  if (typeof root === 'function') return new Root().load(filename, root)
  return (root || new Root()).load(filename, callback)
}

function loadSync(filename, root) {
  return (root || new Root()).loadSync(filename)
}

module.exports = Object.assign(minimal, {
  build: 'light',
  load,
  loadSync,
  ReflectionObject,
  Namespace,
  Root,
  Enum,
  Type,
  Field,
  OneOf,
  MapField,
  Service,
  Method,
  Message,
  wrappers,
  types,
})
