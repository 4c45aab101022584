'use strict'

// Generates TypeScript declarations for the messages of a schema, matching the options that `protobuf()` or
// `protobuf.load()` was called with.
//
// All types are in one namespace `$`, by package and full name, and refer to each other through it: two packages may
// use the same names, and a nested type may have any name. Names that do not come from the schema contain a `$`, which
// no name of a schema can. The properties of the messages object are exported as well.

const { reflectionOf } = require('./reflect.js')
const { ownFiles, schemaOf } = require('./messages.js')

/** Names that TypeScript does not accept for a type, or that have a meaning of their own. */
const RESERVED = new Set(
  (
    'break case catch class const continue debugger default delete do else enum export extends false finally for function if ' +
    'import in instanceof new null return super switch this throw true try typeof var void while with yield let static implements ' +
    'interface package private protected public await any bigint boolean number string symbol never unknown object undefined ' +
    'arguments eval type declare module namespace abstract as asserts async constructor get global infer intrinsic is keyof readonly ' +
    'require set unique out accessor satisfies of from assert using defer globalThis'
  ).split(' '),
)

/** The properties of every message object. They hide nested types with the same name. */
const MEMBERS = new Set(['type', 'message', 'name', 'buffer', 'encode', 'decode', 'encodingLength', 'dependencies'])

/** The same for the types of `protobuf.load()`. */
const LOADED_MEMBERS = new Set(
  (
    'name fullName encode decode encodingLength create equals clone fromObject toObject toJson fromJson toJsonString fromJsonString ' +
    'toText fromText'
  ).split(' '),
)

/** Properties that TypeScript expects on every object. */
const INHERITED = new Set(
  'constructor toString toLocaleString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable'.split(' '),
)

const INT64 = { auto: 'number | bigint', bigint: 'bigint', string: 'string', number: 'number' }
const WIDE = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64'])

const identifier = (name) => (RESERVED.has(name) ? `${name}$` : name)
const key = (name) => (/^[A-Za-z_]\w*$/.test(name) && name !== 'constructor' ? name : JSON.stringify(name))
const list = (of) => (of.includes(' ') ? `(${of})[]` : `${of}[]`)
/** The path of a type from outside its namespace. */
const place = (fullName) => `$.${fullName.split('.').map(identifier).join('.')}`

/** The lines of a comment. The text is escaped so that it cannot end the comment. */
function comment({ comment: { leading, trailing }, options }) {
  const lines = [leading, trailing].flatMap((text) => (text === '' ? [] : text.replace(/\n$/, '').split(/\r\n?|\n/)))
  // The text of a `/** … */` comment has a star before each line.
  const all = lines.map((line) =>
    line
      .replace(/^\s*\*? ?/, '')
      .replaceAll('*/', '*\\/')
      .trimEnd(),
  )
  while (all[0] === '') all.shift()
  while (all.at(-1) === '') all.pop()
  if (options.deprecated === true) all.push('@deprecated')
  if (all.length === 0) return []
  if (all.length === 1) return [`/** ${all[0]} */`]
  return ['/**', ...all.map((line) => ` * ${line}`.trimEnd()), ' */']
}

const indent = (lines) => lines.map((line) => (line === '' ? '' : `  ${line}`))
const block = (head, lines) => (lines.length === 0 ? [`${head} {}`] : [`${head} {`, ...indent(lines), '}'])

class Declarations {
  constructor(schema) {
    this.schema = schema
    this.reflection = reflectionOf(schema)
    this.settings = schema.settings
    /** Settings that only `protobuf.load()` has; undefined for `protobuf()`. */
    this.face = schema.settings.face
    this.members = this.face ? LOADED_MEMBERS : MEMBERS
    this.messageType = this.face ? '$protobuf.LoadedType' : '$protobuf.MessageType'
  }

