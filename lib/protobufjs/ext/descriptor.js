'use strict'

// `ironwire/protobufjs/ext/descriptor`: converts reflection objects to and from the messages of
// `google/protobuf/descriptor.proto`. Each class gets a `fromDescriptor` and a `toDescriptor`.

const { Enum } = require('../enum.js')
const { Field, MapField } = require('../field.js')
const light = require('../light.js')
const { Namespace, checkDepth } = require('../namespace.js')
const { OneOf } = require('../oneof.js')
const { Reader } = require('../reader.js')
const { Root } = require('../root.js')
const { Method, Service } = require('../service.js')
const { Type } = require('../type.js')
const util = require('../util/index.js')
const { wellKnown } = require('./well-known.js')

const root = Root.fromJSON(wellKnown('descriptor'))
// The option that sets the JSON name of an enum value.
root.define('pb.enumvalue').addJSON({
  JsonEnumValueOptions: { edition: '2024', fields: { string: { type: 'string', id: 1 } }, visibility: 'local' },
  json: { edition: '2024', type: 'JsonEnumValueOptions', id: 998, extend: 'google.protobuf.EnumValueOptions' },
})
root.resolveAll()

const descriptor = root.lookup('.google.protobuf')

const has = (object, key) => Object.hasOwn(object, key)
const list = (value) => value ?? []
const isText = (value) => typeof value === 'string' && value !== ''

// --- Types, editions and names

const scalars = {
  ...{
    double: 1,
    float: 2,
    int64: 3,
    uint64: 4,
    int32: 5,
    fixed64: 6,
    fixed32: 7,
    bool: 8,
    string: 9,
    bytes: 12,
    uint32: 13,
  },
  ...{ sfixed32: 15, sfixed64: 16, sint32: 17, sint64: 18 },
}
const scalarNames = Object.fromEntries(Object.entries(scalars).map(([name, type]) => [type, name]))
const GROUP = 10
const MESSAGE = 11
const ENUM = 14
const REPEATED = 3

function scalarName(type) {
  if (scalarNames[type] === undefined) throw Error(`illegal type: ${type}`)
  return scalarNames[type]
}

function typeNumber(name, resolved, isDelimited) {
  if (scalars[name] !== undefined) return scalars[name]
  if (resolved instanceof Enum) return ENUM
  if (resolved instanceof Type) return isDelimited ? GROUP : MESSAGE
  throw Error(`illegal type: ${name}`)
}

/** A type name, or undefined if there is none. */
function reference(name) {
  if (name == null || name === '') return undefined
  if (typeof name !== 'string' || !util.patterns.typeRefRe.test(name)) throw Error(`illegal type name: ${name}`)
  return name
}

const EDITIONS = ['2023', '2024', '2026']

function editionOf({ syntax, edition }) {
  if (syntax !== 'editions') return syntax === 'proto3' ? 'proto3' : 'proto2'
  const found = EDITIONS.find((year) => descriptor.Edition[`EDITION_${year}`] === edition)
  if (found === undefined) throw Error(`Unsupported edition ${edition}`)
  return found
}

function setEdition(file, edition) {
  if (!edition) return
  const isSyntax = edition === 'proto2' || edition === 'proto3'
  if (!isSyntax && !EDITIONS.includes(edition)) throw Error(`Unsupported edition ${edition}`)
  file.syntax = isSyntax ? edition : 'editions'
  if (!isSyntax) file.edition = descriptor.Edition[`EDITION_${edition}`]
}

const VISIBILITIES = [undefined, 'local', 'export']
const visibilityNumber = (name) => Math.max(0, VISIBILITIES.indexOf(name))

/** The context of a file: its edition and features, and whether names keep their case. */
function contextOf(given) {
  if (given && typeof given === 'object') return { ...given, edition: given.edition || 'proto2' }
  return { edition: given || 'proto2' }
}

/** Gives a top-level element the edition and features of its file. */
function atTop(object, context) {
  object._edition = context.edition
  if (context.features) {
    object.options ||= {}
    object.options.features = util.merge({}, context.features, object.options.features)
  }
  return object
}

/** A descriptor as an object, in whatever form it is given. */
function decoded(given, type) {
  return given instanceof Reader || typeof given.length === 'number' ? type.decode(given) : given
}

let unnamed = 0
const nameOr = (given, kind) => (isText(given) ? given : `${kind}${unnamed++}`)

