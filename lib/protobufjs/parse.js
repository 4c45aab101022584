'use strict'

// Parses `.proto` source to reflection objects, one file at a time. Nothing is linked, and imports are not read.

const { Enum } = require('./enum.js')
const { Field, MapField } = require('./field.js')
const { ReflectionObject } = require('./object.js')
const { OneOf } = require('./oneof.js')
const { Root } = require('./root.js')
const { Method, Service } = require('./service.js')
const tokenize = require('./tokenize.js')
const { Type } = require('./type.js')
const types = require('./types.js')
const util = require('./util/index.js')

const NAME = /^[a-zA-Z_][a-zA-Z_0-9]*$/
const { numberRe: NUMBER, typeRefRe: REFERENCE } = util.patterns
const INTEGER = /^-?(?:[1-9][0-9]*|0x[0-9a-fA-F]+|0[0-7]+)$/
const INTEGER_TYPE = /^(?:u?int|sint|s?fixed)(?:32|64)$/
const UNSIGNED_TYPE = /^(?:uint|fixed)(?:32|64)$/
const FEATURE = /^features\./

const EDITIONS = ['2023', '2024', '2026']
const MAX_FIELD = 536870911
const MAX_ENUM = 2147483647

/** The value of an integer token: decimal, `0x` or octal. */
function integer(token) {
  const digits = token.replace('-', '')
  let base = 10
  if (digits.startsWith('0x')) base = 16
  else if (digits.startsWith('0')) base = 8
  return (token.startsWith('-') ? -1 : 1) * Number.parseInt(digits, base) || 0
}

function checkDepth(depth, limit) {
  if (depth > limit) throw Error('max depth exceeded')
}

class Parser {
  constructor(source, root, options) {
    this.tokens = tokenize(source, options.alternateCommentMode)
    this.prefersTrailing = Boolean(options.preferTrailingComment)
    this.applyCase = options.keepCase ? (name) => name : util.camelCase
    this.root = root
    /** The namespace of the package. */
    this.scope = root
    this.package = undefined
    this.imports = undefined
    this.weakImports = undefined
    this.edition = 'proto2'
    /** Top-level declarations and the features that apply to all of them. */
    this.topLevel = []
    this.topLevelFeatures = {}
  }

  get year() {
    return EDITIONS.includes(this.edition) ? Number(this.edition) : 0
  }

  illegal(token, what = 'token') {
    const { filename } = parse
    parse.filename = null
    return Error(`illegal ${what} '${token}' (${filename ? `${filename}, ` : ''}line ${this.tokens.line})`)
  }

  /** The next token, which must exist and match. */
  expect(pattern, what) {
    const token = this.tokens.next()
    if (token === null || !pattern.test(token)) throw this.illegal(token, what)
    return token
  }

  // --- Values

  string() {
    const { tokens } = this
    let text = ''
    do {
      const quote = tokens.next()
      if (quote !== '"' && quote !== "'") throw this.illegal(quote)
      text += tokens.next()
      tokens.skip(quote)
    } while (tokens.peek() === '"' || tokens.peek() === "'")
    return text
  }

  /** The value of a number token; undefined if it is not a number. */
  number(token) {
    const sign = token.startsWith('-') ? -1 : 1
    const size = sign < 0 ? token.slice(1) : token
    if (/^(?:inf|INF|Inf)$/.test(size)) return sign * Infinity
    if (/^(?:nan|NAN|Nan|NaN)$/.test(size)) return NaN
    if (size === '0') return sign * 0
    if (!size.startsWith('-') && INTEGER.test(size)) return sign * integer(size)
    return NUMBER.test(size) ? sign * Number.parseFloat(size) : undefined
  }

  value() {
    const token = this.tokens.next()
    if (token === '"' || token === "'") {
      this.tokens.push(token)
      return this.string()
    }
    if (token === null) throw this.illegal(token, 'value')
    if (token === 'true' || token === 'TRUE') return true
    if (token === 'false' || token === 'FALSE') return false
    const number = this.number(token)
    if (number !== undefined) return number
    if (REFERENCE.test(token)) return token
    throw this.illegal(token, 'value')
  }

