'use strict'

// Emits the functions that write messages: the counterpart of `src/proto/emit/encode.rs` for protobufjs's values. Room
// is counted in the same way.

const { SLACK } = require('../../protobuf/write.js')
const types = require('../types.js')
const { INHERITED, isEnum, isMessage, quote, safeProp, scalar, tagOf } = require('./text.js')

/**
 * The largest number of bytes by which a body moves to make room for its length, besides the byte that is already
 * there.
 */
const CLOSE = 4

/** Emits `function w7(b, p, o, d)`: it writes the fields in the order of their numbers, then unknown fields. */
function encoder(e, type, i) {
  e.line(`function w${i}(b, p, o, d) {`)
  e.line('if (d > util.recursionLimit) tooDeep()')
  // The first local variable must be another one: see `encode.rs`.
  e.line('const end = b.length')
  e.line('let v')
  const asked = tellingFields(type)
  if (asked.length > 0) e.line('let mask = -1')
  const fields = [...type.fieldsArray].sort((a, b) => a.id - b.id)
  // An object with a different prototype may inherit field values.
  const isPlain = hasPlainPrototype(type)
  if (isPlain) e.line(`const y = protoOf(o), s = y !== objects && y !== p${i} && y !== null`)
  else e.line('const s = true')
  check(e)
  for (const field of fields) encodeField(e, field, { i, bit: asked.indexOf(field) })
  e.line('v = o.$unknowns')
  e.line('if (v != null && has.call(o, "$unknowns")) p = wRaw(b, p, v)')
  e.line('return p')
  e.line('}')
  if (asked.length === 0) return
  e.line(`function m${i}(o) {\nlet mask = 0\nfor (const k of Object.keys(o)) switch (k) {`)
  for (const [bit, field] of asked.entries()) e.line(`case ${quote(field.name)}: mask |= ${1 << bit}; break`)
  e.line('}\nreturn mask\n}')
}

/**
 * Fields whose value may be the default and still be the message's own. If there are several, a single look at the keys
 * decides for all of them, which is cheaper in V8 than checking each.
 */
function tellingFields(type) {
  const fields = type.fieldsArray.filter((field) => field.hasPresence && !field.required && hasValueDefault(field))
  return fields.length < 3 || fields.length > 31 ? [] : fields
}

/** Whether everything that a message inherits for its fields is their defaults. */
function hasPlainPrototype(type) {
  const { prototype } = type.ctor
  return type.fieldsArray.every((field) => {
    const own = Object.getOwnPropertyDescriptor(prototype, field.name)
    return own !== undefined && 'value' in own && Object.is(own.value, field.defaultValue)
  })
}

function check(e) {
  e.line(`if (p + ${SLACK} > end) full()`)
  e.room = SLACK
}

/** Counts the bytes that the next statements write at most, and emits a check if needed. */
function take(e, bytes) {
  if (e.room < bytes) check(e)
  e.room -= bytes
}

/** The largest size of a value, as far as it is counted. Strings, bytes and messages check for room by themselves. */
function size(type) {
  switch (type) {
    case 'bool':
      return 1
    case 'uint32':
    case 'sint32':
      return 5
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return 4
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return 8
    case 'string':
    case 'bytes':
    case undefined:
      return 0
    default:
      return 10
  }
}

function put(e, number) {
  const bytes = []
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number & 127) | 128)
  bytes.push(number)
  take(e, bytes.length)
  if (bytes.length === 1) return e.line(`b[p++] = ${bytes[0]}`)
  for (const [at, byte] of bytes.entries()) e.line(`b[p + ${at}] = ${byte}`)
  return e.line(`p += ${bytes.length}`)
}

/** The condition that a value differs from the default, for implicit presence. */
function notDefault(e, field, type) {
  if (isEnum(field)) return `v !== ${e.constant(field.typeDefault)}`
  if (types.long[type] !== undefined) return "(typeof v === 'object' ? v.low || v.high : v !== 0)"
  switch (type) {
    case 'bool':
      return 'v !== false'
    case 'string':
      return "v !== ''"
    case 'bytes':
      return 'v.length'
    case 'double':
    case 'float':
      return '!Object.is(v, 0)'
    default:
      return 'v !== 0'
  }
}

