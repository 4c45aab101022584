'use strict'

// The result of `protobuf()`: the messages and enums of a schema by name; and the functions that find the schema behind
// it.

const { invalidArgType } = require('../errors.js')

const behind = new WeakMap()

/** Associates an object with its schema. `own` is the set of the names of its root files. */
function standFor(messages, schema, own) {
  behind.set(messages, { schema, own })
}

/** The names of the root files of a result of `protobuf.load()`. */
function ownFiles(messages) {
  return behind.get(messages).own
}

class Messages {
  /** `source()` returns the schema's source text, `ast()` the object of npm `protocol-buffers-schema`. */
  constructor(schema, source, ast) {
    behind.set(this, { schema, source, ast })
    schema.show(this)
  }

  toString() {
    return behind.get(this).source()
  }

  toJSON() {
    return behind.get(this).ast()
  }
}

/** The schema of a Messages object; undefined for anything else. */
function findSchema(messages) {
  return behind.get(messages)?.schema
}

function schemaOf(messages) {
  const schema = findSchema(messages)
  if (schema === undefined) throw invalidArgType('messages', "what 'protobuf.load()' or 'protobuf()' gave", messages)
  return schema
}

/** The message with this full name (`package.Outer.Inner`) in any file of the schema; undefined if there is none. */
function lookup(messages, fullName) {
  const schema = schemaOf(messages)
  return schema.messages[schema.outline.messages.findIndex((outline) => outline[1] === fullName)]
}

module.exports = { Messages, findSchema, lookup, ownFiles, schemaOf, standFor }