  integer(token, acceptsNegative, what) {
    if (token === null) throw this.illegal(token, 'end of input')
    if (!acceptsNegative && token.startsWith('-')) throw this.illegal(token, what)
    if (token === '0' || token === '-0') return 0
    if (!INTEGER.test(token)) throw this.illegal(token, what)
    return integer(token)
  }

  id(token, acceptsNegative = false, max = MAX_FIELD) {
    return /^(?:max|MAX|Max)$/.test(token) ? max : this.integer(token, acceptsNegative, 'id')
  }

  /** Parses `1, 5 to 9, "name"`: reserved or extension ranges. */
  ranges(target, acceptsNames, max, acceptsNegative) {
    const { tokens } = this
    do {
      const token = tokens.peek()
      if (acceptsNames && (token === '"' || token === "'")) {
        const name = this.string()
        target.push(name)
        // Editions use names without quotes.
        if (this.year > 0) throw this.illegal(name, 'id')
      } else if (acceptsNames && this.year > 0 && token !== null && REFERENCE.test(token) && !/^max$/i.test(token)) {
        target.push(tokens.next())
      } else {
        const start = this.id(tokens.next(), acceptsNegative, max)
        target.push([start, tokens.skip('to', true) ? this.id(tokens.next(), acceptsNegative, max) : start])
      }
    } while (tokens.skip(',', true))
    // Options of ranges are parsed and ignored.
    this.optionsOf(new Scratch())
  }

  // --- Blocks and comments

  /** Parses `{ … }` or `;`. The comment comes before it, or for `;` also after it. */
  block(object, each, otherwise) {
    const { tokens } = this
    const line = tokens.line
    if (object) {
      if (typeof object.comment !== 'string') object.comment = tokens.cmnt()
      object.filename = parse.filename
    }
    if (tokens.skip('{', true)) {
      for (let token = tokens.next(); token !== '}'; token = tokens.next()) {
        if (token === null) throw this.illegal(token, 'end of input')
        each(token)
      }
      tokens.skip(';', true)
      return
    }
    otherwise?.()
    tokens.skip(';')
    if (object && (typeof object.comment !== 'string' || this.prefersTrailing)) {
      object.comment = tokens.cmnt(line) || object.comment
    }
  }

  /** Parses the end of a declaration: `[options];` or, as protobufjs accepts it, a block of options. */
  optionsOf(object) {
    const each = (token) => {
      if (token !== 'option') throw this.illegal(token)
      this.option(object)
      this.tokens.skip(';')
    }
    this.block(object, each, () => this.inlineOptions(object))
  }

  inlineOptions(object) {
    const { tokens } = this
    if (!tokens.skip('[', true)) return
    do this.option(object)
    while (tokens.skip(',', true))
    tokens.skip(']')
  }

  // --- Options

  /** Parses `name = value`; the name may be `(extension).field` or `features.field`. */
  option(object) {
    const { tokens } = this
    const parts = []
    for (let token = tokens.next(); token !== '='; token = tokens.next()) {
      if (token === null) throw this.illegal(token, 'end of input')
      if (token === '(') {
        token = `(${tokens.next()})`
        tokens.skip(')')
      }
      if (parts.length === 0 && token.includes('.') && !token.includes('(')) {
        const at = token.indexOf('.')
        parts.push(token.slice(0, at), token.slice(at))
      } else parts.push(token)
    }
    const [option, ...rest] = parts
    const property = rest.join('')
    const value = this.optionValue(object, option + property, 0)
    object.setParsedOption?.(option, value, property.replace(/^\./, '') || undefined)
  }

  optionValue(object, name, depth) {
    checkDepth(depth, util.recursionLimit)
    if (this.tokens.skip('{', true)) return this.aggregate(object, name, depth)
    const isInteger = name === 'default' && object instanceof Field && INTEGER_TYPE.test(object.type)
    const value = isInteger
      ? this.integer(this.tokens.next(), !UNSIGNED_TYPE.test(object.type), 'integer')
      : this.value()
    this.setOption(object, name, value)
    return value
  }