/** Whether a comparison can tell the default from other values. It cannot for NaN, and `null` does not get this far. */
function hasValueDefault(field) {
  return !INHERITED.has(field.name) && !Number.isNaN(field.typeDefault) && field.typeDefault !== null
}

/** The condition that `v` is the message's own value and not the prototype's. */
function isOwn(e, field, isImplicit, { i, bit }) {
  const own = `has.call(o, ${quote(field.name)})`
  if (INHERITED.has(field.name) || Number.isNaN(field.typeDefault)) return own
  // The default is on the prototype, so a value that differs from it is the message's own.
  if (isImplicit || !hasValueDefault(field)) return `(!s || ${own})`
  const asked = bit < 0 ? own : `((mask < 0 ? mask = m${i}(o) : mask) & ${1 << bit}) !== 0`
  return `(!s && v !== ${e.constant(field.typeDefault)} || ${asked})`
}

function encodeField(e, field, keys) {
  const type = scalar(field)
  e.line(`v = o${safeProp(field.name)}`)
  if (field.map) return encodeMap(e, field, type)
  if (field.repeated) return encodeRepeated(e, field, type)
  if (field.required) e.line('{')
  else if (field.hasPresence || type === undefined) e.line(`if (v != null && ${isOwn(e, field, false, keys)}) {`)
  else e.line(`if (v != null && ${notDefault(e, field, type)} && ${isOwn(e, field, true, keys)}) {`)
  // Only a check before the branch counts: after it, it is unknown whether the branch was taken.
  const before = e.room
  tagged(e, field, type, 'v')
  e.room = Math.min(e.room, before)
  return e.line('}')
}

/** Emits a tag and a value. */
function tagged(e, field, type, x) {
  if (type !== undefined) put(e, tagOf(field.id, types.basic[type]))
  else put(e, tagOf(field.id, field.delimited ? 3 : 2))
  value(e, field, type, x)
}

function encodeRepeated(e, field, type) {
  const before = e.room
  const own = INHERITED.has(field.name) ? ` && has.call(o, ${quote(field.name)})` : ''
  e.line(`if (v != null && v.length${own}) {`)
  if (field.packed && types.packed[type] !== undefined) {
    const site = e.sites++
    e.line('const n = +v.length')
    e.line(`if (p + n * ${size(type)} + ${SLACK + 16} > end) full()`)
    e.room = SLACK
    put(e, tagOf(field.id, 2))
    e.line(`const h = p, q = p += z${site}`)
    if (type === 'int32' || type === 'uint32') packedVarints(e, type)
    else {
      e.line('for (let i = 0; i < n; i++) {')
      e.line('const x = v[i]')
      e.room = SLACK
      value(e, field, type, 'x')
      e.line('}')
    }
    e.line(close(site, 'p', 'p'))
  } else {
    // An element of unknown length leaves SLACK bytes free after it, so there is room for the next tag.
    if (e.room < 16) check(e)
    const entry = e.room
    e.line('for (let i = 0; i < v.length; i++) {')
    e.line('const x = v[i]')
    if (size(type) > 0) check(e)
    tagged(e, field, type, 'x')
    e.line('}')
    e.room = Math.min(e.room, entry)
  }
  e.room = Math.min(e.room, before)
  e.line('}')
}

/** Emits packed varints, four at a time if they are small: see `packed_varints` in `encode.rs` for the reasons. */
function packedVarints(e, type) {
  const four = (each, joint) => [0, 1, 2, 3].map(each).join(joint)
  const oneOrTwo = (y) => `m = 127 - ${y} >>> 31\nb[p] = ${y} | m << 7\nb[p + 1 | 0] = ${y} >>> 7\np = p + 1 + m | 0`
  e.line(`for (let i = 0, m = 0; i < n;) {
for (const last = n - 3; i < last; i += 4) {
const ${four((i) => `x${i} = v[i + ${i}]`, ', ')}
if (!(${four((i) => `typeof x${i} === 'number'`, ' && ')})) break
const ${four((i) => `y${i} = x${i} & 16383`, ', ')}
if (${four((i) => `y${i} !== x${i}`, ' || ')}) break
if ((y0 | y1 | y2 | y3) < 128) {
${four((i) => `b[p + ${i}] = y${i}`, '\n')}
p = p + 4 | 0
} else {
${four((i) => oneOrTwo(`y${i}`), '\n')}
}
}
for (const stop = i + 8 < n ? i + 8 : n; i < stop; i++) {
const x = v[i]
if (typeof x === 'number') {
const y = x & 2097151
if (y === x) {
if (y < 16384) {
${oneOrTwo('y')}
} else {
b[p] = y | 128
b[p + 1 | 0] = y >>> 7 | 128
b[p + 2 | 0] = y >>> 14
p = p + 3 | 0
}
continue
}
}
p = ${writer(type)}(b, p, x)
}
}`)
}

