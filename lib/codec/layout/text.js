'use strict'

// Converts a list of fields to the layout language that Rust compiles. Both forms can express the same.

const { isUint8Array } = require('node:util/types')
const { badField } = require('./errors')

const KEYS = [
  'name',
  'type',
  'args',
  'enum',
  'switch',
  'cases',
  'default',
  'map',
  'count',
  'size',
  'if',
  'at',
  'peek',
  'value',
  'const',
  'magic',
  'pad',
  'align',
  'fill',
]

/** Numbers and names, ranges of them, and lists of these. */
const LABELS = /^-?\w+(\.\w+)?(\.\.-?\w+)?(, *-?\w+(\.\w+)?(\.\.-?\w+)?)*$/

/** Text within quotes of the given kind. */
function quoted(text, quote) {
  let out = quote
  for (const c of text) {
    const code = c.codePointAt(0)
    if (c === quote || c === '\\') out += `\\${c}`
    else if (code < 32 || code === 127 || code === 0x2028 || code === 0x2029) out += `\\u{${code.toString(16)}}`
    else out += c
  }
  return out + quote
}

function nameText(name, where) {
  if (typeof name !== 'string') throw badField(where, name, 'must have a name that is a string')
  if (/\p{Surrogate}/u.test(name)) throw badField(where, name, 'must have a name without half a surrogate pair')
  return quoted(name, '`')
}

function bytesText(bytes) {
  let out = '"'
  for (const byte of bytes) out += `\\x${byte.toString(16).padStart(2, '0')}`
  return `${out}"`
}

/** Converts fields to text. `layoutOf` returns the number of a layout, `mapperOf` that of a mapper. */
class Writer {
  constructor(layoutOf, mapperOf) {
    this.layoutOf = layoutOf
    this.mapperOf = mapperOf
    this.depth = 0
  }

  fields(fields, where) {
    if (fields === null || typeof fields !== 'object')
      throw badField(where, fields, 'must be an object or an array of fields')
    const list = Array.isArray(fields) ? fields : Object.entries(fields)
    if (list.length === 0) throw badField(where, fields, 'must have at least one field')
    if (++this.depth > 64) throw badField(where, fields, 'must not be nested deeper than 64')
    const lines = list.map((item) => {
      if (Array.isArray(item)) {
        if (item.length !== 2) throw badField(where, item, 'must be pairs of name and type')
        const name = nameText(item[0], where)
        return this.member(name, item[1], `${where}.${item[0]}`)
      }
      if (item === null || typeof item !== 'object')
        throw badField(where, item, 'must be fields or pairs of name and type')
      const { name } = item
      if (name === undefined) return this.member('', item, where)
      return this.member(nameText(name, where), item, `${where}.${name}`)
    })
    this.depth--
    return lines.join('\n')
  }

  member(name, spec, where) {
    if (typeof spec === 'string' || this.layoutOf(spec) !== undefined || Array.isArray(spec)) {
      return `${this.type(spec, where)} ${name};`
    }
    if (spec === null || typeof spec !== 'object')
      throw badField(where, spec, 'must have a type: a string, a layout or a description')
    for (const key of Object.keys(spec)) {
      if (!KEYS.includes(key)) throw badField(where, key, `must be described by ${KEYS.join(', ')}`)
    }
    let text = ''
    if (spec.if !== undefined) text += `if (${this.expression(spec.if, where)}) `
    if (spec.at !== undefined) text += `at (${this.expression(spec.at, where)}) `
    if (spec.peek !== undefined) text += `peek (${this.expression(spec.peek, where)}) `
    if (spec.magic !== undefined) return `${text}magic ${this.constant(spec.magic, where)};`
    if (spec.pad !== undefined) return `${text}pad (${this.expression(spec.pad, where)});`
    if (spec.align !== undefined) {
      const fill = spec.fill === undefined ? '' : `, ${this.expression(spec.fill, where)}`
      return `${text}align (${this.expression(spec.align, where)}${fill});`
    }
    text += `${this.type({ ...spec, name: undefined }, where)} ${name}`
    if (spec.size !== undefined) text += ` @size(${this.expression(spec.size, where)})`
    if (spec.const !== undefined) text += ` = ${this.constant(spec.const, where)}`
    else if (spec.value !== undefined) text += ` = ${this.expression(spec.value, where)}`
    return `${text};`
  }

  type(spec, where) {
    if (typeof spec === 'string') return spec
    const id = this.layoutOf(spec)
    if (id !== undefined) return `layout(${id})`
    if (Array.isArray(spec)) return `struct {\n${this.fields(spec, where)}\n}`
    if (spec === null || typeof spec !== 'object')
      throw badField(where, spec, 'must have a type: a string, a layout or a description')
    let text
    if (spec.switch !== undefined) text = this.choices(spec, where)
    else {
      text = this.type(spec.type, where)
      if (spec.enum !== undefined) text = this.names(text, spec.enum, where)
      if (spec.args !== undefined) {
        if (!Array.isArray(spec.args)) throw badField(where, spec.args, 'must have args that are an array')
        text += `(${spec.args.map((arg) => this.expression(arg, where)).join(', ')})`
      }
    }
    if (spec.count !== undefined) text += `[${this.expression(spec.count, where)}]`
    if (spec.map !== undefined) text = `map(${this.mapperOf(spec.map, where)}, ${text})`
    return text
  }

  choices({ switch: on, cases, default: otherwise }, where) {
    if (cases === null || typeof cases !== 'object') throw badField(where, cases, 'must have cases')
    const list = cases instanceof Map ? [...cases] : Object.entries(cases)
    // A label that is neither a number nor a name is quoted as a string. A name stands for itself in a switch on text.
    const lines = list.map(([label, type]) => {
      const text = String(label)
      return `${LABELS.test(text) ? text : quoted(text, '"')}: ${this.type(type, where)};`
    })
    if (otherwise !== undefined) lines.push(`default: ${this.type(otherwise, where)};`)
    return `switch (${this.expression(on, where)}) {\n${lines.join('\n')}\n}`
  }

  names(type, names, where) {
    if (names === null || typeof names !== 'object') throw badField(where, names, 'must have an enum that is an object')
    const list = Object.entries(names).map(([name, value]) => `${nameText(name, where)} = ${this.number(value, where)}`)
    return `enum : ${type} { ${list.join(', ')} }`
  }

  number(value, where) {
    if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value)
    throw badField(where, value, 'must have integers here')
  }

  /** An expression as text. A number stands for itself. */
  expression(value, where) {
    if (typeof value === 'string') return value
    return this.number(value, where)
  }

  constant(value, where) {
    if (typeof value === 'string') return quoted(value, '"')
    if (isUint8Array(value)) return bytesText(value)
    return this.number(value, where)
  }
}

module.exports = { Writer, nameText }