  /** Parses text format in braces. Its entries are also set individually. */
  aggregate(object, name, depth) {
    const { tokens } = this
    const result = {}
    while (!tokens.skip('}', true)) {
      const key = this.aggregateKey()
      const path = `${name}.${key}`
      tokens.skip(':', true)
      let value
      if (tokens.peek() === '{') value = this.optionValue(object, path, depth + 1)
      else if (tokens.skip('[', true)) value = this.aggregateList(object, path, depth)
      else {
        value = this.value()
        this.setOption(object, path, value)
      }
      const before = Object.hasOwn(result, key) ? result[key] : undefined
      if (key !== '__proto__') result[key] = before ? [].concat(before, value) : value
      tokens.skip(',', true)
      tokens.skip(';', true)
    }
    return result
  }

  aggregateKey() {
    const { tokens } = this
    const token = tokens.next()
    if (token === null) throw this.illegal(token, 'end of input')
    if (token !== '[') {
      if (!NAME.test(token)) throw this.illegal(token, 'name')
      return token
    }
    // An extension name, or the type within an Any.
    const name = tokens.next()
    if (name === null || !REFERENCE.test(name.slice(name.lastIndexOf('/') + 1))) throw this.illegal(name, 'name')
    tokens.skip(']')
    return `[${name}]`
  }

  aggregateList(object, path, depth) {
    const { tokens } = this
    const list = []
    if (tokens.skip(']', true)) return list
    let isAggregate
    do {
      isAggregate = tokens.peek() === '{'
      list.push(isAggregate ? this.optionValue(object, path, depth + 1) : this.value())
    } while (tokens.skip(',', true))
    tokens.skip(']')
    if (!isAggregate) this.setOption(object, path, list.at(-1))
    return list
  }

  setOption(object, name, value) {
    // Features of a file apply to everything at its top level.
    if (object === this.scope && FEATURE.test(name)) {
      this.topLevelFeatures[name] = value
      return
    }
    if (name === 'json_name' && object instanceof Field) object.jsonName = value
    object.setOption?.(name, value)
  }

  // --- Declarations

  /** Adds declarations, and remembers those at the top level. */
  add(parent, ...objects) {
    for (const object of objects) {
      parent.add(object)
      if (parent === this.scope) this.topLevel.push(object)
    }
  }

  file() {
    const { tokens } = this
    let isHead = true
    const head = (token) => {
      if (!isHead) throw this.illegal(token)
    }
    for (let token = tokens.next(); token !== null; token = tokens.next()) {
      switch (token) {
        case ';':
          break
        case 'package':
          head(token)
          this.packageName()
          break
        case 'import':
          this.import()
          break
        case 'syntax':
        case 'edition':
          head(token)
          this.syntax(token)
          break
        case 'option':
          this.option(this.scope)
          tokens.skip(';', true)
          break
        default:
          if (!this.declaration(this.scope, token, 0)) throw this.illegal(token)
          isHead = false
      }
    }
    for (const object of this.topLevel) {
      object._edition = this.edition
      for (const [name, value] of Object.entries(this.topLevelFeatures)) {
        if (object.getOption(name) === undefined) object.setOption(name, value, true)
      }
    }
    parse.filename = null
  }

  packageName() {
    if (this.package !== undefined) throw this.illegal('package')
    this.package = this.expect(REFERENCE, 'name')
    this.scope = this.scope.define(this.package)
    this.tokens.skip(';')
  }

  import() {
    const { tokens } = this
    const kind = tokens.peek()
    if (kind === 'option') {
      // `import option` is only about options, which are not interpreted here.
      if (this.year < 2024) throw this.illegal('option')
      tokens.next()
      this.string()
    } else {
      if (kind === 'weak' || kind === 'public') tokens.next()
      const list = kind === 'weak' ? 'weakImports' : 'imports'
      this[list] ??= []
      this[list].push(this.string())
    }
    tokens.skip(';')
  }

  syntax(keyword) {
    this.tokens.skip('=')
    this.edition = this.string()
    if (keyword === 'edition' && !EDITIONS.includes(this.edition)) throw this.illegal(this.edition, 'edition')
    if (keyword === 'syntax' && Number(this.edition) < 2023) throw this.illegal(this.edition, 'syntax')
    this.tokens.skip(';')
  }

