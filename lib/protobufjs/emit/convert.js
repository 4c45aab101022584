'use strict'

// Emits `fromObject` and `toObject` of a type.

const types = require('../types.js')
const util = require('../util/index.js')
const { Text, isClosed, isEnum, isMessage, quote, safeProp, scalar } = require('./text.js')

const isUnsigned = (type) => type === 'uint64' || type === 'fixed64'
const isLong = (type) => types.long[type] !== undefined

/** Evaluates the text of a function with these parameters. */
function evaluate(e, params) {
  const values = { util, K: e.values, Long: longs }
  return new Function(...Object.keys(values), `'use strict'\nreturn function (${params}) {\n${e.lines.join('\n')}\n}`)(
    ...Object.values(values),
  )
}

const longs = {
  /** Converts any representation of a 64-bit integer to a Long, or to a number without npm `long`. */
  from(value, unsigned) {
    if (util.Long) return util.Long.fromValue(value, unsigned)
    if (typeof value === 'string') return Number.parseInt(value, 10)
    if (typeof value === 'number') return value
    return typeof value === 'object' ? new util.LongBits(value.low, value.high).toNumber(unsigned) : undefined
  },

  /** Converts a 64-bit integer to the form given by the option `longs`. */
  to(value, form, unsigned) {
    if (form === BigInt) {
      if (typeof value === 'number') return BigInt(value)
      const big = (BigInt(value.high) << 32n) | BigInt(value.low >>> 0)
      return unsigned ? BigInt.asUintN(64, big) : BigInt.asIntN(64, big)
    }
    if (typeof value === 'number') return form === String ? String(value) : value
    if (form === String) return util.Long.prototype.toString.call(value)
    return form === Number ? new util.LongBits(value.low, value.high).toNumber(unsigned) : value
  },
}

// --- fromObject

function fromObject(type) {
  const e = new Text()
  e.line(`if (d instanceof ${e.value(type.ctor)}) return d`)
  e.line(`if (!util.isObject(d)) throw TypeError(${quote(`${type.fullName}: object expected`)})`)
  depth(e)
  e.line(`const m = new ${e.value(type.ctor)}()`)
  e.line('let v')
  for (const field of type.fieldsArray) {
    const target = `m${safeProp(field.name)}`
    e.line(`v = d${safeProp(field.name)}`)
    if (field.map) mapFromObject(e, field, target)
    else if (field.repeated) listFromObject(e, field, target)
    else {
      const implicit = !field.hasPresence && scalar(field) !== undefined
      e.line(`if (v != null${implicit ? ` && ${isSent(e, field)}` : ''}) {`)
      valueFromObject(e, field, 'v', (value) => `${target} = ${value}`)
      e.line('}')
    }
  }
  e.line('return m')
  return evaluate(e, 'd, q')
}

function depth(e) {
  e.line('if (q === undefined) q = 0')
  e.line("if (q > util.recursionLimit) throw Error('max depth exceeded')")
}

function mapFromObject(e, field, target) {
  e.line('if (v) {')
  e.line(`if (!util.isObject(v)) throw TypeError(${quote(`${field.fullName}: object expected`)})`)
  e.line(`const o = ${target} = {}`)
  e.line('for (const k of Object.keys(v)) {')
  e.line("if (k === '__proto__') util.makeProp(o, k)")
  valueFromObject(e, field, 'v[k]', (value) => `o[k] = ${value}`)
  e.line('}\n}')
}

function listFromObject(e, field, target) {
  e.line('if (v) {')
  e.line(`if (!Array.isArray(v)) throw TypeError(${quote(`${field.fullName}: array expected`)})`)
  // Unknown enum values are left out, so the array may be shorter.
  e.line(`const a = ${target} = ${isEnum(field) ? '[]' : 'Array(v.length)'}`)
  e.line('for (let i = 0; i < v.length; i++) {')
  valueFromObject(e, field, 'v[i]', (value) => (isEnum(field) ? `a.push(${value})` : `a[i] = ${value}`))
  e.line('}\n}')
}

/** The condition that a value differs from the default. */
function isSent(e, field) {
  if (isEnum(field)) {
    const first = e.constant(field.typeDefault)
    return `v !== ${first} && (typeof v !== 'string' || ${e.value(field.resolvedType)}.values[v] !== ${first})`
  }
  if (isLong(field.type)) return "(typeof v === 'object' ? v.low || v.high : Number(v) !== 0)"
  switch (field.type) {
    case 'string':
      return "(typeof v !== 'string' || v.length)"
    case 'bytes':
      return 'v.length'
    case 'bool':
      return 'v'
    case 'double':
    case 'float':
      return '!Object.is(Number(v), 0)'
    default:
      return 'Number(v) !== 0'
  }
}

function valueFromObject(e, field, v, set) {
  if (isMessage(field)) {
    e.line(`if (!util.isObject(${v})) throw TypeError(${quote(`${field.fullName}: object expected`)})`)
    return e.line(set(`${e.value(field.resolvedType)}.fromObject(${v}, q + 1)`))
  }
  if (isEnum(field)) return enumFromObject(e, field, v, set)
  if (isLong(field.type)) {
    const value = `Long.from(${v}, ${isUnsigned(field.type)})`
    // Without npm `long`, values that cannot be converted are left out.
    return e.line(`{ const l = ${value}; if (l !== undefined) ${set('l')} }`)
  }
  switch (field.type) {
    case 'double':
    case 'float':
      return e.line(set(`Number(${v})`))
    case 'uint32':
    case 'fixed32':
      return e.line(set(`${v} >>> 0`))
    case 'bytes':
      e.line(`if (typeof ${v} === 'string') {`)
      e.line(`const t = util.newBuffer(util.base64.length(${v}))\nutil.base64.decode(${v}, t, 0)\n${set('t')}`)
      return e.line(`} else if (${v}.length >= 0) ${set(v)}`)
    case 'string':
      return e.line(set(`String(${v})`))
    case 'bool':
      return e.line(set(`Boolean(${v})`))
    default:
      return e.line(set(`${v} | 0`))
  }
}

