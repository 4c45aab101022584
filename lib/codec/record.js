'use strict'

// Records: named numbers that lie one after the other. A layout is compiled into one function that reads and one that writes;
// where code generation is switched off, a loop over the fields does the same.

const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../errors')

/** A type: the suffix of Node's methods `read…` and `write…` behind it, bytes, JavaScript's type, and what it can hold. */
const integer = (suffix, size, min, max) => ({ suffix, size, jsType: typeof min, min, max })
const float = (suffix, size) => ({ suffix, size, jsType: 'number', min: -Infinity, max: Infinity })

const TYPES = {
  __proto__: null,
  i8: integer('Int8', 1, -0x80, 0x7f),
  u8: integer('UInt8', 1, 0, 0xff),
}
for (const [name, type] of Object.entries({
  i16: integer('Int16', 2, -0x8000, 0x7fff),
  u16: integer('UInt16', 2, 0, 0xffff),
  i32: integer('Int32', 4, -0x80000000, 0x7fffffff),
  u32: integer('UInt32', 4, 0, 0xffffffff),
  i64: integer('BigInt64', 8, -(2n ** 63n), 2n ** 63n - 1n),
  u64: integer('BigUInt64', 8, 0n, 2n ** 64n - 1n),
  f32: float('Float', 4),
  f64: float('Double', 8),
})) {
  TYPES[`${name}le`] = { ...type, suffix: `${type.suffix}LE` }
  TYPES[`${name}be`] = { ...type, suffix: `${type.suffix}BE` }
}

/** Compiles a layout, given as an object or as pairs of name and type. */
function record(layout) {
  if (layout === null || typeof layout !== 'object')
    throw invalidArgType('fields', 'an instance of Object or Array', layout)
  const pairs = Array.isArray(layout) ? layout : Object.entries(layout)
  const seen = new Set()
  let size = 0
  const fields = pairs.map((pair) => {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string')
      throw invalidArgValue('fields', pair, 'must hold pairs of name and type')
    const [name, typeName] = pair
    const type = typeof typeName === 'string' ? TYPES[typeName] : undefined
    if (type === undefined) {
      throw invalidArgValue(`fields.${name}`, typeName, `must be one of ${Object.keys(TYPES).join(', ')}`)
    }
    if (seen.has(name)) throw invalidArgValue('fields', name, 'names a field twice')
    seen.add(name)
    const field = { ...type, name, at: size }
    size += type.size
    return field
  })
  if (size === 0) throw invalidArgValue('fields', layout, 'must have at least one field')
  const { read, write } = compile(fields, size)
  return Object.freeze({ size, read, write })
}

function compile(fields, size) {
  try {
    // Names enter the code as JSON strings only, methods by the suffixes above.
    return new Function('methods', 'check', 'wrong', source(fields, size))(Buffer.prototype, check, wrong)
  } catch {
    // Not allowed here: Node's switch throws an EvalError, a hardened realm (SES) whatever it likes.
    return interpret(fields, size)
  }
}

// Both write in this order: every value is looked at (getters may run), then the buffer (which getters may have changed), and only
// when all is well are bytes written, so that an error leaves them as they were.

function source(fields, size) {
  const quoted = fields.map(({ name }) => JSON.stringify(name))
  // Computed, so that a field called __proto__ is a field.
  const reads = fields.map(({ suffix, at }, i) => `[${quoted[i]}]: methods.read${suffix}.call(buffer, offset + ${at})`)
  const literal = (value) => (typeof value === 'bigint' ? `${value}n` : value)
  const loads = fields.map(({ suffix, jsType, min, max }, i) => {
    const range = min === -Infinity ? '' : ` || v${i} < ${literal(min)} || v${i} > ${literal(max)}`
    const complaint = `wrong(${quoted[i]}, '${jsType}', '${suffix}', v${i})`
    return `const v${i} = record[${quoted[i]}]; if (typeof v${i} !== '${jsType}'${range}) ${complaint}`
  })
  const writes = fields.map(({ suffix, at }, i) => `methods.write${suffix}.call(buffer, v${i}, offset + ${at})`)
  return `'use strict'
return {
  read(buffer, offset = 0) {
    check(buffer, offset, ${size})
    return { ${reads.join(', ')} }
  },
  write(buffer, record, offset = 0) {
    if (typeof record !== 'object' || record === null) wrong('', 'object', '', record)
    ${loads.join('\n    ')}
    check(buffer, offset, ${size})
    ${writes.join('\n    ')}
    return offset + ${size}
  },
}`
}

function interpret(fields, size) {
  const methods = Buffer.prototype
  return {
    read(buffer, offset = 0) {
      check(buffer, offset, size)
      return Object.fromEntries(
        fields.map(({ name, suffix, at }) => [name, methods[`read${suffix}`].call(buffer, offset + at)]),
      )
    },
    write(buffer, record, offset = 0) {
      if (typeof record !== 'object' || record === null) wrong('', 'object', '', record)
      const values = fields.map(({ name, suffix, jsType, min, max }) => {
        const value = record[name]
        if (typeof value !== jsType || value < min || value > max) wrong(name, jsType, suffix, value)
        return value
      })
      check(buffer, offset, size)
      fields.forEach(({ suffix, at }, i) => {
        methods[`write${suffix}`].call(buffer, values[i], offset + at)
      })
      return offset + size
    },
  }
}

/** Whether the whole record is inside the buffer, with Node's own errors. */
function check(buffer, offset, size) {
  if (!isUint8Array(buffer)) throw invalidArgType('buffer', 'an instance of Buffer or Uint8Array', buffer)
  if (typeof offset !== 'number') throw invalidArgType('offset', 'of type number', offset)
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= buffer.length) return
  if (!Number.isInteger(offset)) throw outOfRange('offset', 'an integer', offset)
  if (buffer.length < size) {
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds')
  }
  throw outOfRange('offset', `>= 0 and <= ${buffer.length - size}`, offset)
}

/** Throws for a field's value, or for the record itself where there is no field; a value out of range gets the method's own error. */
function wrong(name, jsType, suffix, value) {
  const what = jsType === 'object' ? 'record' : `record.${name}`
  if (typeof value !== jsType || value === null) throw invalidArgType(what, `of type ${jsType}`, value)
  Buffer.alloc(8)[`write${suffix}`](value)
}

module.exports = { record, interpret }
