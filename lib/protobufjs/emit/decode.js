'use strict'

// Emits the functions that read messages: the counterpart of `src/proto/emit/decode.rs` for protobufjs's objects.

const types = require('../types.js')
const { isClosed, isEnum, isMessage, quote, safeProp, scalar, tagOf } = require('./text.js')

/**
 * Emits `function r7(b, p, end, d, o, x)`, where `x` holds options (see `unit.js`), and `g7(…, stop)` for a message
 * between group tags, which ends at the tag `stop` and stores the position after it in `at.p`.
 */
function decoder(e, type, i, isGroup) {
  const oneofs = type.oneofsArray.filter((oneof) => oneof.fieldsArray.length > 1)
  e.line(isGroup ? `function g${i}(b, p, end, d, o, x, stop) {` : `function r${i}(b, p, end, d, o, x) {`)
  e.line('if (d > Reader.recursionLimit) tooDeep()')
  e.line('let t = 0, v, n = 0, s = 0')
  // The position of the member of each oneof that is set: 0 for none, -1 for unknown.
  for (const [at] of oneofs.entries()) e.line(`let c${at} = ${type._isGenerated ? 'o == null ? 0 : -1' : '-1'}`)
  e.line(`if (o == null) o = new C${i}()`)
  e.line('while (p < end) {')
  e.line('s = p')
  e.line('t = b[p++]')
  e.line('if (t > 127) { t = tag(b, p, t); p = at.p }')
  if (isGroup) e.line('if (t === stop) break')
  for (const fields of dense(type)) {
    e.line('switch (t >>> 3) {')
    for (const field of fields) {
      e.line(`case ${field.id}:`)
      decodeField(e, field, oneofs)
      e.line('break')
    }
    e.line('}')
  }
  e.line('p = skip(b, p, end, t, d, Reader.recursionLimit)')
  e.line('if (x.keep) keep(o, b, s, p, x)')
  e.line('}')
  if (isGroup) e.line('if (t !== stop) missingEnd()\nif (p > end) misfit(p, end)\nat.p = p')
  else e.line('if (p !== end) misfit(p, end)')
  for (const field of type.fieldsArray) {
    if (field.required) e.line(`if (!has.call(o, ${quote(field.name)})) missing(${quote(field.name)}, o)`)
  }
  e.line('return o')
  e.line('}')
}

/**
 * Groups fields by number: those with numbers close together, for which V8 creates a jump table, and the rest, a single
 * one of which would prevent that.
 */
function dense(type) {
  const fields = [...type.fieldsArray].sort((a, b) => a.id - b.id)
  let near = 0
  while (near < fields.length && fields[near].id - fields[0].id < 2 * (near + 4)) near++
  return [fields.slice(0, near), fields.slice(near)].filter((part) => part.length > 0)
}

const get = (field) => `o${safeProp(field.name)}`
/** The statement that sets a field. */
const set = (field, value) => `${get(field)} = ${value}`

function decodeField(e, field, oneofs) {
  const type = scalar(field)
  if (field.map) return decodeMap(e, field, type)
  const wireType = type === undefined ? (field.delimited ? 3 : 2) : types.basic[type]
  if (field.repeated) return decodeRepeated(e, field, type, wireType)
  e.line(`if (t === ${tagOf(field.id, wireType)}) {`)
  value(e, field, type, 'end', get(field))
  if (isClosed(field)) unlessKnown(e, field, 'b, s, p')
  member(e, field, oneofs)
  const empty = field.hasPresence || type === undefined ? '' : isEmpty(e, field, type)
  // A default on the wire unsets an earlier value.
  if (empty) e.line(`if (${empty}) { if (has.call(o, ${quote(field.name)})) delete ${get(field)} } else`)
  e.line(set(field, 'v'))
  e.line('continue')
  return e.line('}')
}

/** An unknown number of a closed enum is treated as an unknown field. */
function unlessKnown(e, field, span) {
  const known = `${e.value(field.resolvedType)}.valuesById[v] !== undefined`
  e.line(`if (!(${known})) { if (x.keep) keep(o, ${span}, x); continue }`)
}

/** The condition that `v` is the default, which is not set for implicit presence. */
function isEmpty(e, field, type) {
  if (isEnum(field)) return `v === ${e.constant(field.typeDefault)}`
  if (types.long[type] !== undefined) return "typeof v === 'object' ? !(v.low || v.high) : v === 0"
  if (type === 'string' || type === 'bytes') return 'v.length === 0'
  return type === 'double' || type === 'float' ? 'Object.is(v, 0)' : '!v'
}

/** Deletes the other members of the oneof. */
function member(e, field, oneofs) {
  const at = oneofs.indexOf(field.partOf)
  if (at < 0) return
  const place = field.partOf.fieldsArray.indexOf(field) + 1
  const names = e.value(field.partOf.fieldsArray.map((other) => other.name))
  e.line(`if (c${at} !== ${place}) { if (c${at} !== 0) clear(o, ${names}, ${quote(field.name)}); c${at} = ${place} }`)
}

const gatherers = { int32: 'packed32', uint32: 'packedUint32', bool: 'packedBool' }

