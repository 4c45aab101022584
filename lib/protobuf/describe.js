'use strict'

// What a schema says about itself: reflection, services, descriptors, and the forms that npm `protocol-buffers` has for it.

const { invalidArgType } = require('../errors.js')
const { schemaOf } = require('./messages.js')

const reflections = new WeakMap()

/** Everything about a schema as one plain object: `{files, messages, enums, services, extensions}`. */
function reflection(schema) {
  let found = reflections.get(schema)
  if (found === undefined) {
    found = JSON.parse(schema.native.reflect())
    reflections.set(schema, found)
  }
  return found
}

/** A copy of its own for every caller, who may change it. */
function reflect(messages) {
  return structuredClone(reflection(schemaOf(messages)))
}

/** Services by full name, with the message objects of their methods: `{fullName: {name, fullName, methods: [...]}}`. */
function services(messages) {
  const schema = schemaOf(messages)
  const all = {}
  for (const [name, fullName, methods] of schema.outline.services) {
    all[fullName] = {
      name,
      fullName,
      methods: methods.map(([method, request, reply, clientStreaming, serverStreaming]) => ({
        name: method,
        // What gRPC calls the method, and what names it over `rpc`.
        path: `/${fullName}/${method}`,
        request: schema.messages[request],
        reply: schema.messages[reply],
        clientStreaming: clientStreaming === 1,
        serverStreaming: serverStreaming === 1,
      })),
    }
  }
  return all
}

/** All files of a schema as a `google.protobuf.FileDescriptorSet`, with comments and places in the source on request. */
function descriptorSet(messages, options) {
  if (options !== undefined && (options === null || typeof options !== 'object')) {
    throw invalidArgType('options', 'of type object', options)
  }
  return schemaOf(messages).native.descriptor(options?.sourceInfo === true)
}

const TOKENS = { proto2: 2, proto3: 3 }

/** An option's value as the token that npm `protocol-buffers-schema` keeps of it. */
function token(value, type) {
  return type === 'string' || type === 'bytes' ? JSON.stringify(value) : String(value)
}

function astField(field) {
  const options = Object.create(null)
  for (const [name, value] of Object.entries(field.options ?? {})) options[name.replace(/[()]/g, '')] = token(value)
  if (field.default !== undefined) options.default = token(field.default, field.type)
  const type = field.typeName ?? field.type
  const map = field.label === 'map' ? { from: field.keyType, to: type } : null
  return {
    name: field.name,
    type: map === null ? type : 'map',
    tag: field.number,
    map,
    oneof: field.oneof ?? null,
    required: field.label === 'required',
    repeated: field.label === 'repeated',
    options,
  }
}

function astEnum(item) {
  const values = {}
  for (const { name, number } of item.values) {
    Object.defineProperty(values, name, {
      value: { value: number, options: {} },
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return { name: item.name, values, options: { ...item.options } }
}

/** The schema's last file, with what it imports, as npm `protocol-buffers-schema` would have parsed it. */
function toAst(schema) {
  const all = reflection(schema)
  const file = all.files.at(-1)
  const inner = (list, parent) => list.filter((item) => item.parent === parent && !item.mapEntry)
  const top = (list) => list.filter((item) => item.parent === undefined && !item.file.startsWith('google/protobuf/'))
  const astMessage = (message) => ({
    name: message.name,
    options: { ...message.options },
    enums: inner(all.enums, message.fullName).map(astEnum),
    extends: [],
    messages: inner(all.messages, message.fullName).map(astMessage),
    fields: message.fields.map(astField),
    extensions: message.extensionRanges
      ? { from: message.extensionRanges[0][0], to: message.extensionRanges[0][1] }
      : null,
  })
  const ast = {
    syntax: TOKENS[file.edition] ?? 3,
    package: file.package === '' ? null : file.package,
    imports: [],
    enums: top(all.enums).map(astEnum),
    messages: top(all.messages).map(astMessage),
    options: { ...file.options },
    extends: [],
  }
  if (all.services.length > 0) {
    ast.services = all.services.map(({ name, methods, options }) => ({
      name,
      methods: methods.map((method) => ({
        name: method.name,
        input_type: method.request,
        output_type: method.reply,
        client_streaming: method.clientStreaming === true,
        server_streaming: method.serverStreaming === true,
        options: { ...method.options },
      })),
      options: { ...options },
    }))
  }
  return ast
}

module.exports = { reflection, reflect, services, descriptorSet, toAst }