/** The shortest name by which `from` finds `to`. */
function nameWithin(from, to) {
  const mine = from.fullName.split('.')
  const names = to.fullName.split('.')
  const checks = !(from instanceof Root) && to instanceof Namespace
  let shared = 0
  while (shared < mine.length && shared < names.length - 1 && mine[shared] === names[shared]) {
    const other = checks ? to.lookup(mine[shared], true) : null
    if (other !== null && other !== to) break
    shared++
  }
  return names.slice(shared).join('.')
}

// --- Options

const JSON_FIELD = '.pb.enumvalue.json'
const JSON_OPTION = '(pb.enumvalue.json).string'

const underscored = (name) =>
  name.slice(0, 1) + name.slice(1).replace(/[A-Z](?=[a-z]|$)/g, (c) => `_${c.toLowerCase()}`)

/** Options by their names in the source. */
function readOptions(options, type) {
  if (!options) return undefined
  return namedOptions(type.toObject(options), type)
}

function namedOptions(options, type) {
  const named = {}
  for (const field of type.fieldsArray) {
    const { name, resolvedType } = field
    if (name === 'uninterpretedOption' || !has(options, name)) continue
    const value = options[name]
    if (name === JSON_FIELD) named[JSON_OPTION] = value.string ?? ''
    else if (resolvedType instanceof Type) named[underscored(name)] = namedOptions(value, resolvedType)
    else named[underscored(name)] = resolvedType instanceof Enum ? resolvedType.valuesById[value] : value
  }
  return named
}

function writeOptions(options, type) {
  return options ? type.fromObject(optionsObject(options, type)) : undefined
}

function optionsObject(options, type) {
  const object = {}
  for (const key of Object.keys(options)) {
    if (type === descriptor.EnumValueOptions && key === JSON_OPTION) {
      object[JSON_FIELD] = { string: options[key] }
      continue
    }
    const name = util.camelCase(key)
    if (!has(type.fields, name)) continue
    const field = type.fields[name]
    const value = field.resolvedType instanceof Type ? optionsObject(options[key], field.resolvedType) : options[key]
    object[name] = field.repeated && !Array.isArray(value) ? [value] : value
  }
  return object
}

// --- Files

Root.fromDescriptor = function fromDescriptor(given, options) {
  const set = decoded(given, descriptor.FileDescriptorSet)
  const made = new Root()
  for (const file of list(set.file)) {
    const scope = isText(file.package) ? made.define(file.package) : made
    const fileOptions = readOptions(file.options, descriptor.FileOptions)
    const context = { edition: editionOf(file), features: fileOptions?.features, keepCase: options?.keepCase }
    if (isText(file.name)) {
      scope.filename = file.name
      made.files.push(file.name)
    }
    const groups = groupNames(file.extension)
    for (const message of list(file.messageType)) scope.add(asGroup(readType(message, context, true, 0), groups))
    for (const one of list(file.enumType)) scope.add(readEnum(one, context, true))
    for (const extension of list(file.extension)) scope.add(readField(extension, context, true))
    for (const service of list(file.service)) scope.add(readService(service, context, true))
    for (const name of Object.keys(fileOptions ?? {})) scope.setOption(name, fileOptions[name])
  }
  return made.resolveAll()
}

Root.prototype.toDescriptor = function toDescriptor(edition) {
  const set = descriptor.FileDescriptorSet.create()
  writeFile(this, set.file, edition)
  return set
}

/** Every namespace is a package and becomes a file of its own. */
function writeFile(scope, files, edition) {
  const path = scope.fullName.slice(1)
  const name = scope.filename || `${path.replaceAll('.', '_') || 'root'}.proto`
  const file = descriptor.FileDescriptorProto.create({ name })
  setEdition(file, edition)
  if (!(scope instanceof Root)) file.package = path
  for (const object of scope.nestedArray) {
    if (object instanceof Type) file.messageType.push(object.toDescriptor(edition))
    else if (object instanceof Enum) file.enumType.push(object.toDescriptor())
    else if (object instanceof Field) file.extension.push(object.toDescriptor(edition))
    else if (object instanceof Service) file.service.push(object.toDescriptor())
    else if (object instanceof Namespace) writeFile(object, files, edition)
  }
  file.options = writeOptions(scope.options, descriptor.FileOptions)
  if (file.messageType.length + file.enumType.length + file.extension.length + file.service.length > 0) files.push(file)
}

// --- Messages

