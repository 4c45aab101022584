'use strict'

// Accepts a schema in any of the supported forms.

const { Buffer } = require('node:buffer')
const { types } = require('node:util')
const { invalidArgValue } = require('../errors.js')
const ast = require('./ast.js')
const { bytes: input } = require('./formats.js')

/**
 * True for a schema object of npm `protocol-buffers-schema`. Any other object would be a schema that declares nothing.
 */
function isSchemaObject(value) {
  if (typeof value !== 'object' || value === null) return false
  return ['messages', 'enums', 'services', 'imports'].some((name) => Array.isArray(value[name]))
}

const SOURCE = 'of type string, an instance of Buffer, an ArrayBuffer or a schema object'

/** The source text of a schema given in any form; undefined for anything else. */
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