function encodeMap(e, field, type) {
  const site = e.sites++
  const before = e.room
  e.line(`if (v != null && has.call(o, ${quote(field.name)})) {`)
  e.line('for (const k of Object.keys(v)) {')
  check(e)
  put(e, tagOf(field.id, 2))
  take(e, 5)
  e.line(`const x = v[k], h = p, q = p += z${site}`)
  put(e, tagOf(1, types.mapKey[field.keyType]))
  key(e, field.keyType)
  put(e, tagOf(2, types.basic[type] ?? 2))
  value(e, field, type, 'x', true)
  take(e, CLOSE)
  e.line(close(site, 'p', 'p'))
  e.line('}')
  e.room = Math.min(e.room, before)
  e.line('}')
}

/** Map keys are strings. A 64-bit integer is decimal, or a hash as decoding produces it. */
function key(e, type) {
  if (types.long[type] !== undefined) {
    take(e, 10)
    const unsigned = type === 'uint64' || type === 'fixed64'
    e.line(`p = ${writer(type)}(b, p, util.longFromKey(k, ${unsigned}))`)
  } else if (type === 'bool') {
    take(e, 1)
    e.line('b[p++] = util.boolFromKey(k) ? 1 : 0')
  } else {
    take(e, size(type))
    e.line(`p = ${writer(type)}(b, p, k)`)
    if (type === 'string') e.room = SLACK
  }
}

/**
 * The statement that writes the length of the bytes from `q` to `stop` at `h`, and stores the position after them in
 * `into`.
 */
function close(site, stop, into) {
  const after = stop === into ? '' : `; ${into} = ${stop}`
  return `if (q - h === 1 && ${stop} - q < 128) { b[h] = ${stop} - q${after} } else { z${site} = width(${stop} - q); ${into} = close(b, h, q, ${stop}) }`
}

const writer = (type) => `w${type[0].toUpperCase()}${type.slice(1)}`

/** Statements that write one value after its tag. */
function value(e, field, type, x, isEntry = false) {
  if (isMessage(field)) return message(e, field, x, isEntry)
  take(e, size(type))
  if (type === 'bool') return e.line(`b[p++] = ${x} ? 1 : 0`)
  if (type === 'int32' || type === 'uint32') e.line(small(x, `p = ${writer(type)}(b, p, ${x})`))
  else e.line(`p = ${writer(type)}(b, p, ${x})`)
  if (size(type) === 0) e.room = SLACK
  return undefined
}

function message(e, field, x, isEntry) {
  const call = (position) => `${e.writer(field.resolvedType)}(b, ${position}, ${x}, d + 1)`
  if (field.delimited && !isEntry) {
    e.line(`p = ${call('p')}`)
    check(e)
    return put(e, tagOf(field.id, 4))
  }
  const site = e.sites++
  e.line(`{\nconst h = p, q = p + z${site}, e = ${call('q')}`)
  e.line(`if (e + ${SLACK} > end) full()`)
  e.line(`${close(site, 'e', 'p')}\n}`)
  e.room = SLACK - CLOSE
  return undefined
}

/** Writes one or two bytes inline, and calls a function for more. */
function small(x, slow) {
  return `if (typeof ${x} === 'number' && (${x} & 16383) === ${x}) {
if (${x} < 128) b[p++] = ${x}
else {
b[p] = ${x} & 127 | 128
b[p + 1] = ${x} >>> 7
p += 2
}
} else ${slow}`
}

module.exports = { encoder }
