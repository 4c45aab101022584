'use strict'

// Converts a schema to the object that npm `protocol-buffers-schema` would parse from it, for `toJSON`.

const { reflectionOf } = require('./reflect.js')

const SYNTAX = { proto2: 2, proto3: 3 }

// The folder of files that can be imported without being there.
const GOOGLE = 'google/protobuf/'

const isGoogles = ({ file }) => file.name.startsWith(GOOGLE)

function options(of) {
  const all = Object.create(null)
  for (const [name, value] of Object.entries(of)) all[name.replace(/[()]/g, '')] = String(value)
  return all
}

const octal = (byte) => `\\${byte.toString(8).padStart(3, '0')}`

/** A string in quotes. Control characters and bytes outside ASCII are escaped as octal numbers. */
function quoted(bytes) {
  const text = Array.from(bytes, (byte) => {
    if (byte === 34 || byte === 92) return `\\${String.fromCharCode(byte)}`
    return byte < 32 || byte > 126 ? octal(byte) : String.fromCharCode(byte)
  })
  return `"${text.join('')}"`
}

/** A number as in source text. A float gets only as many digits as are needed to identify it. */
function number(value, isFloat) {
  if (typeof value !== 'number') return String(value)
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0'
  for (let digits = 1; isFloat && digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(value)
}

/** A default as a source token. */
function defaultOf({ type, enum: enumeration, default: value }) {
  if (enumeration !== null) return enumeration.value(value).name
  if (type === 'string') return JSON.stringify(value)
  return type === 'bytes' ? quoted(value) : number(value, type === 'float')
}

/** The names of elements in the object, which has at most one package. */
class Names {
  #shown = new Map()

  /**
   * Elements of other packages become part of the package, so names may clash. The element that `protobuf()` shows
   * under a name keeps it.
   */
  constructor(elements, name) {
    this.package = name
    if (elements.every((info) => info.file.package === name)) return
    const taken = new Map(elements.map((info) => [info.name, info]))
    for (const info of elements) {
      let name = info.name
      if (taken.get(name) !== info) {
        name = info.fullName.replaceAll('.', '_')
        while (taken.has(name)) name += '_'
        taken.set(name, info)
      }
      this.#shown.set(info, name)
    }
  }

  /** The name in the element's declaration. */
  own(info) {
    return this.#shown.get(info) ?? info.name
  }

  /** The name in references. */
  full(info) {
    if (this.#shown.size === 0 || isGoogles(info)) return info.fullName
    const scope = info.parent ? this.full(info.parent) : this.package && `.${this.package}`
    return `${scope}.${this.own(info)}`
  }

  type(field) {
    const info = field.message ?? field.enum
    return info === null ? field.type : this.full(info)
  }
}

function toField(field, names) {
  const all = options(field.options)
  if (field.hasDefault) all.default = defaultOf(field)
  const isMap = field.label === 'map'
  return {
    name: field.name,
    type: isMap ? 'map' : names.type(field),
    tag: field.number,
    map: isMap ? { from: field.mapKey.type, to: names.type(field.mapValue) } : null,
    oneof: field.oneof === null || field.oneof.synthetic ? null : field.oneof.name,
    required: field.label === 'required',
    repeated: field.label === 'repeated',
    options: all,
  }
}

function toEnum(item, names) {
  const values = {}
  for (const { name, number } of item.values) {
    Object.defineProperty(values, name, {
      value: { value: number, options: {} },
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return { name: names.own(item), values, options: options(item.options) }
}

function toMessage(message, names) {
  const [range] = message.extensionRanges
  return {
    name: names.own(message),
    options: options(message.options),
    enums: message.enums.map((item) => toEnum(item, names)),
    extends: [],
    messages: message.messages.map((inner) => toMessage(inner, names)),
    fields: message.fields.map((field) => toField(field, names)),
    extensions: range === undefined ? null : { from: range.start, to: range.end },
  }
}

function toService(service, names) {
  return {
    name: names.own(service),
    methods: Object.values(service.methods).map((method) => ({
      name: method.name,
      input_type: names.full(method.input),
      output_type: names.full(method.output),
      client_streaming: method.clientStreaming,
      server_streaming: method.serverStreaming,
      options: options(method.options),
    })),
    options: options(service.options),
  }
}

/**
 * Converts the last file of a schema with its imports, all as part of that file's package. Google's own types stay
 * imported.
 */
function toAst(schema) {
  const all = reflectionOf(schema)
  const file = all.files.at(-1)
  // In the order of `protobuf()`.
  const files = schema.order().map((id) => all.files[id])
  const top = (kind) => files.filter((each) => !each.name.startsWith(GOOGLE)).flatMap((each) => each[kind])
  const [enums, messages, services] = ['enums', 'messages', 'services'].map(top)
  const names = new Names([...enums, ...services, ...messages], file?.package ?? '')
  const ast = {
    syntax: SYNTAX[file?.edition] ?? 3,
    package: names.package || null,
    imports: files.map((each) => each.name).filter((name) => name.startsWith(GOOGLE)),
    enums: enums.map((item) => toEnum(item, names)),
    messages: messages.map((message) => toMessage(message, names)),
    options: options(file?.options ?? {}),
    extends: [],
  }
  if (services.length > 0) ast.services = services.map((service) => toService(service, names))
  return ast
}

module.exports = { toAst }
