'use strict'

// What `protobuf()` returns: the messages and enums of a schema by name, and the way from there back to the schema.

const { invalidArgType } = require('../errors.js')

const behind = new WeakMap()

/** Makes an object stand for its schema; `own` are the names of the files that it was made for. */
function standFor(messages, schema, own) {
  behind.set(messages, { schema, own })
}

/** The names of the files that a root of `protobuf.load()` was made for. */
function ownFiles(messages) {
  return behind.get(messages).own
}

class Messages {
  /** `source` gives what the schema was made from as text, `ast` as an object in the shape of npm `protocol-buffers-schema`. */
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

/** The message of this full name (`package.Outer.Inner`), from whichever file of the schema; undefined where there is none. */
function lookup(messages, fullName) {
  const schema = schemaOf(messages)
  return schema.messages[schema.outline.messages.findIndex((outline) => outline[1] === fullName)]
}

module.exports = { Messages, findSchema, lookup, ownFiles, schemaOf, standFor }