function decodeRepeated(e, field, type, wireType) {
  const array = get(field)
  // The empty list on the prototype is shared by all messages.
  const ensure = `if (${array} == null || ${array} === emptyArray) ${set(field, '[]')}`
  e.line(`if (t === ${tagOf(field.id, wireType)}) {`)
  value(e, field, type, 'end', 'null')
  if (isClosed(field)) unlessKnown(e, field, 'b, s, p')
  e.line(ensure)
  e.line(`${array}.push(v)`)
  e.line('continue')
  e.line('}')
  if (types.packed[type] === undefined) return
  e.line(`if (t === ${tagOf(field.id, 2)}) {`)
  length(e, 'e', 'end')
  const gatherer = isClosed(field) ? undefined : gatherers[type]
  if (gatherer) {
    e.line(set(field, `${gatherer}(b, p, e, ${array})`))
    e.line('p = e')
  } else {
    e.line(ensure)
    e.line('while (p < e) {')
    if (isClosed(field)) e.line('s = p')
    value(e, field, type, 'e', 'null')
    if (isClosed(field)) {
      const known = `${e.value(field.resolvedType)}.valuesById[v] !== undefined`
      e.line(`if (!(${known})) { if (x.keep) keepElement(o, ${field.id}, b, s, p); continue }`)
    }
    e.line(`${array}.push(v)`)
    e.line('}')
    e.line('if (p !== e) misfit(p, e)')
  }
  e.line('continue')
  e.line('}')
}

/** Reads a length and declares a constant for the end of the value. */
function length(e, variable, end) {
  e.line('n = b[p++]')
  e.line('if (!(n < 128)) { n = len(b, p, n); p = at.p }')
  e.line(`if (n > ${end} - p) within(p, n, ${end})`)
  e.line(`const ${variable} = p + n | 0`)
}

function decodeMap(e, field, type) {
  const item = field
  const { keyType } = field
  const isLongKey = types.long[keyType] !== undefined
  const unsigned = type === 'uint64' || type === 'fixed64'
  let zero = type === undefined ? 'null' : e.constant(types.defaults[type])
  if (types.long[type] !== undefined) zero = `(util.Long ? util.Long.fromNumber(0, ${unsigned}) : 0)`
  if (type === 'bytes') zero = '[]'
  e.line(`if (t === ${tagOf(field.id, 2)}) {`)
  length(e, 'e', 'end')
  e.line(`let k = ${e.constant(types.defaults[keyType])}, m = ${zero}`)
  e.line('while (p < e) {')
  e.line('t = b[p++]')
  e.line('if (t > 127) { t = tag(b, p, t); p = at.p }')
  e.line('switch (t) {')
  e.line(`case ${tagOf(1, types.mapKey[keyType])}: {`)
  const key = { type: keyType, resolvedType: null, _features: field._features }
  value(e, key, keyType, 'e', 'null')
  e.line('k = v\ncontinue\n}')
  e.line(`case ${tagOf(2, types.basic[type] ?? 2)}: {`)
  value(e, item, type, 'e', 'm', true)
  e.line('m = v\ncontinue\n}')
  e.line('}')
  e.line('p = skip(b, p, e, t, d, Reader.recursionLimit)')
  e.line('}')
  e.line('if (p !== e) misfit(p, e)')
  if (isClosed(field)) {
    e.line('v = m')
    unlessKnown(e, field, 'b, s, p')
  }
  if (isMessage(field)) e.line(`if (m === null) m = new ${e.value(field.resolvedType)}.ctor()`)
  e.line(`if (${get(field)} == null || ${get(field)} === emptyObject) ${set(field, '{}')}`)
  if (isLongKey) e.line("if (typeof k === 'object') k = longHash(k)")
  else if (keyType === 'string') e.line(`if (k === '__proto__') util.makeProp(${get(field)}, k)`)
  e.line(`${get(field)}[k] = m`)
  e.line('continue')
  e.line('}')
}

const fixed = {
  fixed32: ['fixed32(b, p) >>> 0', 4],
  sfixed32: ['fixed32(b, p)', 4],
  float: ['float(b, p)', 4],
  double: ['double(b, p)', 8],
  fixed64: ['fixed64(b, p)', 8],
  sfixed64: ['sfixed64(b, p)', 8],
}

/** Reads a varint; most have a single byte. */
function short(e, read) {
  e.line('v = b[p++]')
  e.line(`if (!(v < 128)) { ${read}; p = at.p }`)
}

/** Statements that read one value into `v`, not beyond `end`. `existing` is the message to merge into. */
function value(e, field, type, end, existing, isEntry = false) {
  switch (type) {
    case 'int32':
      return short(e, 'v = varint(b, p, v)')
    case 'uint32':
      return short(e, 'v = varint(b, p, v) >>> 0')
    case 'sint32':
      short(e, 'v = varint(b, p, v)')
      return e.line('v = v >>> 1 ^ -(v & 1)')
    case 'bool':
      e.line('v = b[p++]')
      e.line('if (v < 2) v = v === 1')
      return e.line('else { v = bool(b, p, v); p = at.p }')
    case 'int64':
    case 'uint64':
    case 'sint64':
      return e.line(`v = ${type}(b, p); p = at.p`)
    case 'string':
      length(e, 'q', end)
      e.line(`v = ${field._features.utf8_validation === 'VERIFY' ? 'strictStr' : 'str'}(b, p, q)`)
      return e.line('p = q')
    case 'bytes':
      length(e, 'q', end)
      e.line('v = bytes(b, p, q, x)')
      return e.line('p = q')
    case undefined:
      return message(e, field, end, existing, isEntry)
    default: {
      const [read, size] = fixed[type]
      e.line(`if (${end} - p < ${size}) within(p, ${size}, ${end})`)
      e.line(`v = ${read}`)
      return e.line(`p = p + ${size} | 0`)
    }
  }
}

function message(e, field, end, existing, isEntry) {
  if (field.delimited && !isEntry) {
    const stop = tagOf(field.id, 4)
    e.line(`v = ${e.groupReader(field.resolvedType)}(b, p, ${end}, d + 1, ${existing}, x, ${stop})`)
    return e.line('p = at.p')
  }
  length(e, 'q', end)
  e.line(`v = ${e.reader(field.resolvedType)}(b, p, q, d + 1, ${existing}, x)`)
  return e.line('p = q')
}

module.exports = { decoder }
