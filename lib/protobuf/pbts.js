'use strict'

// TypeScript declarations for the messages of a schema, as `protobuf()` makes them with given options. Every message has two shapes:
// `Foo`, what `decode` gives, and `Foo.Input`, what `encode` takes.

const { reflection } = require('./describe.js')
const { schemaOf } = require('./messages.js')

const NUMBERS = new Set(['double', 'float', 'int32', 'uint32', 'sint32', 'fixed32', 'sfixed32'])
const DECODED_INT64 = { auto: 'number | bigint', bigint: 'bigint', string: 'string' }
const RESERVED = new Set(
  'break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof new null return super switch this throw true try typeof var void while with yield let static implements interface package private protected public await any boolean number string symbol never unknown object bigint undefined Input Message Long Array ArrayLike Map Buffer Uint8Array'.split(
    ' ',
  ),
)

/** What every message object has. A nested type of such a name does not show there. */
const MEMBERS = ['type', 'message', 'name', 'buffer', 'encode', 'decode', 'encodingLength', 'dependencies']

/** An identifier that the name can stand as: TypeScript has words that protobuf does not know. */
function identifier(name) {
  return RESERVED.has(name) ? `${name}_` : name
}

function key(name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
}

function comment(item, indent) {
  const lines = (item.comment ?? item.trailingComment ?? '').trim().split('\n')
  if (lines[0] === '') return item.deprecated ? `${indent}/** @deprecated */\n` : ''
  // The text cannot end the comment it stands in.
  const safe = lines.map((line) => line.replaceAll('*/', '*\\/').replace(/^\s?/, ' ').trimEnd())
  if (item.deprecated) safe.push(' @deprecated')
  if (safe.length === 1) return `${indent}/**${safe[0]} */\n`
  return `${indent}/**\n${safe.map((line) => `${indent} *${line}\n`).join('')}${indent} */\n`
}

class Declarations {
  constructor(schema) {
    this.all = reflection(schema)
    this.settings = schema.settings
    this.paths = new Map()
    const types = [...this.all.messages, ...this.all.enums].filter((item) => !item.mapEntry)
    const byName = new Map(types.map((item) => [item.fullName, item]))
    for (const item of types) this.#path(item, byName)
    this.extensions = new Map(types.map((item) => [item.fullName, []]))
    for (const extension of this.all.extensions) this.extensions.get(extension.extendee).push(extension)
  }