/** Emits a switch over the current names and numbers of an enum. An open enum accepts other numbers, too. */
function enumFromObject(e, field, v, set) {
  e.line(`switch (${v}) {`)
  const seen = new Set()
  for (const [name, number] of Object.entries(field.resolvedType.values)) {
    e.line(`case ${quote(name)}:`)
    if (!seen.has(number)) e.line(`case ${number}:`)
    seen.add(number)
    e.line(`${set(number)}\nbreak`)
  }
  e.line('default:')
  if (!isClosed(field)) e.line(`if (typeof ${v} === 'number' && (${v} | 0) === ${v}) ${set(v)}`)
  e.line('}')
}

// --- toObject

function toObject(type) {
  const e = new Text()
  const fields = [...type.fieldsArray].sort(util.compareFieldsById)
  e.line('if (!o) o = {}')
  depth(e)
  e.line('const d = {}')
  e.line('let v')
  // Members of oneofs have no default: only the one that is set appears.
  const always = fields.filter((field) => !field.partOf)
  const defaults = (condition, chosen, value) => {
    if (chosen.length === 0) return
    e.line(`if (${condition}) {`)
    for (const field of chosen) value(field)
    e.line('}')
  }
  const empty = (text) => (field) => e.line(`d${safeProp(field.name)} = ${text}`)
  const lists = always.filter((field) => field.repeated)
  const maps = always.filter((field) => field.map)
  defaults('o.arrays || o.defaults', lists, empty('[]'))
  defaults('o.objects || o.defaults', maps, empty('{}'))
  const others = always.filter((field) => !field.repeated && !field.map)
  defaults('o.defaults', others, (field) => e.line(`d${safeProp(field.name)} = ${defaultOf(e, field)}`))
  for (const field of fields) {
    const name = safeProp(field.name)
    e.line(`v = m${name}`)
    if (field.map) mapToObject(e, field, name)
    else if (field.repeated) {
      e.line(`if (v && v.length) {\nconst a = d${name} = Array(v.length)`)
      e.line(`for (let i = 0; i < v.length; i++) a[i] = ${valueToObject(e, field, 'v[i]')}\n}`)
    } else {
      e.line(`if (v != null && Object.hasOwn(m, ${quote(field.name)})) {`)
      e.line(`d${name} = ${valueToObject(e, field, 'v')}`)
      if (field.partOf && !field.partOf.isProto3Optional) {
        e.line(`if (o.oneofs) d${safeProp(field.partOf.name)} = ${quote(field.name)}`)
      }
      e.line('}')
    }
  }
  e.line('return d')
  return evaluate(e, 'm, o, q')
}

function mapToObject(e, field, name) {
  e.line(`if (v && Object.keys(v).length > 0) {\nconst a = d${name} = {}`)
  e.line('for (const k of Object.keys(v)) {')
  const isLongKey = isLong(field.keyType)
  if (isLongKey) e.line(`const l = util.longFromKey(k, ${isUnsigned(field.keyType)}).toString()`)
  e.line("if (k === '__proto__') util.makeProp(a, k)")
  e.line(`a[${isLongKey ? 'l' : 'k'}] = ${valueToObject(e, field, 'v[k]')}`)
  e.line('}\n}')
}

/** The expression for an absent field. */
function defaultOf(e, field) {
  const value = field.typeDefault
  if (isEnum(field)) {
    const name = field.resolvedType.valuesById[value]
    return `o.enums === String ? ${e.constant(name)} : ${e.constant(value)}`
  }
  if (field.long) return value === null ? 'null' : `Long.to(${e.constant(value)}, o.longs, ${isUnsigned(field.type)})`
  if (field.bytes) {
    if (value === null) return 'null'
    const bytes = e.value(Array.from(value))
    const text = quote(util.base64.encode(value, 0, value.length))
    return `o.bytes === String ? ${text} : o.bytes === Array ? ${bytes}.slice() : util.newBuffer(${bytes})`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return `o.json ? '${value}' : ${value}`
  return e.constant(value)
}

/** The expression for a value. */
function valueToObject(e, field, v) {
  if (isMessage(field)) return `${e.value(field.resolvedType)}.toObject(${v}, o, q + 1)`
  if (isEnum(field)) {
    const values = `${e.value(field.resolvedType)}.values[${v}]`
    return `o.enums === String && ${values} !== undefined ? ${values} : ${v}`
  }
  if (isLong(field.type)) return `Long.to(${v}, o.longs, ${isUnsigned(field.type)})`
  switch (field.type) {
    case 'double':
    case 'float':
      return `o.json && !isFinite(${v}) ? String(${v}) : ${v}`
    case 'bytes':
      return `o.bytes === String ? util.base64.encode(${v}, 0, ${v}.length) : o.bytes === Array ? Array.prototype.slice.call(${v}) : ${v}`
    default:
      return v
  }
}

module.exports = { fromObject, toObject, evaluate, depth }
