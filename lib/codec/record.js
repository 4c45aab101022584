'use strict'

// Records: named numbers that lie one after the other. A layout is compiled into one function that reads and one that writes;
// where code generation is switched off, a loop over the fields does the same.

const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../errors')

/** Node's methods behind each type: suffix of `read…`/`write…`, bytes, JavaScript's type. */
const TYPES = {
  __proto__: null,
  i8: ['Int8', 1, 'number'],
  u8: ['UInt8', 1, 'number'],
}
for (const [name, suffix, size, type] of [
  ['i16', 'Int16', 2, 'number'],
  ['u16', 'UInt16', 2, 'number'],
  ['i32', 'Int32', 4, 'number'],
  ['u32', 'UInt32', 4, 'number'],
  ['i64', 'BigInt64', 8, 'bigint'],
  ['u64', 'BigUInt64', 8, 'bigint'],
  ['f32', 'Float', 4, 'number'],
  ['f64', 'Double', 8, 'number'],
]) {
  TYPES[`${name}le`] = [`${suffix}LE`, size, type]
  TYPES[`${name}be`] = [`${suffix}BE`, size, type]
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
    const [suffix, bytes, jsType] = type
    const field = { name, suffix, at: size, jsType }
    size += bytes
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
  } catch (error) {
    if (!(error instanceof EvalError)) throw error
    return interpret(fields, size)
  }
}

function source(fields, size) {
  const quoted = fields.map(({ name }) => JSON.stringify(name))
  // Computed, so that a field called __proto__ is a field.
  const reads = fields.map(({ suffix, at }, i) => `[${quoted[i]}]: methods.read${suffix}.call(buffer, offset + ${at})`)
  const loads = fields.map(({ jsType }, i) => {
    return `const v${i} = record[${quoted[i]}]; if (typeof v${i} !== '${jsType}') wrong(${quoted[i]}, '${jsType}', v${i})`
  })
  const writes = fields.map(({ suffix, at }, i) => `methods.write${suffix}.call(buffer, v${i}, offset + ${at})`)
  return `'use strict'
return {
  read(buffer, offset = 0) {
    check(buffer, offset, ${size})
    return { ${reads.join(', ')} }
  },
  write(buffer, record, offset = 0) {
    check(buffer, offset, ${size})
    ${loads.join('\n    ')}
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
      check(buffer, offset, size)
      const values = fields.map(({ name, jsType }) => {
        const value = record[name]
        if (typeof value !== jsType) wrong(name, jsType, value)
        return value
      })
      fields.forEach(({ suffix, at }, i) => {
        methods[`write${suffix}`].call(buffer, values[i], offset + at)
      })
      return offset + size
    },
  }
}

/** Whether the whole record is inside the buffer, with Node's own errors. */
function check(buffer, offset, size) {
  if (!(buffer instanceof Uint8Array || isUint8Array(buffer))) {
    throw invalidArgType('buffer', 'an instance of Buffer or Uint8Array', buffer)
  }
  if (typeof offset !== 'number') throw invalidArgType('offset', 'of type number', offset)
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= buffer.length) return
  if (!Number.isInteger(offset)) throw outOfRange('offset', 'an integer', offset)
  if (buffer.length < size) {
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds')
  }
  throw outOfRange('offset', `>= 0 and <= ${buffer.length - size}`, offset)
}

function wrong(name, jsType, value) {
  throw invalidArgType(`record.${name}`, `of type ${jsType}`, value)
}

module.exports = { record, interpret }
