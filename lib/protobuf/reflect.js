'use strict'

// Reflection: the elements of a schema. An element knows its names; everything else is requested from the native schema
// at the first access (`src/proto/emit/describe.rs`), so that the cost depends on what is used and not on the size of
// the schema.

const { Buffer } = require('node:buffer')
const { invalidArgValue } = require('../errors.js')
const { origins } = require('./formats.js')
const { schemaOf } = require('./messages.js')

function set(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

/** Converts the value of an option or a default from its JSON form. Arrays represent what JSON lacks. */
function revive(value) {
  if (!Array.isArray(value)) return value
  const [form, first, second] = value
  switch (form) {
    case 'int':
      return BigInt(first)
    case 'float':
      return Number(first)
    case 'bytes':
      return Buffer.from(first, 'hex')
    case 'enum':
      return second === '' ? first : second
    case 'list':
      return first.map(revive)
    default:
      return fields(first)
  }
}

/** Options by name. A repeated option is already a single list in the schema. */
function fields(entries) {
  const object = {}
  for (const [name, value] of entries) set(object, name, revive(value))
  return object
}

/** What all elements have in common. Details are read once, at the first access. */
class Element {
  #load
  #details = null
  #cache = new Map()

  /** `load()` returns the details. */
  constructor(reflection, name, fullName, load) {
    this.name = name
    this.fullName = fullName
    this.#load = load
    Object.defineProperty(this, 'reflection', { value: reflection })
  }

  /** The details from the native schema. */
  static details(element) {
    element.#details ??= element.#load()
    return element.#details
  }

  /** The cached result of `make`. */
  static once(element, key, make) {
    if (!element.#cache.has(key)) element.#cache.set(key, make())
    return element.#cache.get(key)
  }

  get options() {
    return once(this, 'options', () => fields(details(this).options ?? []))
  }

  get comment() {
    const { leading = '', trailing = '', detached = [] } = details(this).comment ?? {}
    return { leading, trailing, detached: [...detached] }
  }

  /** Lines and columns are counted from 1. */
  get position() {
    const found = details(this).position
    return found === undefined ? null : { file: this.file.name, line: found[0], column: found[1] }
  }

  get file() {
    return this.reflection.files[details(this).file]
  }
}

const { details, once } = Element

class FileInfo extends Element {
  constructor(reflection, id) {
    const [name, pkg] = reflection.schema.outline.files[id]
    super(reflection, name, name, () => ({ ...reflection.describe('file', id), file: id }))
    this.package = pkg
  }

  get edition() {
    return details(this).edition
  }

  /** `{ file, kind }`. An `import option` whose file was not found is omitted. */
  get imports() {
    const found = (details(this).imports ?? []).filter(([id]) => id >= 0)
    return found.map(([id, kind]) => ({ file: this.reflection.files[id], kind }))
  }

  get messages() {
    return (details(this).messages ?? []).map((id) => this.reflection.at('message', id))
  }

  get enums() {
    return (details(this).enums ?? []).map((id) => this.reflection.at('enum', id))
  }

  get services() {
    return (details(this).services ?? []).map((id) => this.reflection.at('service', id))
  }

  get extensions() {
    return (details(this).extensions ?? []).map((id) => this.reflection.at('extension', id))
  }
}

class MessageInfo extends Element {
  #id

  constructor(reflection, id) {
    const [, fullName] = reflection.schema.outline.messages[id]
    super(reflection, fullName.slice(fullName.lastIndexOf('.') + 1), fullName, () => reflection.describe('message', id))
    this.#id = id
  }

  /** The message object that encodes and decodes. */
  get message() {
    return this.reflection.schema.messages[this.#id]
  }

  get isMapEntry() {
    return this.reflection.schema.outline.messages[this.#id][4] === 1
  }

  get parent() {
    const { parent } = details(this)
    return parent < 0 ? null : this.reflection.at('message', parent)
  }

  get fields() {
    const make = (given) => new FieldInfo(this.reflection, given)
    return once(this, 'fields', () => (details(this).fields ?? []).map(make))
  }

  get oneofs() {
    const make = (given) => new OneofInfo(this, given)
    return once(this, 'oneofs', () => (details(this).oneofs ?? []).map(make))
  }

  /** Without map entries: fields show these as `mapKey` and `mapValue`. */
  get messages() {
    const all = (details(this).messages ?? []).map((id) => this.reflection.at('message', id))
    return all.filter((info) => !info.isMapEntry)
  }

  get enums() {
    return (details(this).enums ?? []).map((id) => this.reflection.at('enum', id))
  }

  get extensions() {
    return (details(this).extensions ?? []).map((id) => this.reflection.at('extension', id))
  }

  get nestedExtensions() {
    return (details(this).nestedExtensions ?? []).map((id) => this.reflection.at('extension', id))
  }

  get extensionRanges() {
    return (details(this).extensionRanges ?? []).map(({ start, end }) => ({ start, end }))
  }

  get reservedRanges() {
    return (details(this).reservedRanges ?? []).map(([start, end]) => ({ start, end }))
  }

  get reservedNames() {
    return [...(details(this).reservedNames ?? [])]
  }

  /** Finds a field by its declared name or by its number. */
  field(key) {
    return this.fields.find((field) => field.name === key || field.number === key)
  }
}

class FieldInfo extends Element {
  constructor(reflection, given) {
    super(reflection, given.name, given.fullName, () => given)
    this.number = given.number
    this.label = given.label
    this.type = this.#type(given)
  }

  #type({ type, group = false }) {
    if (typeof type === 'string') return type
    return type < 0 ? 'enum' : group ? 'group' : 'message'
  }

  get jsonName() {
    return details(this).jsonName
  }

  /** The property name on objects. */
  get property() {
    return details(this).property
  }

  /** The message type of a message, group or map field. */
  get message() {
    const { type } = details(this)
    return typeof type === 'number' && type >= 0 ? this.reflection.at('message', type) : null
  }

  get enum() {
    const { type } = details(this)
    return typeof type === 'number' && type < 0 ? this.reflection.at('enum', -1 - type) : null
  }

  get mapKey() {
    return this.label === 'map' ? this.message.fields[0] : null
  }

  get mapValue() {
    return this.label === 'map' ? this.message.fields[1] : null
  }

  get hasPresence() {
    return details(this).hasPresence === true
  }

  get packed() {
    return details(this).packed === true
  }

  get hasDefault() {
    return details(this).hasDefault === true
  }

  /** The decoded value of an absent field. */
  get default() {
    if (this.label === 'repeated') return []
    return this.label === 'map' ? {} : revive(details(this).default)
  }

  get oneof() {
    const { oneof } = details(this)
    return oneof < 0 ? null : this.parent.oneofs[oneof]
  }

  get isExtension() {
    return details(this).isExtension === true
  }

  /** The message that the field belongs to; for an extension, the extended message. */
  get parent() {
    return this.reflection.at('message', details(this).parent)
  }
}

class OneofInfo extends Element {
  constructor(parent, given) {
    super(parent.reflection, given.name, `${parent.fullName}.${given.name}`, () => given)
    Object.defineProperty(this, 'parent', { value: parent })
  }

  get fields() {
    return details(this).fields.map((index) => this.parent.fields[index])
  }

  /** The property name on objects; null if oneofs have none. */
  get property() {
    return details(this).property ?? null
  }

  /** True for the oneof that proto3 adds for an `optional` field. */
  get synthetic() {
    return details(this).synthetic === true
  }

  get file() {
    return this.parent.file
  }
}

class EnumInfo extends Element {
  constructor(reflection, id) {
    const [name, fullName] = reflection.schema.outline.enums[id]
    super(reflection, name, fullName, () => reflection.describe('enum', id))
  }

  get parent() {
    const { parent } = details(this)
    return parent < 0 ? null : this.reflection.at('message', parent)
  }

  get closed() {
    return details(this).closed === true
  }

  get values() {
    const make = (given) => new EnumValueInfo(this, given)
    return once(this, 'values', () => (details(this).values ?? []).map(make))
  }

  get reservedRanges() {
    return (details(this).reservedRanges ?? []).map(([start, end]) => ({ start, end }))
  }

  get reservedNames() {
    return [...(details(this).reservedNames ?? [])]
  }

  /** Finds a value by name, or the first one by number. */
  value(key) {
    return this.values.find((value) => value.name === key || value.number === key)
  }
}

class EnumValueInfo extends Element {
  constructor(parent, given) {
    // As in protobuf: values are in the scope that contains the enum.
    const scope = parent.fullName.slice(0, parent.fullName.length - parent.name.length)
    super(parent.reflection, given.name, scope + given.name, () => given)
    this.number = given.number
    Object.defineProperty(this, 'parent', { value: parent })
  }

  get file() {
    return this.parent.file
  }
}

class ServiceInfo extends Element {
  constructor(reflection, id) {
    const [name, fullName] = reflection.schema.outline.services[id]
    super(reflection, name, fullName, () => reflection.describe('service', id))
  }

  /** The methods by name, in the order of declaration. */
  get methods() {
    return once(this, 'methods', () => {
      const methods = Object.create(null)
      for (const given of details(this).methods ?? []) methods[given.name] = new MethodInfo(this, given)
      return methods
    })
  }
}

class MethodInfo extends Element {
  constructor(parent, given) {
    super(parent.reflection, given.name, `${parent.fullName}.${given.name}`, () => given)
    // The path in gRPC's format.
    this.path = `/${parent.fullName}/${given.name}`
    this.clientStreaming = given.clientStreaming === true
    this.serverStreaming = given.serverStreaming === true
    Object.defineProperty(this, 'parent', { value: parent })
  }

  /** The request's type as a reflection object. */
  get input() {
    return this.reflection.at('message', details(this).input)
  }

  get output() {
    return this.reflection.at('message', details(this).output)
  }

  get requestType() {
    return this.reflection.schema.messages[details(this).input]
  }

  get responseType() {
    return this.reflection.schema.messages[details(this).output]
  }

  get idempotency() {
    return details(this).idempotency
  }

  get file() {
    return this.parent.file
  }
}

const KINDS = { message: MessageInfo, enum: EnumInfo, service: ServiceInfo }

/** The elements of one schema. */
class Reflection {
  #made = { message: [], enum: [], service: [], extension: [] }
  #files = null
  /** Indices by full name. */
  #ids = {}

  constructor(schema) {
    Object.defineProperty(this, 'schema', { value: schema })
  }

  /** The details of an element. */
  describe(kind, id) {
    return JSON.parse(this.schema.native.describe(kind, id))
  }

  /** The element with this index; always the same object. */
  at(kind, id) {
    const make = () => (kind === 'extension' ? new FieldInfo(this, this.describe(kind, id)) : new KINDS[kind](this, id))
    this.#made[kind][id] ??= make()
    return this.#made[kind][id]
  }

  /** Imported files come first; the last file is the root. */
  get files() {
    this.#files ??= this.schema.outline.files.map((_, id) => new FileInfo(this, id))
    return this.#files
  }

  /** All messages including nested ones, but without map entries. */
  get messages() {
    return this.schema.outline.messages.flatMap((outline, id) => (outline[4] ? [] : [this.at('message', id)]))
  }

  get enums() {
    return this.schema.outline.enums.map((_, id) => this.at('enum', id))
  }

  get services() {
    return this.schema.outline.services.map((_, id) => this.at('service', id))
  }

  get extensions() {
    return this.schema.native.extensions().map((id) => this.at('extension', id))
  }

  file(name) {
    return this.files.find((file) => file.name === name)
  }

  message(fullName) {
    return this.#named('message', this.schema.outline.messages, fullName)
  }

  enum(fullName) {
    return this.#named('enum', this.schema.outline.enums, fullName)
  }

  service(fullName) {
    return this.#named('service', this.schema.outline.services, fullName)
  }

  extension(fullName) {
    return this.extensions.find((extension) => extension.fullName === fullName)
  }

  #named(kind, outlines, fullName) {
    this.#ids[kind] ??= new Map(outlines.map((outline, id) => [outline[1], id]))
    const id = this.#ids[kind].get(fullName)
    return id === undefined ? undefined : this.at(kind, id)
  }
}

const reflections = new WeakMap()

function reflectionOf(schema) {
  if (!reflections.has(schema)) reflections.set(schema, new Reflection(schema))
  return reflections.get(schema)
}

/** The reflection of a result of `protobuf()`, or of one of its messages. */
function reflect(of) {
  const origin = origins.get(of)
  if (origin !== undefined) return reflectionOf(origin.schema).at('message', origin.id)
  return reflectionOf(schemaOf(of))
}

/** The service with this full name. */
function service(messages, fullName) {
  const found = reflectionOf(schemaOf(messages)).service(fullName)
  if (found === undefined) throw invalidArgValue('fullName', fullName, 'is not a service of the schema')
  return found
}

module.exports = { reflect, reflectionOf, service }
