'use strict'

// Converts schema objects of npm `protocol-buffers-schema`, which `protobuf()` accepts instead of source text, to
// source text. So there is only one parser, which decides what is a valid schema. Every name is checked to be a name.

const { invalidArgValue } = require('../errors.js')

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const PATH = /^\.?[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/
// A valid default: a number, a word, or a string without unescaped quotes or line ends inside.
const DEFAULT = /^([-+]?[\w.+-]+|"([^"\\\n]|\\.)*"|'([^'\\\n]|\\.)*')$/

/** The nesting limit of source text. */
const MAX_NESTING = require('../constants.js').schemaLimits.nesting

function checked(pattern, what, value) {
  if (typeof value !== 'string' || !pattern.test(value)) throw invalidArgValue(`schema.${what}`, value, 'is not a name')
  return value
}

const name = (value) => checked(NAME, 'name', value)
const path = (value) => checked(PATH, 'type', value)

function integer(what, value) {
  const n = Number(value)
  if (!Number.isSafeInteger(n)) throw invalidArgValue(`schema.${what}`, value, 'is not an integer')
  return n
}

/** The field options that affect encoding. The values are tokens of the source, or booleans. */
function options(of) {
  const parts = []
  const { packed, default: value, deprecated } = of ?? {}
  if (packed !== undefined) parts.push(`packed = ${packed && packed !== 'false' ? 'true' : 'false'}`)
  if (value !== undefined && DEFAULT.test(String(value))) parts.push(`default = ${value}`)
  if (deprecated === true || deprecated === 'true') parts.push('deprecated = true')
  return parts.length > 0 ? ` [${parts.join(', ')}]` : ''
}

function field(f) {
  const tail = `${name(f.name)} = ${integer('tag', f.tag)}${options(f.options)};`
  if (f.map) return `map<${path(f.map.from)}, ${path(f.map.to)}> ${tail}`
  const label = f.oneof ? '' : f.repeated ? 'repeated ' : f.required ? 'required ' : 'optional '
  return `${label}${path(f.type)} ${tail}`
}

function enumeration(e) {
  const values = Object.keys(e.values ?? {}).map((key) => `${name(key)} = ${integer('value', e.values[key].value)};`)
  return `enum ${name(e.name)} { ${values.join(' ')} }`
}

function message(m, depth) {
  if (depth > MAX_NESTING) throw invalidArgValue('schema.messages', m.name, `is nested deeper than ${MAX_NESTING}`)
  const nested = (m.messages ?? []).map((inner) => message(inner, depth + 1))
  const parts = [...(m.enums ?? []).map(enumeration), ...nested]
  const oneofs = new Map()
  for (const f of m.fields ?? []) {
    if (!f.oneof) parts.push(field(f))
    else if (oneofs.has(f.oneof)) oneofs.get(f.oneof).push(field(f))
    else {
      const members = [field(f)]
      oneofs.set(f.oneof, members)
      // The oneof takes the place of its first member. It is converted to text when all members are known.
      parts.push({ toString: () => `oneof ${name(f.oneof)} { ${members.join(' ')} }` })
    }
  }
  return `message ${name(m.name)} {\n${parts.map(String).join('\n')}\n}`
}

function service(s) {
  const methods = (s.methods ?? []).map((m) => {
    const request = `${m.client_streaming ? 'stream ' : ''}${path(m.input_type)}`
    const reply = `${m.server_streaming ? 'stream ' : ''}${path(m.output_type)}`
    return `rpc ${name(m.name)} (${request}) returns (${reply});`
  })
  return `service ${name(s.name)} { ${methods.join(' ')} }`
}

/**
 * The source text of a schema object. It has no `syntax` line, because the object says 3 even for files that have none,
 * and npm `protocol-buffers` ignores it.
 */
function toSource(schema) {
  const lines = []
  if (schema.package) lines.push(`package ${path(schema.package)};`)
  for (const file of schema.imports ?? []) lines.push(`import ${JSON.stringify(String(file))};`)
  lines.push(...(schema.enums ?? []).map(enumeration), ...(schema.messages ?? []).map((m) => message(m, 1)))
  lines.push(...(schema.services ?? []).map(service))
  return lines.join('\n')
}

module.exports = { toSource }
