'use strict'

// What a schema may be given as.

const { Buffer } = require('node:buffer')
const { types } = require('node:util')
const { invalidArgValue } = require('../errors.js')
const ast = require('./ast.js')
const { bytes: input } = require('./formats.js')

/** True for a schema as npm `protocol-buffers-schema` has it. Anything else would be one that declares nothing. */
function isSchemaObject(value) {
  if (typeof value !== 'object' || value === null) return false
  return ['messages', 'enums', 'services', 'imports'].some((name) => Array.isArray(value[name]))
}

const SOURCE = 'of type string, an instance of Buffer, an ArrayBuffer or a schema object'

/** Source text of whatever a schema is given as, and undefined for what is none. */
function text(source) {
  if (typeof source === 'string') {
    if (/^[^\n{};]*\.proto\s*$/.test(source)) {
      throw invalidArgValue(
        'source',
        source,
        'must be the text of a schema, not the name of a file: read the file first',
      )
    }
    return source
  }
  if (types.isAnyArrayBuffer(source)) return Buffer.from(new Uint8Array(source)).toString()
  if (types.isUint8Array(source)) return Buffer.from(input('source', source)).toString()
  return isSchemaObject(source) ? ast.toSource(source) : undefined
}

module.exports = { SOURCE, isSchemaObject, text }
