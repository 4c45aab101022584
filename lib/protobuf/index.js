'use strict'

// `protobuf(source, options)`: the messages of a `.proto` schema, compatible with npm `protocol-buffers` 5.

const { invalidArgType, makeError, received } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const ast = require('./ast.js')
const delimited = require('./delimited.js')
const { formats, bytes: input } = require('./formats.js')
const { load, loadSync, parse, parseDescriptorSet } = require('./load.js')
const { Messages, lookup, schemaOf } = require('./messages.js')
const { moduleText, toModule } = require('./module.js')
const { pbts } = require('./pbts.js')
const { unknownFields } = require('./read.js')
const { reflect, service } = require('./reflect.js')
const { Schema } = require('./schema.js')
const { compatible, compatibleNames } = require('./settings.js')
const { SOURCE, isSchemaObject, text } = require('./source.js')
const { toAst } = require('./to-ast.js')

function rootText(source) {
  const found = text(source)
  if (found === undefined) throw invalidArgType('source', SOURCE, source)
  return found
}

/**
 * What `toString` and `toJSON` return: the source, and the schema object of npm `protocol-buffers-schema` (the given
 * one, if there is one).
 */
function describe(schema, root, source) {
  return [() => source, () => (isSchemaObject(root) ? root : toAst(schema))]
}

/** Returns the source of the root and the function that resolves imports, from the arguments of `protobuf()`. */
function sources(source, { filename, resolveImport }) {
  if (filename && typeof filename !== 'string') throw invalidArgType('options.filename', 'of type string', filename)
  if (resolveImport && typeof resolveImport !== 'function') {
    throw invalidArgType('options.resolveImport', 'of type function', resolveImport)
  }
  if (filename && !resolveImport) throw new Error('opts.resolveImport is required if opts.filename is given.')
  if (!filename && !source) throw new Error('Pass in a .proto string or a protobuf-schema parsed object')
  const resolve = (file) => {
    const found = resolveImport ? resolveImport(file) : null
    if (found === null || found === undefined) return null
    const source = text(found)
    if (source === undefined) throw invalidImport(file, found)
    return source
  }
  if (!filename) return { root: source, source: rootText(source), resolve }
  const root = resolveImport(filename)
  if (root === null || root === undefined) {
    const message = `${filename}: resolveImport gave ${root}, not the file's text`
    throw makeError(Error, 'IRONWIRE_PROTOBUF_SCHEMA', message, protobuf)
  }
  const found = text(root)
  if (found === undefined) throw invalidImport(filename, root)
  return { root, source: found, resolve }
}

/** The same error as Node's for invalid results of callbacks. */
function invalidImport(file, found) {
  const hint = typeof found?.then === 'function' ? ' Read the files first: it cannot be asynchronous.' : ''
  const message = `The "resolveImport" function must return a value ${SOURCE}, for "${file}".${received(found)}.${hint}`
  return makeError(TypeError, 'ERR_INVALID_RETURN_VALUE', message, invalidImport)
}

function given(options) {
  return options !== null && typeof options === 'object' ? options : {}
}

function protobuf(source, options) {
  const { root, source: text, resolve } = sources(source, given(options))
  const schema = Schema.compile(given(options).filename || '', text, compatible(given(options)), resolve)
  return new Messages(schema, ...describe(schema, root, text))
}

/** The messages of all files of a `google.protobuf.FileDescriptorSet`, as written by `protoc -o`. */
function fromDescriptorSet(bytes, options) {
  refuseUnknown(given(options), compatibleNames)
  const schema = Schema.fromDescriptors(input('bytes', bytes), compatible(given(options)))
  const described = () => toAst(schema)
  return new Messages(schema, () => ast.toSource(described()), described)
}

/** All files of a schema as a `google.protobuf.FileDescriptorSet`; imported files come first. */
function toDescriptorSet(messages, options = {}) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, ['sourceInfo'])
  return schemaOf(messages).native.descriptors(options.sourceInfo === true)
}

/**
 * The source of a module that exports the messages, like npm `protocol-buffers` generates. `encodings` is the package
 * from which the module loads ironwire, by default this one. `module` is `'commonjs'` or `'esm'`.
 */
function toJS(source, options) {
  const { encodings = 'ironwire', filename = 'schema.proto', module, resolveImport, ...rest } = given(options)
  refuseUnknown(given(options), [...compatibleNames, 'encodings', 'filename', 'module', 'resolveImport'])
  const files = {}
  const { source: text, resolve } = sources(source, given(options))
  const load = (file) => {
    const found = resolve(file)
    if (found !== null) files[file] = found
    return found
  }
  const own = compatible(rest)
  // Includes services, although they are not enumerable.
  const shown = Object.getOwnPropertyNames(new Messages(Schema.compile(filename, text, own, load)))
  files[filename] = text
  const kept = compatibleNames.filter((name) => rest[name] !== undefined)
  const all = Object.fromEntries(kept.map((name) => [name, rest[name]]))
  const lines = [
    `const files = new Map(${JSON.stringify(Object.entries(files), null, 2)})`,
    '',
    'const root = protobuf(null, {',
    `  ...${JSON.stringify(all)},`,
    `  filename: ${JSON.stringify(filename)},`,
    '  resolveImport: (name) => files.get(name),',
    '})',
  ]
  return moduleText({ module, from: encodings }, lines, shown)
}

Object.assign(protobuf, formats, delimited, {
  load,
  loadSync,
  parse,
  parseDescriptorSet,
  toModule,
  lookup,
  reflect,
  service,
  fromDescriptorSet,
  toDescriptorSet,
  toJS,
  pbts,
  unknownFields,
})

module.exports = protobuf
