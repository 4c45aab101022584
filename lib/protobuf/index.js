'use strict'

// `protobuf(source, options)`: messages of a `.proto` schema, call for call as npm `protocol-buffers` 5 makes them.

const { Buffer } = require('node:buffer')
const { types } = require('node:util')
const { invalidArgType, invalidArgValue, makeError, received } = require('../errors.js')
const { messageLimits, schemaLimits: usualLimits } = require('../constants.js')
const { refuseUnknown } = require('../options.js')
const ast = require('./ast.js')
const delimited = require('./delimited.js')
const { formats, bytes: input } = require('./formats.js')
const { Messages, lookup, schemaOf } = require('./messages.js')
const { pbts } = require('./pbts.js')
const { forms, unknownFields } = require('./read.js')
const { reflect, service } = require('./reflect.js')
const { Schema } = require('./schema.js')
const { toAst } = require('./to-ast.js')

const DEFAULTS = {
  strict: false,
  int64: 'auto',
  defaults: true,
  unknownFields: false,
  nan: false,
  depth: messageLimits.depth,
  maxSize: messageLimits.size,
  // In Rust their index takes 16 bytes each; as objects they fill V8's heap.
  maxValues: messageLimits.values,
}

const LIMITS = ['maxSize', 'maxValues']
const SETTINGS = [...Object.keys(DEFAULTS), 'limits']

// How far limits on schemas, which may come from elsewhere, can be raised. `docs/protobuf-language.md` has the reasons.
const MAX = 2147483647
// Both are recursion, and a worker's stack is smaller than the main thread's.
const MOST = { nesting: 256, importDepth: 512 }

/** Limits on the schema, checked. */
function schemaLimits(given) {
  if (given !== undefined && (typeof given !== 'object' || given === null)) {
    throw invalidArgType('options.limits', 'of type object', given)
  }
  refuseUnknown(given ?? {}, Object.keys(usualLimits), 'options.limits')
  const limits = {}
  for (const [name, usual] of Object.entries(usualLimits)) {
    const value = given?.[name] ?? usual
    const most = MOST[name] ?? MAX
    if (!(Number.isInteger(value) && value >= 1 && value <= most)) {
      throw invalidArgValue(`options.limits.${name}`, value, `must be an integer from 1 to ${most}`)
    }
    limits[name] = value
  }
  return limits
}

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
  // A level is a call, in JavaScript and in Rust, and a worker's stack is smaller than the main thread's.
  if (!(Number.isInteger(all.depth) && all.depth >= 1 && all.depth <= messageLimits.maxDepth)) {
    throw invalidArgValue('options.depth', all.depth, `must be an integer from 1 to ${messageLimits.maxDepth}`)
  }
  for (const name of LIMITS) {
    if (!(Number.isInteger(all[name]) && all[name] >= 1 && all[name] <= MAX)) {
      throw invalidArgValue(`options.${name}`, all[name], `must be an integer from 1 to ${MAX}`)
    }
  }
  const { strict, ...rest } = all
  return { lenient: !strict, ...rest, limits: schemaLimits(options.limits) }
}

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
      throw invalidArgValue('source', source, 'is the text of a schema, not the name of a file: read that first')
    }
    return source
  }
  if (types.isAnyArrayBuffer(source)) return Buffer.from(new Uint8Array(source)).toString()
  if (types.isUint8Array(source)) return Buffer.from(input('source', source)).toString()
  return isSchemaObject(source) ? ast.toSource(source) : undefined
}

function rootText(source) {
  const found = text(source)
  if (found === undefined) throw invalidArgType('source', SOURCE, source)
  return found
}

/** What npm `protocol-buffers-schema` has for a schema: the object itself where it was given as one. */
function describe(schema, root, source) {
  return [() => source, () => (isSchemaObject(root) ? root : toAst(schema))]
}

/** The root's source and the function that gives imports, out of the arguments of `protobuf()`. */
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

/** As Node says it of its own callbacks. */
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
  const schema = Schema.compile(given(options).filename || '', text, settings(given(options)), resolve)
  return new Messages(schema, ...describe(schema, root, text))
}

/** The messages of all files of a `google.protobuf.FileDescriptorSet`, as `protoc -o` writes them. */
function fromDescriptorSet(bytes, options) {
  refuseUnknown(given(options), SETTINGS)
  const schema = Schema.fromDescriptors(input('bytes', bytes), settings(given(options)))
  const described = () => toAst(schema)
  return new Messages(schema, () => ast.toSource(described()), described)
}

/** All files of a schema as a `google.protobuf.FileDescriptorSet`, imports before importers. */
function toDescriptorSet(messages, options = {}) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, ['sourceInfo'])
  return schemaOf(messages).native.descriptors(options.sourceInfo === true)
}

/**
 * The source of a CommonJS module that exports the messages: npm `protocol-buffers`' way to have a schema in a file. `encodings`
 * names the package to require for it, this one by default.
 */
function toJS(source, options) {
  const { encodings = 'ironwire', filename = 'schema.proto', resolveImport, ...rest } = given(options)
  refuseUnknown(given(options), [...SETTINGS, 'encodings', 'filename', 'resolveImport'])
  const files = {}
  const { source: text, resolve } = sources(source, given(options))
  const load = (file) => {
    const found = resolve(file)
    if (found !== null) files[file] = found
    return found
  }
  const own = settings(rest)
  // Services are among them, though they do not show.
  const shown = Object.getOwnPropertyNames(new Messages(Schema.compile(filename, text, own, load)))
  files[filename] = text
  const kept = SETTINGS.filter((name) => rest[name] !== undefined)
  const all = Object.fromEntries(kept.map((name) => [name, rest[name]]))
  return [
    '// Generated by ironwire. Edit the .proto files instead.',
    '',
    "'use strict'",
    '',
    `const { protobuf } = require(${JSON.stringify(encodings)})`,
    '',
    `const files = new Map(${JSON.stringify(Object.entries(files), null, 2)})`,
    '',
    'module.exports = protobuf(null, {',
    `  ...${JSON.stringify(all)},`,
    `  filename: ${JSON.stringify(filename)},`,
    '  resolveImport: (name) => files.get(name),',
    '})',
    '',
    '// The names that `import { … }` may ask for: Node reads them off the text.',
    'if (false) {',
    ...shown.filter((name) => name !== 'default').map((name) => `  exports.${name} = 0`),
    '}',
    '',
  ].join('\n')
}

Object.assign(protobuf, formats, delimited, {
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
