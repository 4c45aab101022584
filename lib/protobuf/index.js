'use strict'

// `protobuf(source, options)`: messages of a `.proto` schema, call for call as npm `protocol-buffers` 5 makes them.

const { invalidArgType, invalidArgValue } = require('../errors.js')
const ast = require('./ast.js')
const delimited = require('./delimited.js')
const { formats } = require('./formats.js')
const { Messages, lookup } = require('./messages.js')
const { forms, unknownFields } = require('./read.js')
const { Schema } = require('./schema.js')

const DEFAULTS = {
  strict: false,
  int64: 'auto',
  defaults: true,
  unknownFields: false,
  nan: false,
  depth: 100,
  // The format's own bound, 2 GiB - 1.
  maxSize: 2147483647,
  // Their index takes 16 bytes each: 256 MB.
  maxValues: 16777216,
}

const LIMITS = ['maxSize', 'maxValues']

/** Options with their defaults, checked. The tutorial's second argument is an encoding, which npm `protocol-buffers` passes over. */
function settings(options) {
  const all = { ...DEFAULTS }
  for (const name of Object.keys(DEFAULTS)) {
    const value = options[name]
    if (value === undefined) continue
    if (typeof value !== typeof DEFAULTS[name]) {
      throw invalidArgType(`options.${name}`, `of type ${typeof DEFAULTS[name]}`, value)
    }
    all[name] = value
  }
  if (!forms.includes(all.int64))
    throw invalidArgValue('options.int64', all.int64, `must be one of ${forms.join(', ')}`)
  // 10,000 levels of calls still fit V8's default stack.
  if (!(Number.isInteger(all.depth) && all.depth >= 1 && all.depth <= 10_000)) {
    throw invalidArgValue('options.depth', all.depth, 'must be an integer from 1 to 10000')
  }
  for (const name of LIMITS) {
    if (!(Number.isInteger(all[name]) && all[name] >= 1 && all[name] <= 2147483647)) {
      throw invalidArgValue(`options.${name}`, all[name], 'must be an integer from 1 to 2147483647')
    }
  }
  const { strict, ...rest } = all
  return { lenient: !strict, ...rest }
}

/** Source text of whatever a schema is given as. */
function text(source) {
  if (typeof source === 'string') return source
  if (source instanceof Uint8Array) return Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString()
  if (typeof source === 'object') return ast.toSource(source)
  throw invalidArgType('source', 'of type string, an instance of Buffer or a schema object', source)
}

function protobuf(source, options) {
  const given = options !== null && typeof options === 'object' ? options : {}
  const { filename, resolveImport } = given
  let root = source
  if (filename) {
    if (!resolveImport) throw new Error('opts.resolveImport is required if opts.filename is given.')
    root = resolveImport(filename)
  } else if (!source) throw new Error('Pass in a .proto string or a protobuf-schema parsed object')
  const resolve = (file) => {
    const found = resolveImport ? resolveImport(file) : null
    return found === null || found === undefined ? null : text(found)
  }
  const schema = new Schema(filename || '', text(root), settings(given), resolve)
  return new Messages(schema, text(root), root)
}

protobuf.lookup = lookup
protobuf.unknownFields = unknownFields
Object.assign(protobuf, formats, delimited)

module.exports = protobuf