  /** Parses a declaration that is allowed at several levels. Returns false if the token does not begin one. */
  declaration(parent, token, depth) {
    switch (token) {
      case 'option':
        this.option(parent)
        this.tokens.skip(';')
        return true
      case 'message':
        this.type(parent, depth + 1)
        return true
      case 'enum':
        this.enum(parent)
        return true
      case 'export':
      case 'local': {
        if (this.year < 2024) return false
        const what = this.tokens.next()
        if (what !== 'message' && what !== 'enum') return false
        const made = what === 'message' ? this.type(parent, depth + 1) : this.enum(parent)
        made.visibility = token
        return true
      }
      case 'service':
        this.service(parent, depth + 1)
        return true
      case 'extend':
        this.extension(parent, depth)
        return true
      default:
        return false
    }
  }

  type(parent, depth) {
    checkDepth(depth, util.nestingLimit)
    const type = new Type(this.expect(NAME, 'type name'))
    this.block(type, (token) => {
      if (!this.declaration(type, token, depth)) this.member(type, token, depth)
    })
    this.add(parent, type)
    return type
  }

  member(type, token, depth) {
    switch (token) {
      case ';':
        return undefined
      case 'map':
        return this.mapField(type)
      case 'oneof':
        return this.oneof(type, depth + 1)
      case 'extensions':
        type.extensions ??= []
        return this.ranges(type.extensions)
      case 'reserved':
        type.reserved ??= []
        return this.ranges(type.reserved, true)
      default:
        return this.labelled(type, token, undefined, depth + 1)
    }
  }

  /** Parses a field with its label, or without one if the syntax has none. */
  labelled(parent, token, extend, depth) {
    switch (token) {
      case 'required':
        if (this.edition !== 'proto2' && extend === undefined) throw this.illegal(token)
        return this.field(parent, token, extend, depth)
      case 'repeated':
        return this.field(parent, token, extend, depth)
      case 'optional':
        if (this.edition === 'proto3') return this.field(parent, 'proto3_optional', extend, depth)
        if (this.year > 0 && extend === undefined) throw this.illegal(token)
        return this.field(parent, token, extend, depth)
      default:
        if (this.edition === 'proto2' || !REFERENCE.test(token)) throw this.illegal(token)
        this.tokens.push(token)
        return this.field(parent, 'optional', extend, depth)
    }
  }

  /** Parses the name and the number of a field. The name is converted unless `keepCase` is set. */
  named(make) {
    const protoName = this.expect(NAME, 'name')
    const name = this.applyCase(protoName)
    this.tokens.skip('=')
    const field = make(name, this.id(this.tokens.next()))
    if (protoName !== name) field.protoName = protoName
    this.optionsOf(field)
    return field
  }

  field(parent, rule, extend, depth) {
    const { tokens } = this
    let type = tokens.next()
    if (type === null) throw this.illegal(type, 'end of input')
    if (type === 'group') return this.group(parent, rule, extend, depth)
    // White space is allowed around the dots.
    while (type.endsWith('.') || tokens.peek()?.startsWith('.')) {
      const part = tokens.next()
      if (part === null) throw this.illegal(part, 'end of input')
      type += part
    }
    if (!REFERENCE.test(type)) throw this.illegal(type, 'type')
    if (tokens.peek() === null) throw this.illegal(null, 'end of input')
    const isProto3Optional = rule === 'proto3_optional'
    const field = this.named((name, id) => new Field(name, id, type, isProto3Optional ? 'optional' : rule, extend))
    if (!isProto3Optional) return this.add(parent, field)
    const oneof = new OneOf(`_${field.name}`)
    field.setOption('proto3_optional', true)
    oneof.add(field)
    parent.add(oneof)
    if (parent === this.scope) this.topLevel.push(field)
    return undefined
  }

  group(parent, rule, extend, depth = 0) {
    checkDepth(depth, util.nestingLimit)
    if (this.year > 0) throw this.illegal('group')
    const given = this.expect(NAME, 'name')
    const fieldName = util.lcFirst(given)
    const name = given === fieldName ? util.ucFirst(given) : given
    this.tokens.skip('=')
    const id = this.id(this.tokens.next())
    const type = new Type(name)
    type.group = true
    const field = new Field(fieldName, id, name, rule === 'proto3_optional' ? 'optional' : rule, extend)
    field.filename = parse.filename
    this.block(type, (token) => {
      if (token === ';') return
      if (token === 'extend' || token === 'service' || token === 'oneof' || token === 'extensions') {
        if (token === 'oneof') return this.oneof(type, depth + 1)
        throw this.illegal(token)
      }
      if (!this.declaration(type, token, depth)) this.member(type, token, depth)
    })
    this.add(parent, type, field)
    return undefined
  }

