'use strict'

// A schema as the object that npm `protocol-buffers-schema` would have parsed from it, for `toJSON`.

const { reflectionOf } = require('./reflect.js')

const SYNTAX = { proto2: 2, proto3: 3 }

const isGoogles = ({ file }) => file.name.startsWith('google/protobuf/')

/** An option's value as the token that is kept of it. */
const token = (value, isText) => (isText ? JSON.stringify(value) : String(value))

function options(of) {
  const all = Object.create(null)
  for (const [name, value] of Object.entries(of)) all[name.replace(/[()]/g, '')] = token(value)
  return all
}

function typeName(field) {
  return field.message?.fullName ?? field.enum?.fullName ?? field.type
}

function toField(field) {
  const all = options(field.options)
  if (field.hasDefault) {
    const { type, enum: enumeration, default: value } = field
    all.default = enumeration
      ? enumeration.value(value).name
      : token(type === 'bytes' ? value.toString('latin1') : value, type === 'string' || type === 'bytes')
  }
  const isMap = field.label === 'map'
  return {
    name: field.name,
    type: isMap ? 'map' : typeName(field),
    tag: field.number,
    map: isMap ? { from: field.mapKey.type, to: typeName(field.mapValue) } : null,
    oneof: field.oneof === null || field.oneof.synthetic ? null : field.oneof.name,
    required: field.label === 'required',
    repeated: field.label === 'repeated',
    options: all,
  }
}

function toEnum(item) {
  const values = {}
  for (const { name, number } of item.values) {
    Object.defineProperty(values, name, {
      value: { value: number, options: {} },
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return { name: item.name, values, options: options(item.options) }
}

function toMessage(message) {
  const [range] = message.extensionRanges
  return {
    name: message.name,
    options: options(message.options),
    enums: message.enums.map(toEnum),
    extends: [],
    messages: message.messages.map(toMessage),
    fields: message.fields.map(toField),
    extensions: range === undefined ? null : { from: range.start, to: range.end },
  }
}

function toService({ name, methods, options: of }) {
  return {
    name,
    methods: Object.values(methods).map((method) => ({
      name: method.name,
      input_type: method.input.fullName,
      output_type: method.output.fullName,
      client_streaming: method.clientStreaming,
      server_streaming: method.serverStreaming,
      options: options(method.options),
    })),
    options: options(of),
  }
}

/** The schema's last file, with what it imports. */
function toAst(schema) {
  const all = reflectionOf(schema)
  const file = all.files.at(-1)
  const top = (list) => list.filter((item) => item.parent === null && !isGoogles(item))
  const ast = {
    syntax: SYNTAX[file?.edition] ?? 3,
    package: file?.package || null,
    imports: [],
    enums: top(all.enums).map(toEnum),
    messages: top(all.messages).map(toMessage),
    options: options(file?.options ?? {}),
    extends: [],
  }
  if (all.services.length > 0) ast.services = all.services.map(toService)
  return ast
}

module.exports = { toAst }
