'use strict'

// Emits `verify` of a type: it returns null, or a text that says what is wrong with an object.

const { evaluate } = require('./convert.js')
const { Text, isClosed, isEnum, isMessage, quote, safeProp } = require('./text.js')

/** For each type: the condition that a value is wrong, and the name of the expected type. */
const checks = {
  int32: [(v) => `!util.isInteger(${v})`, 'integer'],
  int64: [
    (v) => `!util.isInteger(${v}) && !(${v} && util.isInteger(${v}.low) && util.isInteger(${v}.high))`,
    'integer|Long',
  ],
  double: [(v) => `typeof ${v} !== 'number'`, 'number'],
  bool: [(v) => `typeof ${v} !== 'boolean'`, 'boolean'],
  string: [(v) => `!util.isString(${v})`, 'string'],
  bytes: [(v) => `!(${v} && typeof ${v}.length === 'number' || util.isString(${v}))`, 'buffer'],
}
for (const type of ['uint32', 'sint32', 'fixed32', 'sfixed32']) checks[type] = checks.int32
for (const type of ['uint64', 'sint64', 'fixed64', 'sfixed64']) checks[type] = checks.int64
checks.float = checks.double

const keyChecks = {
  int32: ['key32Re', 'integer key'],
  int64: ['key64Re', 'integer|Long key'],
  bool: ['key2Re', 'boolean key'],
}
for (const type of ['uint32', 'sint32', 'fixed32', 'sfixed32']) keyChecks[type] = keyChecks.int32
for (const type of ['uint64', 'sint64', 'fixed64', 'sfixed64']) keyChecks[type] = keyChecks.int64

/** The error text for a field. For repeated fields and maps it says that an element is meant. */
function expected(field, what) {
  if (field.repeated && what !== 'array') return quote(`${field.name}: ${what}[] expected`)
  if (field.map && what !== 'object') return quote(`${field.name}: ${what}{k:${field.keyType}} expected`)
  return quote(`${field.name}: ${what} expected`)
}

function verifier(type) {
  const e = new Text()
  e.line("if (typeof m !== 'object' || m === null) return 'object expected'")
  e.line('if (q === undefined) q = 0')
  e.line("if (q > util.recursionLimit) return 'max depth exceeded'")
  e.line('let v')
  for (const [i] of type.oneofsArray.entries()) e.line(`let c${i} = false`)
  for (const field of type.fieldsArray) {
    e.line(`v = m${safeProp(field.name)}`)
    e.line(field.optional ? `if (v != null && Object.hasOwn(m, ${quote(field.name)})) {` : '{')
    if (field.map) {
      e.line(`if (!util.isObject(v)) return ${expected(field, 'object')}`)
      e.line('for (const k of Object.keys(v)) {')
      const key = keyChecks[field.keyType]
      if (key) e.line(`if (!util.${key[0]}.test(k)) return ${expected(field, key[1])}`)
      verifyValue(e, field, 'v[k]')
      e.line('}')
    } else if (field.repeated) {
      e.line(`if (!Array.isArray(v)) return ${expected(field, 'array')}`)
      e.line('for (let i = 0; i < v.length; i++) {')
      verifyValue(e, field, 'v[i]')
      e.line('}')
    } else {
      const at = type.oneofsArray.indexOf(field.partOf)
      if (at >= 0) e.line(`if (c${at}) return ${quote(`${field.partOf.name}: multiple values`)}\nc${at} = true`)
      verifyValue(e, field, 'v')
    }
    e.line('}')
  }
  e.line('return null')
  return evaluate(e, 'm, q')
}

function verifyValue(e, field, v) {
  if (isMessage(field)) {
    e.line(`{ const w = ${e.value(field.resolvedType)}.verify(${v}, q + 1)`)
    return e.line(`if (w) return ${quote(`${field.name}.`)} + w }`)
  }
  if (isEnum(field)) {
    const numbers = e.value(new Set(Object.values(field.resolvedType.values)))
    const wrong = isClosed(field) ? `!${numbers}.has(${v})` : `typeof ${v} !== 'number' || (${v} | 0) !== ${v}`
    return e.line(`if (${wrong}) return ${expected(field, 'enum value')}`)
  }
  const [wrong, what] = checks[field.type]
  return e.line(`if (${wrong(v)}) return ${expected(field, what)}`)
}

module.exports = { verifier }
