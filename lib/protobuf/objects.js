'use strict'

// Operations on decoded objects: create, compare, clone, and convert them. They all walk an object along its schema.

const { Buffer } = require('node:buffer')
const { types } = require('node:util')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { planOf } = require('./plan.js')
const { define, unknownFields } = require('./read.js')
const W = require('./write.js')

const WIDE = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64'])

/** Reads a property like `encode` does: without inherited properties of Object. */
const get = (object, name) => (name in Object.prototype ? W.own(object, name) : object[name])

/** Reads a field like `encode` does: a member of a oneof is not set if the oneof's property names another one. */
function fieldOf(object, field) {
  if (field.isDecided) {
    const chosen = get(object, field.oneof)
    if (chosen != null && chosen !== field.property) return undefined
  }
  return get(object, field.property)
}

function set(object, name, value) {
  if (name === '__proto__') define(object, name, value)
  else object[name] = value
}

function demandObject(name, value) {
  if (typeof value !== 'object' || value === null) throw invalidArgType(name, 'an object', value)
}

/** Checks the nesting depth, as `encode` does: an object may contain itself. */
function deeper(schema, depth) {
  if (depth > schema.settings.depth) W.tooDeep(schema.settings.depth)
  return depth + 1
}

/** The key and value fields of a map entry. */
const entryOf = (schema, field) => planOf(schema, field.kind).fields

/** The elements of a repeated field, given in any form that `encode` accepts. */
const elements = ({ property }, value) => (Array.isArray(value) ? value : Array.from(W.list(property, value)))

/** The keys and values of a map, given in any form that `encode` accepts. Keys are strings, as on decoded objects. */
function entries({ property }, value) {
  const flat = W.entries(property, value)
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), flat[2 * i + 1]])
}

/** Copies an object. `value(field, x)` converts each value that is not a message; messages are walked. */
function walk(schema, id, object, depth, value, of = fieldOf) {
  const inner = deeper(schema, depth)
  const plan = planOf(schema, id)
  const one = (field, x) => {
    if (!field.isMessage || typeof x !== 'object' || x === null || types.isDate(x)) return value(field, x)
    return walk(schema, field.kind, x, inner, value, of)
  }
  const result = {}
  for (const field of plan.fields) {
    const x = of(object, field)
    if (x === undefined || x === null) continue
    if (field.isRepeated) {
      const items = elements(field, x).map((item) => one(field, item))
      set(result, field.property, items)
    } else if (field.isMap) {
      const [, item] = entryOf(schema, field)
      const map = {}
      for (const [key, content] of entries(field, x)) set(map, key, one(item, content))
      set(result, field.property, map)
    } else set(result, field.property, one(field, x))
  }
  if (schema.settings.face?.oneofCases) {
    for (const name of plan.oneofs) {
      const member = get(object, name)
      if (member !== undefined && member !== null) set(result, name, member)
    }
  }
  const records = object[unknownFields]
  if (records !== undefined) {
    const kept = records.map((record) => Buffer.from(record))
    Object.defineProperty(result, unknownFields, { value: kept, configurable: true, writable: true })
  }
  return result
}

function copied(_, value) {
  if (types.isUint8Array(value)) return Buffer.from(value)
  return types.isDate(value) ? new Date(value) : value
}

/** A deep copy. */
function clone(schema, id, object) {
  demandObject('message', object)
  return walk(schema, id, object, 0, copied)
}

/** A message with the values of `init` and the defaults that every decoded message has. */
function create(schema, id, init = {}) {
  demandObject('init', init)
  const plan = planOf(schema, id)
  const message = {}
  const known = new Set(schema.settings.face?.oneofCases ? plan.oneofs : [])
  for (const field of plan.fields) {
    known.add(field.property)
    if (Object.hasOwn(message, field.property)) continue
    if (field.isRepeated) set(message, field.property, [])
    else if (field.isMap) set(message, field.property, {})
    else if (field.isImplicit && !field.isMessage) set(message, field.property, field.default())
  }
  for (const [name, value] of Object.entries(init)) {
    if (!known.has(name))
      throw invalidArgValue('init', name, `has a property that is not a field of ${nameOf(schema, id)}`)
    if (value !== undefined && value !== null) set(message, name, value)
  }
  return message
}

const nameOf = (schema, id) => schema.outline.messages[id][1]

function sameScalar({ kind, enumeration }, a, b) {
  if (a === b || Object.is(a, b)) return true
  if (enumeration !== null) return numberOf(enumeration, a) === numberOf(enumeration, b)
  if (kind === 'bytes') return types.isUint8Array(a) && types.isUint8Array(b) && Buffer.compare(a, b) === 0
  // A number, a BigInt and a decimal string may represent the same integer.
  if (WIDE.has(kind)) return integer(a) === integer(b)
  return false
}

const numberOf = ({ names }, value) => (typeof value === 'string' ? (names[value] ?? value) : value)

function integer(value) {
  try {
    return BigInt(value)
  } catch {
    return value
  }
}

/** The value of a field. An absent field without presence has its default. */
const filled = (field, value) => (value == null && field.isImplicit ? field.default() : value)