Type.fromDescriptor = function fromDescriptor(given, edition) {
  return readType(given, contextOf(edition), true, 0)
}

/** The names of the types of groups, from the fields that use them. */
function groupNames(...lists) {
  const groups = lists.flatMap(list).filter((field) => field.type === GROUP && field.typeName)
  return new Set(groups.map((field) => field.typeName.split('.').pop()))
}

function asGroup(type, names) {
  if (names.has(type.name)) type.group = true
  return type
}

function readType(given, context, isTop, depth) {
  checkDepth(depth, util.nestingLimit)
  const message = decoded(given, descriptor.DescriptorProto)
  const type = new Type(nameOr(message.name, 'Type'), readOptions(message.options, descriptor.MessageOptions))
  type.visibility = VISIBILITIES[message.visibility]
  if (isTop) atTop(type, context)
  const nested = list(message.nestedType)
  const entries = new Map(nested.filter(({ options }) => options?.mapEntry).map((entry) => [entry.name, entry]))
  for (const oneof of list(message.oneofDecl)) type.add(readOneof(oneof, context, false))
  for (const one of list(message.field)) {
    const entry = one.label === REPEATED && one.type === MESSAGE && entries.get(one.typeName?.split('.').pop())
    const field = entry ? readMap(one, entry, context) : readField(one, context, false)
    type.add(field)
    if (has(one, 'oneofIndex')) type.oneofsArray[one.oneofIndex].add(field)
  }
  for (const extension of list(message.extension)) type.add(readField(extension, context, false))
  const groups = groupNames(message.field, message.extension)
  for (const one of nested) {
    if (!one.options?.mapEntry) type.add(asGroup(readType(one, context, false, depth + 1), groups))
  }
  for (const one of list(message.enumType)) type.add(readEnum(one, context, false))
  // In the descriptor the end of a range is exclusive.
  const ranges = (given) => list(given).map(({ start, end }) => [start, end - 1])
  const extensions = ranges(message.extensionRange)
  if (extensions.length > 0) type.extensions = extensions
  const reserved = [...ranges(message.reservedRange), ...list(message.reservedName)]
  if (reserved.length > 0) type.reserved = reserved
  return type
}

Type.prototype.toDescriptor = function toDescriptor(edition) {
  const message = descriptor.DescriptorProto.create({ name: this.name })
  if (this.visibility) message.visibility = visibilityNumber(this.visibility)
  for (const field of this.fieldsArray) {
    const written = field.toDescriptor(edition)
    message.field.push(written)
    if (field instanceof MapField) message.nestedType.push(entryOf(field, written.typeName))
  }
  for (const oneof of this.oneofsArray) message.oneofDecl.push(oneof.toDescriptor())
  for (const object of this.nestedArray) {
    if (object instanceof Field) message.extension.push(object.toDescriptor(edition))
    else if (object instanceof Type) message.nestedType.push(object.toDescriptor(edition))
    else if (object instanceof Enum) message.enumType.push(object.toDescriptor())
  }
  for (const [start, end] of list(this.extensions)) {
    message.extensionRange.push(descriptor.DescriptorProto.ExtensionRange.create({ start, end: end + 1 }))
  }
  for (const one of list(this.reserved)) {
    if (typeof one === 'string') message.reservedName.push(one)
    else message.reservedRange.push(descriptor.DescriptorProto.ReservedRange.create({ start: one[0], end: one[1] + 1 }))
  }
  message.options = writeOptions(this.options, descriptor.MessageOptions)
  return message
}

/** A map is a repeated field of messages with a key and a value. */
function entryOf(field, name) {
  const member = (fields) => descriptor.FieldDescriptorProto.create({ label: 1, ...fields })
  const type = typeNumber(field.type, field.resolvedType, false)
  const isNamed = type === MESSAGE || type === ENUM
  const typeName = field.resolvedType ? nameWithin(field.parent.parent ?? field.parent, field.resolvedType) : field.type
  return descriptor.DescriptorProto.create({
    name,
    field: [
      member({ name: 'key', number: 1, type: typeNumber(field.keyType, null, false) }),
      member({ name: 'value', number: 2, type, typeName: isNamed ? typeName : undefined }),
    ],
    options: descriptor.MessageOptions.create({ mapEntry: true }),
  })
}

// --- Fields

Field.fromDescriptor = function fromDescriptor(given, edition) {
  return readField(given, contextOf(edition), true)
}