  /** The type that a well-known message type is converted to; undefined if it is not converted. */
  #converted(message) {
    if (this.face?.dates && message.fullName === 'google.protobuf.Timestamp') return 'globalThis.Date'
    return this.face?.durations && message.fullName === 'google.protobuf.Duration' ? 'number' : undefined
  }

  /** The type of a single value, as decoded or (`input`) as accepted by `encode`. */
  #value(field, input) {
    const { type, message, enum: enumeration } = field
    if (message !== null) {
      const converted = this.#converted(message)
      if (!input) return converted ?? place(message.fullName)
      return converted ? `${converted} | ${place(message.fullName)}.$Input` : `${place(message.fullName)}.$Input`
    }
    if (enumeration !== null) {
      // An open enum may hold any number.
      const own = place(enumeration.fullName)
      if (this.face?.enumNames) return enumeration.closed && !input ? own : `${own} | number`
      const numbers = enumeration.closed ? own : 'number'
      return input ? `${numbers} | keyof ${place(enumeration.fullName)}.$Enum` : numbers
    }
    if (WIDE.has(type)) return input ? '$protobuf.Int64Input' : INT64[this.settings.int64]
    // Qualified, because a message may be called Buffer.
    if (type === 'bytes') return input ? '$protobuf.BytesInput' : 'globalThis.Buffer'
    return type === 'string' || type === 'bool' ? { string: 'string', bool: 'boolean' }[type] : 'number'
  }

  /** The declaration of a property of a decoded object. */
  #decoded(field) {
    if (this.face) return this.#present(field)
    const { label, type, mapValue } = field
    // Extensions whose name could clash are present only if they were on the wire.
    const elsewhere = field.property !== field.name
    let optional = elsewhere
    let of
    if (label === 'repeated') of = list(this.#value(field, false))
    else if (label === 'map') of = `{ [key: string]: ${this.#value(mapValue, false)} }`
    else {
      of = this.#value(field, false)
      const isNull = (field.message !== null || type === 'bytes') && label !== 'required' && !field.hasDefault
      const inOneof = field.oneof !== null && !field.oneof.synthetic
      if (!this.settings.defaults) optional ||= label !== 'required'
      else {
        optional ||= inOneof
        if (isNull && !elsewhere) of += ' | null'
      }
    }
    return [...comment(field), `${key(field.property)}${optional ? '?' : ''}: ${of}`]
  }

  /** The same for `protobuf.load()`, where absent fields are absent. */
  #present(field) {
    const { label, mapValue } = field
    let of = this.#value(mapValue ?? field, false)
    if (label === 'repeated') of = list(of)
    if (label === 'map') of = `{ [key: string]: ${of} }`
    const isThere = label !== 'optional' || (!field.hasPresence && !field.isExtension)
    const elsewhere = field.property !== field.name && field.isExtension
    return [...comment(field), `${key(field.property)}${isThere && !elsewhere ? '' : '?'}: ${of}`]
  }

  /**
   * The members of a oneof with a property that names the set one: a union in which all other members are undefined.
   */
  #union(oneof) {
    const none = (field) => `${key(field.property)}?: undefined`
    const without = (member) => oneof.fields.filter((field) => field !== member).map(none)
    const cases = oneof.fields.map((member) => [
      `${key(oneof.property)}: ${JSON.stringify(member.property)}`,
      `${key(member.property)}: ${this.#value(member, false)}`,
      ...without(member),
    ])
    cases.push([`${key(oneof.property)}?: undefined`, ...without(null)])
    return cases.map((one) => `{ ${one.join('; ')} }`)
  }

  /** The type of a decoded object. */
  #object(info, name, fields, unknown) {
    const unions = this.face?.oneofCases ? info.oneofs.filter((oneof) => !oneof.synthetic) : []
    const inUnion = (field) => unions.includes(field.oneof)
    const lines = [...fields.filter((field) => !inUnion(field)).flatMap((field) => this.#decoded(field)), ...unknown]
    if (unions.length === 0) return block(`interface ${name}`, lines)
    const own = block(`interface $Fields`, lines)
    const rest = unions.flatMap((oneof) => [
      ...comment(oneof),
      `type $${oneof.name} =`,
      ...indent(this.#union(oneof).map((one) => `| ${one}`)),
    ])
    const place = unions.map((oneof) => `${name}.$${oneof.name}`)
    return [
      `type ${name} = ${[`${name}.$Fields`, ...place].join(' & ')}`,
      ...block(`namespace ${name}`, [...own, ...rest]),
    ]
  }

  /** The declaration of a oneof's property in the input of `encode`. */
  #inputCase(oneof) {
    const names = oneof.fields.map((field) => JSON.stringify(field.property)).join(' | ')
    return `${key(oneof.property)}?: ${names} | null | undefined`
  }

  /** The declaration of a property in the input of `encode`. */
  #input(field) {
    const { label, mapKey, mapValue } = field
    let of = this.#value(mapValue ?? field, true)
    if (label === 'repeated') of = `$protobuf.ListInput<${of}>`
    if (label === 'map') {
      const keys = { string: 'string', bool: "boolean | 'true' | 'false'" }[mapKey.type] ?? 'number | bigint | string'
      of = `$protobuf.MapInput<${keys}, ${of}>`
    }
    // Every object inherits a property of this name; `encode` reads own properties only.
    if (INHERITED.has(field.property)) of += ` | globalThis.Object[${JSON.stringify(field.property)}]`
    const required = label === 'required'
    return [
      ...comment(field),
      `${key(field.property)}${required ? '' : '?'}: ${of}${required ? '' : ' | null | undefined'}`,
    ]
  }

  /** A schema that protoc would reject may repeat names; the last one counts. */
  #unique(items, name = 'name') {
    return [...new Map(items.map((item) => [item[name], item])).values()]
  }

  #message(info) {
    const own = place(info.fullName)
    const name = identifier(info.name)
    const fields = this.#unique([...info.fields, ...info.extensions], 'property')
    const messages = this.#unique(info.messages)
    const enums = this.#unique(info.enums)
    const shown = [...enums.map((item) => [item, '$Enum']), ...messages.map((item) => [item, '$Message'])]
    const nested = shown
      .filter(([item]) => !this.members.has(item.name))
      .map(([item, kind]) => `readonly ${key(item.name)}: ${place(item.fullName)}.${kind}`)
    const unknown = this.settings.unknownFields
      ? [
          '/** Fields that the schema does not know, as they were. */',
          '[$protobuf.unknownFields]?: globalThis.Buffer[]',
        ]
      : []
    const oneofs = this.face?.oneofCases ? info.oneofs.filter((oneof) => !oneof.synthetic) : []
    const cases = oneofs.map((oneof) => this.#inputCase(oneof))
    return [
      ...comment(info),
      ...this.#object(info, name, fields, unknown),
      ...block(`namespace ${name}`, [
        `/** What \`encode\` takes. */`,
        ...block('interface $Input', [...fields.flatMap((field) => this.#input(field)), ...cases, ...unknown]),
        ...block(`interface $Message extends ${this.messageType}<${own}.$Input, ${own}>`, nested),
        ...enums.flatMap((item) => this.#enum(item)),
        ...messages.flatMap((item) => this.#message(item)),
      ]),
    ]
  }

  #enum(info) {
    // If enums are decoded to names: the first name of each number.
    const shown = ({ number }) => (this.face?.enumNames ? JSON.stringify(info.value(number).name) : number)
    const all = new Set(info.values.map(shown))
    const values = this.#unique(info.values)
    return [
      ...comment(info),
      `type ${identifier(info.name)} = ${[...all].join(' | ') || 'number'}`,
      ...block(`namespace ${identifier(info.name)}`, [
        ...block(
          'interface $Enum',
          values.flatMap((value) => [...comment(value), `readonly ${key(value.name)}: ${shown(value)}`]),
        ),
      ]),
    ]
  }

  #service(info) {
    const methods = Object.values(info.methods).flatMap((method) => {
      const types = `${place(method.input.fullName)}.$Message, ${place(method.output.fullName)}.$Message`
      const streams = `${method.clientStreaming}, ${method.serverStreaming}`
      return [...comment(method), `readonly ${key(method.name)}: $protobuf.MethodInfo<${types}, ${streams}>`]
    })
    const name = identifier(info.name)
    return block(`namespace ${name}`, [
      ...block('interface $Methods', methods),
      ...comment(info),
      `interface $Service extends $protobuf.ServiceInfo<$Methods> {}`,
      '/** What `client.service` of `rpc` gives, ... */',
      'type $Client = $rpc.ServiceClient<$Service>',
      '/** ... and what `server.addService` takes. */',
      'type $Handlers = $rpc.ServiceHandlers<$Service>',
    ])
  }

  #file(file) {
    const lines = [
      ...this.#unique(file.enums).flatMap((info) => this.#enum(info)),
      ...this.#unique(file.messages).flatMap((info) => this.#message(info)),
      ...file.services.flatMap((info) => this.#service(info)),
    ]
    if (file.package === '' || lines.length === 0) return lines
    return block(`namespace ${file.package.split('.').map(identifier).join('.')}`, lines)
  }

  /** The properties of the messages object by name, in its order, so that the last one of a repeated name counts. */
  #shown() {
    const files = this.schema.order().map((id) => this.reflection.files[id])
    const all = new Map()
    for (const info of this.reflection.services) all.set(info.name, [info, '$Service'])
    for (const info of files.flatMap((file) => file.enums)) all.set(info.name, [info, '$Enum'])
    for (const info of files.flatMap((file) => file.messages)) all.set(info.name, [info, '$Message'])
    return [...all]
  }

  /**
   * The properties of the result of `protobuf.load()`: packages, and the declarations of its root files. Returns the
   * lines of each without its alias.
   */
  #loaded(own) {
    const tree = new Map()
    const bare = new Map()
    for (const file of this.reflection.files) {
      const things = [
        ...file.enums.map((info) => [info, '$Enum']),
        ...file.messages.map((info) => [info, '$Message']),
        ...file.services.map((info) => [info, '$Service']),
      ]
      if (things.length === 0) continue
      let at = tree
      for (const part of file.package === '' ? [] : file.package.split('.')) {
        if (!at.has(part)) at.set(part, new Map())
        at = at.get(part)
      }
      for (const [info, kind] of things) {
        const type = `${place(info.fullName)}.${kind}`
        at.set(info.name, type)
        if (own.has(file.name)) bare.set(info.name, bare.has(info.name) ? undefined : [type, info])
      }
    }
    const shape = (of) => {
      if (typeof of === 'string') return [of]
      const inner = [...of].flatMap(([name, one]) => {
        const [first, ...rest] = shape(one)
        return [`readonly ${key(name)}: ${first}`, ...rest]
      })
      return ['{', ...indent(inner), '}']
    }
    const shown = [...tree].map(([name, of]) => [name, shape(of), name, []])
    for (const [name, found] of bare) {
      if (found !== undefined && !tree.has(name)) shown.push([name, [found[0]], found[1].fullName, comment(found[1])])
    }
    return shown
  }

  #exports(shown) {
    return shown.flatMap(([name, [first, ...rest], fullName, comments]) => [
      '',
      ...comments,
      `declare const ${identifier(name)}: ${first}`,
      ...rest,
      `import ${identifier(name)} = ${place(fullName)}`,
      // The name `default` is taken by the root.
      ...(name === 'default'
        ? []
        : [`export { ${identifier(name) === name ? name : `${identifier(name)} as ${name}`} }`]),
    ])
  }

  /** The declaration of the result of `protobuf.load()`, which is also the module's default export. */
  #root(shown) {
    const names = shown.map(([name]) => `readonly ${key(name)}: typeof ${identifier(name)}`)
    return ['', ...block('declare const $root:', names), 'export default $root']
  }

  text(own) {
    const { services, files } = this.reflection
    if (this.face) {
      const shown = this.#loaded(own)
      return this.#module(files, services, [...this.#exports(shown), ...this.#root(shown)])
    }
    const exported = this.#shown().flatMap(([name, [info, kind]]) => [
      '',
      ...comment(info),
      `declare const ${identifier(name)}: ${place(info.fullName)}.${kind}`,
      `import ${identifier(name)} = ${place(info.fullName)}`,
      `export { ${identifier(name) === name ? name : `${identifier(name)} as ${name}`} }`,
    ])
    return this.#module(files, services, exported)
  }

  #module(files, services, exported) {
    const all = services.map((info) => `readonly ${JSON.stringify(info.fullName)}: ${place(info.fullName)}.$Service`)
    return [
      '// Written by `ironwire pbts`: edit the .proto file instead.',
      '',
      "import type { protobuf as $protobuf, rpc as $rpc } from 'ironwire'",
      '',
      ...block(
        'export declare namespace $',
        files.flatMap((file) => this.#file(file)),
      ),
      ...exported,
      '',
      '/** Types of the services, for `protobuf.service`. There is no such value. */',
      ...block('export declare const $services:', all),
      '',
    ].join('\n')
  }
}

/** The declarations for everything in `messages`, as the text of a `.d.ts` module. */
function pbts(messages) {
  const schema = schemaOf(messages)
  return new Declarations(schema).text(ownFiles(messages))
}

module.exports = { pbts }