  mapField(parent) {
    const { tokens } = this
    tokens.skip('<')
    const keyType = tokens.next()
    if (types.mapKey[keyType] === undefined) throw this.illegal(keyType, 'type')
    tokens.skip(',')
    const valueType = this.expect(REFERENCE, 'type')
    tokens.skip('>')
    parent.add(this.named((name, id) => new MapField(name, id, keyType, valueType)))
  }

  oneof(parent, depth) {
    const oneof = new OneOf(this.applyCase(this.expect(NAME, 'name')))
    this.block(oneof, (token) => {
      if (token === ';') return
      if (token === 'option') {
        this.option(oneof)
        this.tokens.skip(';')
        return
      }
      this.tokens.push(token)
      this.field(oneof, 'optional', undefined, depth)
    })
    parent.add(oneof)
  }

  enum(parent) {
    const made = new Enum(this.expect(NAME, 'name'))
    const values = []
    this.block(made, (token) => {
      if (token === ';') return
      if (token === 'option') {
        this.option(made)
        this.tokens.skip(';')
      } else if (token === 'reserved') {
        made.reserved ??= []
        this.ranges(made.reserved, true, MAX_ENUM, true)
      } else {
        values.push(this.enumValue(token))
      }
    })
    // Whether duplicate numbers are allowed is known only at the end.
    for (const { name, id, scratch } of values) made.add(name, id, scratch.comment, scratch.options)
    this.add(parent, made)
    return made
  }

  enumValue(name) {
    if (!NAME.test(name)) throw this.illegal(name, 'name')
    this.tokens.skip('=')
    const id = this.id(this.tokens.next(), true)
    const scratch = new Scratch()
    this.optionsOf(scratch)
    return { name, id, scratch }
  }

  service(parent, depth) {
    checkDepth(depth, util.recursionLimit)
    const service = new Service(this.expect(NAME, 'service name'))
    this.block(service, (token) => {
      if (this.declaration(service, token, depth) || token === ';') return
      if (token !== 'rpc') throw this.illegal(token)
      this.method(service)
    })
    this.add(parent, service)
  }

  method(service) {
    const { tokens } = this
    const comment = tokens.cmnt()
    const name = this.expect(NAME, 'name')
    const side = () => {
      tokens.skip('(')
      const isStream = tokens.skip('stream', true)
      const type = this.expect(REFERENCE)
      tokens.skip(')')
      return [type, isStream]
    }
    const [requestType, requestStream] = side()
    tokens.skip('returns')
    const [responseType, responseStream] = side()
    const method = new Method(name, 'rpc', requestType, responseType, requestStream, responseStream)
    method.comment = comment
    this.block(method, (token) => {
      if (token === ';') return
      if (token !== 'option') throw this.illegal(token)
      this.option(method)
      tokens.skip(';')
    })
    service.add(method)
  }

  extension(parent, depth) {
    const reference = this.expect(REFERENCE, 'reference')
    this.block(null, (token) => {
      if (token !== ';') this.labelled(parent, token, reference, depth + 1)
    })
  }
}

/** Takes the options of something that has no reflection object. */
class Scratch {
  options = undefined
  comment = null

  getOption(name) {
    return this.options?.[name]
  }

  setOption(name, value) {
    ReflectionObject.prototype.setOption.call(this, name, value)
  }
}

/** Parses `source` into `root`, which is optional. */
function parse(source, root, options) {
  if (!(root instanceof Root)) return parse(source, new Root(), root ?? options)
  const parser = new Parser(source, root, options || parse.defaults)
  parser.file()
  const { package: name, imports, weakImports } = parser
  return { package: name, imports, weakImports, root }
}

/** The file name for error messages, set by the code that reads files. */
parse.filename = null
parse.defaults = { keepCase: false }

module.exports = parse