function fieldName({ name, jsonName, number }, { keepCase }) {
  if (!keepCase && isText(jsonName)) return jsonName
  return isText(name) ? name : `field${number}`
}

/** Sets the names that a field has in the source and in JSON. */
function named(field, { name, jsonName }) {
  if (isText(name) && name !== field.name) field.protoName = name
  if (isText(jsonName)) field.jsonName = jsonName
  return field
}

const RULES = [null, undefined, 'required', 'repeated']

function readField(given, context, isTop) {
  const one = decoded(given, descriptor.FieldDescriptorProto)
  if (typeof one.number !== 'number') throw Error('missing field id')
  const type = reference(one.typeName) ?? scalarName(one.type)
  const rule = one.label in RULES ? RULES[one.label] : null
  if (rule === null) throw Error(`illegal label: ${one.label}`)
  const field = named(new Field(fieldName(one, context), one.number, type, rule, reference(one.extendee)), one)
  field.options = readOptions(one.options, descriptor.FieldOptions)
  if (isTop) atTop(field, context)
  if (one.proto3Optional || one.proto3_optional) {
    field.options ||= {}
    field.options.proto3_optional = true
  }
  if (isText(one.defaultValue)) field.setOption('default', defaultValue(type, one.defaultValue))
  return field
}

/** Parses the text of a default. */
function defaultValue(type, text) {
  const illegal = () => Error(`illegal default value for ${type}`)
  if (type === 'double' || type === 'float') {
    const special = { inf: Infinity, '-inf': -Infinity, nan: NaN, '-nan': NaN }[text.toLowerCase()]
    if (special !== undefined) return special
    if (Number.isNaN(Number(text))) throw illegal()
    return Number(text)
  }
  if (type === 'bool') return /^(?:true|TRUE)$/.test(text) ? true : /^(?:false|FALSE)$/.test(text) ? false : text
  if (!/^(?:u?int|sint|s?fixed)(?:32|64)$/.test(type)) return text
  if (!/^[+-]?[0-9]+$/.test(text)) throw illegal()
  // 64-bit integers stay text, because a number might not be exact.
  return type.endsWith('64') ? text : Number.parseInt(text, 10)
}

function readMap(one, entry, context) {
  const [key, value] = [1, 2].map((number) => {
    const found = list(entry.field).find((field) => field.number === number)
    if (found === undefined) throw Error(`invalid map entry descriptor: ${entry.name}`)
    return found
  })
  const type = isText(value.typeName) ? value.typeName : scalarName(value.type)
  const options = readOptions(one.options, descriptor.FieldOptions)
  return named(new MapField(fieldName(one, context), one.number, scalarName(key.type), type, options), one)
}

Field.prototype.toDescriptor = function toDescriptor(edition) {
  const name = this.protoName || this.name
  const jsonName = this.jsonName || util.jsonName(name)
  const one = descriptor.FieldDescriptorProto.create({ name, number: this.id })
  if (jsonName !== name) one.jsonName = jsonName
  this.resolve()
  if (this.map) {
    one.type = MESSAGE
    one.typeName = util.ucFirst(this.name)
    one.label = REPEATED
  } else {
    one.type = typeNumber(this.type, this.resolvedType, this.delimited)
    if (this.resolvedType) one.typeName = nameWithin(this.parent, this.resolvedType)
    if (this.repeated) one.label = REPEATED
    else one.label = this.required && edition === 'proto2' ? 2 : 1
  }
  one.extendee = this.extensionField ? this.extensionField.parent.fullName : this.extend
  if (this.partOf && this.parent instanceof Type) {
    one.oneofIndex = this.parent.oneofsArray.indexOf(this.partOf)
    if (one.oneofIndex < 0) throw Error('missing oneof')
  }
  if (this.options) {
    one.options = writeOptions(this.options, descriptor.FieldOptions)
    if (this.options.default != null) one.defaultValue = String(this.options.default)
    if (this.options.proto3_optional) one.proto3Optional = true
  }
  // Do not set what is the edition's default anyway.
  const usual = edition === 'proto3'
  const isSaid = usual || !edition || edition === 'proto2'
  if (isSaid && this.packed !== usual) {
    one.options ||= descriptor.FieldOptions.create()
    one.options.packed = this.packed
  }
  return one
}

// --- Enums

Enum.fromDescriptor = function fromDescriptor(given, edition) {
  return readEnum(given, contextOf(edition), true)
}