  /** `Outer.Inner`: packages do not show, as they do not on the messages object. */
  #path(item, byName) {
    const known = this.paths.get(item.fullName)
    if (known !== undefined) return known
    const own = identifier(item.name)
    const path = item.parent === undefined ? own : `${this.#path(byName.get(item.parent), byName)}.${own}`
    this.paths.set(item.fullName, path)
    return path
  }

  #scalar(type, input) {
    if (NUMBERS.has(type)) return input ? 'number | bigint | string' : 'number'
    if (type === 'bool') return 'boolean'
    if (type === 'string') return 'string'
    if (type === 'bytes') return input ? 'Uint8Array | string' : 'Buffer'
    return input ? 'number | bigint | string | Long' : DECODED_INT64[this.settings.int64]
  }

  #value(field, input) {
    if (field.type === 'enum')
      return input ? `${this.paths.get(field.typeName)} | string` : this.paths.get(field.typeName)
    if (field.typeName === undefined) return this.#scalar(field.type, input)
    return input ? `${this.paths.get(field.typeName)}.Input` : this.paths.get(field.typeName)
  }

  #type(field, input) {
    const value = this.#value(field, input)
    if (field.label === 'repeated') return input ? `ArrayLike<${value}>` : `Array<${value}>`
    if (field.label !== 'map') return value
    const object = `{ [key: string]: ${value} }`
    return input
      ? `${object} | Map<${field.keyType === 'bool' ? 'boolean' : 'string | number | bigint'}, ${value}>`
      : object
  }

  /** Whether a decoded object always has the field, and whether it can be null. */
  #decoded(field) {
    const type = this.#type(field, false)
    if (field.label === 'repeated' || field.label === 'map') return ['', field.extendee ? `${type} | undefined` : type]
    if (!this.settings.defaults) return [field.label === 'required' ? '' : '?', type]
    if (field.oneof !== undefined || field.extendee !== undefined) return ['?', `${type} | null`]
    const nullable = field.label !== 'required' && field.default === undefined
    const isNull = field.type === 'bytes' || field.type === 'message' || field.type === 'group'
    return ['', nullable && isNull ? `${type} | null` : type]
  }

  #message(message, indent) {
    const { all } = this
    const path = this.paths.get(message.fullName)
    const inner = `${indent}  `
    const fields = [...message.fields, ...this.extensions.get(message.fullName)]
    const decoded = fields.map((field) => {
      const [optional, type] = this.#decoded(field)
      return `${comment(field, inner)}${inner}${key(field.property)}${optional}: ${type}\n`
    })
    const input = fields.map((field) => {
      const optional = field.label === 'required' ? '' : '?'
      const type = `${this.#type(field, true)}${field.label === 'required' ? '' : ' | null'}`
      return `${comment(field, `${inner}  `)}${inner}  ${key(field.property)}${optional}: ${type}\n`
    })
    const isNested = (item) => item.parent === message.fullName && !MEMBERS.includes(item.name)
    const nested = [
      ...all.enums.filter((item) => isNested(item)).map((item) => this.#enum(item, inner)),
      ...all.messages.filter((item) => isNested(item) && !item.mapEntry).map((item) => this.#message(item, inner)),
    ]
    const name = identifier(message.name)
    // A namespace, not a constant: only that can have the types and the values of nested messages both.
    const own = MEMBERS.map(
      (member) => `${inner}export const ${member}: Message<${path}, ${path}.Input>['${member}']\n`,
    )
    return [
      comment(message, indent),
      `${indent}export interface ${name} {\n`,
      ...decoded,
      `${indent}}\n`,
      `${indent}export namespace ${name} {\n`,
      `${inner}export interface Input {\n`,
      ...input,
      `${inner}}\n`,
      ...own,
      ...nested,
      `${indent}}\n`,
    ].join('')
  }

  #enum(item, indent) {
    const name = identifier(item.name)
    const values = item.values.map(
      (value) => `${comment(value, `${indent}  `)}${indent}  readonly ${key(value.name)}: ${value.number}\n`,
    )
    const numbers = [...new Set(item.values.map((value) => value.number))]
    // An open enum may hold any number.
    const type = item.closed ? numbers.join(' | ') || 'never' : 'number'
    return `${comment(item, indent)}${indent}export type ${name} = ${type}\n${indent}export const ${name}: {\n${values.join('')}${indent}}\n`
  }

  text() {
    const top = (list) => list.filter((item) => item.parent === undefined)
    return [
      '// Generated by `ironwire pbts`. Edit the .proto files instead.\n\n',
      '/** An integer of 64 bits as npm `long` has it. */\n',
      'export interface Long {\n  low: number\n  high: number\n  unsigned?: boolean\n}\n\n',
      '/** A message type: `T` is what it decodes to, `I` what it encodes. */\n',
      'export interface Message<T, I> {\n  readonly type: 2\n  readonly message: true\n  readonly name: string\n  readonly buffer: true\n',
      '  readonly encode: {\n    (value: I): Buffer\n    <B extends Uint8Array>(value: I, buffer: B, offset?: number): B\n    bytes: number\n  }\n',
      '  readonly decode: { (buffer: Uint8Array, offset?: number, end?: number): T; bytes: number }\n',
      '  encodingLength(value: I): number\n  readonly dependencies: object[]\n}\n\n',
      ...top(this.all.enums).map((item) => `${this.#enum(item, '')}\n`),
      ...top(this.all.messages).map((item) => `${this.#message(item, '')}\n`),
      // What TypeScript has a word for is exported under its own name all the same.
      ...[...top(this.all.enums), ...top(this.all.messages)]
        .filter(({ name }) => RESERVED.has(name))
        .map(({ name }) => `export { ${identifier(name)} as ${name} }\n`),
    ].join('')
  }
}

/** The declarations of all that `messages` has, as the text of a `.d.ts` module. */
function pbts(messages) {
  return new Declarations(schemaOf(messages)).text()
}

module.exports = { pbts }