function sameValue(schema, field, a, b, depth) {
  if (!field.isMessage) return sameScalar(field, a, b)
  if (types.isDate(a) && types.isDate(b)) return Object.is(a.getTime(), b.getTime())
  if (typeof a !== 'object' || typeof b !== 'object') return Object.is(a, b)
  return same(schema, field.kind, a, b, depth)
}

function sameMap(schema, field, a, b, depth) {
  const [, item] = entryOf(schema, field)
  const left = new Map(entries(field, a ?? {}))
  const right = new Map(entries(field, b ?? {}))
  if (left.size !== right.size) return false
  for (const [key, value] of left) {
    if (!right.has(key) || !sameValue(schema, item, value, right.get(key), depth)) return false
  }
  return true
}

function sameList(schema, field, a, b, depth) {
  const left = elements(field, a ?? [])
  const right = elements(field, b ?? [])
  return left.length === right.length && left.every((item, i) => sameValue(schema, field, item, right[i], depth))
}

function same(schema, id, a, b, depth) {
  if (a === b) return true
  const inner = deeper(schema, depth)
  for (const field of planOf(schema, id).fields) {
    const x = fieldOf(a, field)
    const y = fieldOf(b, field)
    if (
      field.isRepeated ? !sameList(schema, field, x, y, inner) : field.isMap && !sameMap(schema, field, x, y, inner)
    ) {
      return false
    }
    if (field.isRepeated || field.isMap) continue
    const [left, right] = [filled(field, x), filled(field, y)]
    if (left == null || right == null) {
      if (left != null || right != null) return false
    } else if (!sameValue(schema, field, left, right, inner)) return false
  }
  const unknown = [a, b].map((object) => Buffer.concat(object[unknownFields] ?? []))
  return unknown[0].equals(unknown[1])
}

/** Whether two objects are the same message. Absent and default are equal if the schema does not distinguish them. */
function equals(schema, id, a, b) {
  demandObject('a', a)
  demandObject('b', b)
  return same(schema, id, a, b, 0)
}

const ENUMS = {
  string: ({ byName }, value) => byName(value),
  number: (enumeration, value) => numberOf(enumeration, value),
}
const INTEGERS = { bigint: BigInt, string: String, number: Number }
const BYTES = { base64: (bytes) => Buffer.from(bytes).toString('base64'), array: (bytes) => Array.from(bytes) }
const FORMS = { enums: ENUMS, int64: INTEGERS, bytes: BYTES }

/** A deep copy, with values in the requested forms: `{ enums, int64, bytes, defaults }`. */
function toObject(schema, id, object, options = {}) {
  demandObject('message', object)
  demandObject('options', options)
  refuseUnknown(options, [...Object.keys(FORMS), 'defaults'])
  for (const [name, forms] of Object.entries(FORMS)) {
    const form = options[name]
    if (form !== undefined && !Object.hasOwn(forms, form)) {
      throw invalidArgValue(`options.${name}`, form, `must be one of ${Object.keys(forms).join(', ')}`)
    }
  }
  const [enums, int64, bytes] = Object.entries(FORMS).map(([name, forms]) => forms[options[name]])
  const value = (field, x) => {
    const { kind, enumeration } = field
    if (enumeration !== null && enums) return enums(named(enumeration), x)
    if (WIDE.has(kind) && int64) return int64(x)
    return kind === 'bytes' && bytes ? bytes(x) : copied(field, x)
  }
  // Defaults are not filled in for members of a oneof, because only one of them can be set.
  const filledIn = (from, field) => {
    const x = fieldOf(from, field)
    if (x != null || !options.defaults || field.oneof !== null) return x
    if (field.isRepeated) return []
    if (field.isMap) return {}
    return field.isMessage ? undefined : field.default()
  }
  return walk(schema, id, object, 0, value, filledIn)
}

/** Adds a lookup from numbers to names to an enum. */
function named(enumeration) {
  if (enumeration.byName === undefined) {
    const names = new Map()
    for (const [name, number] of Object.entries(enumeration.names)) if (!names.has(number)) names.set(number, name)
    enumeration.byName = (value) => names.get(value) ?? value
  }
  return enumeration
}

/** Converts bytes in the form of JSON and plain objects: base64, or an array of numbers. */
function octets(name, value) {
  if (typeof value !== 'string') return Array.isArray(value) ? Buffer.from(value) : value
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw invalidArgValue(name, value, 'is not base64')
  return Buffer.from(value, 'base64')
}

/** Reads a property by its name on objects, or by its declared name. */
const either = (object, field) => fieldOf(object, field) ?? get(object, field.name)

/**
 * Converts a plain object to what `encode` accepts: base64 becomes bytes, and declared names become property names.
 * `encode` checks the rest.
 */
function fromObject(schema, id, object) {
  demandObject('object', object)
  const value = (field, x) => (field.kind === 'bytes' ? octets(field.property, x) : x)
  return walk(schema, id, object, 0, value, either)
}

module.exports = { clone, create, equals, fromObject, toObject }