function readEnum(given, context, isTop) {
  const one = decoded(given, descriptor.EnumDescriptorProto)
  const values = {}
  let valuesOptions
  for (const { name, number = 0, options } of list(one.value)) {
    const key = isText(name) ? name : `NAME${number || 0}`
    if (key === '__proto__') continue
    values[key] = number || 0
    const own = readOptions(options, descriptor.EnumValueOptions)
    if (own) {
      valuesOptions ??= {}
      valuesOptions[key] = own
    }
  }
  const all = readOptions(one.options, descriptor.EnumOptions)
  const made = new Enum(nameOr(one.name, 'Enum'), values, all, undefined, undefined, valuesOptions)
  made.visibility = VISIBILITIES[one.visibility]
  if (isTop) atTop(made, context)
  // For enums the end of a range is inclusive.
  const ranges = list(one.reservedRange).map(({ start, end }) => [start, end])
  const reserved = [...ranges, ...list(one.reservedName)]
  if (reserved.length > 0) made.reserved = reserved
  return made
}

Enum.prototype.toDescriptor = function toDescriptor() {
  const one = descriptor.EnumDescriptorProto.create({
    name: this.name,
    value: Object.keys(this.values).map((name) =>
      descriptor.EnumValueDescriptorProto.create({
        name,
        number: this.values[name],
        options: writeOptions(this.valuesOptions?.[name], descriptor.EnumValueOptions),
      }),
    ),
    options: writeOptions(this.options, descriptor.EnumOptions),
  })
  if (this.visibility) one.visibility = visibilityNumber(this.visibility)
  const { EnumReservedRange } = descriptor.EnumDescriptorProto
  for (const reserved of list(this.reserved)) {
    if (typeof reserved === 'string') one.reservedName.push(reserved)
    else one.reservedRange.push(EnumReservedRange.create({ start: reserved[0], end: reserved[1] }))
  }
  return one
}

// --- Oneofs, services and methods

OneOf.fromDescriptor = function fromDescriptor(given, edition) {
  return readOneof(given, contextOf(edition), true)
}

function readOneof(given, context, isTop) {
  const one = decoded(given, descriptor.OneofDescriptorProto)
  const oneof = new OneOf(nameOr(one.name, 'oneof'), readOptions(one.options, descriptor.OneofOptions))
  return isTop ? atTop(oneof, context) : oneof
}

OneOf.prototype.toDescriptor = function toDescriptor() {
  const options = writeOptions(this.options, descriptor.OneofOptions)
  return descriptor.OneofDescriptorProto.create({ name: this.name, options })
}

Service.fromDescriptor = function fromDescriptor(given, edition) {
  return readService(given, contextOf(edition), true)
}

function readService(given, context, isTop) {
  const one = decoded(given, descriptor.ServiceDescriptorProto)
  const service = new Service(nameOr(one.name, 'Service'), readOptions(one.options, descriptor.ServiceOptions))
  if (isTop) atTop(service, context)
  for (const method of list(one.method)) service.add(readMethod(method, context, false))
  return service
}

Service.prototype.toDescriptor = function toDescriptor() {
  return descriptor.ServiceDescriptorProto.create({
    name: this.name,
    method: this.methodsArray.map((method) => method.toDescriptor()),
    options: writeOptions(this.options, descriptor.ServiceOptions),
  })
}

Method.fromDescriptor = function fromDescriptor(given, edition) {
  return readMethod(given, contextOf(edition), true)
}

function readMethod(given, context, isTop) {
  const one = decoded(given, descriptor.MethodDescriptorProto)
  const method = new Method(
    nameOr(one.name, 'Method'),
    'rpc',
    reference(one.inputType),
    reference(one.outputType),
    Boolean(one.clientStreaming),
    Boolean(one.serverStreaming),
    readOptions(one.options, descriptor.MethodOptions),
  )
  return isTop ? atTop(method, context) : method
}

Method.prototype.toDescriptor = function toDescriptor() {
  return descriptor.MethodDescriptorProto.create({
    name: this.name,
    inputType: this.resolvedRequestType?.fullName ?? this.requestType,
    outputType: this.resolvedResponseType?.fullName ?? this.responseType,
    clientStreaming: this.requestStream,
    serverStreaming: this.responseStream,
    options: writeOptions(this.options, descriptor.MethodOptions),
  })
}

light.descriptor = descriptor

module.exports = descriptor
