'use strict'

// Layouts, compiled by Rust into functions. The emitted JavaScript handles valid single records. The interpreter in
// Rust handles everything where code generation is not allowed, and finds out what is wrong with an invalid record.

const { Buffer } = require('node:buffer')
const binding = require('../../../binding.js')
const { invalidArgType, outOfRange } = require('../../errors')
const { refuseUnknown } = require('../../options')
const { columnsOf } = require('./columns')
const { disagree, errorOf, badField } = require('./errors')
const run = require('./run')
const { Writer, nameText } = require('./text')

const { S, FastBuffer, asBuffer, startOf, put, ownBytes } = run

const OPTIONS = ['root', 'endian', 'bits', 'params', 'maxDepth', 'maxValues']

/** The largest nesting depth; the stack has room for it on any platform. */
const MAX_DEPTH = 256

/** What each layout was made of: `{id, sources, mappers}`. */
const origins = new WeakMap()
let count = 0
let mapperCount = 0

/** Compiles a layout given as text or as a list of fields. */
function layout(description, options = {}) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, OPTIONS)
  const id = count++
  const sources = new Map()
  const mappers = new Map()
  const isText = typeof description === 'string'
  const text = isText ? description : fieldsText(description, options, sources, mappers)
  const native = binding.codecLayout([{ id, text, root: options.root }, ...sources.values()], {
    depth: limitOf(options, 'maxDepth', MAX_DEPTH),
    values: limitOf(options, 'maxValues', 2 ** 31 - 1),
  })
  if (native.code !== undefined) throw errorOf(native, isText)
  sources.set(id, { id, text, root: options.root })
  const result = Object.freeze(functionsOf(native, mappers))
  origins.set(result, { id, sources, mappers })
  return result
}

/** If omitted, Rust's default applies. */
function limitOf(options, name, most) {
  const value = options[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number') throw invalidArgType(`options.${name}`, 'of type number', value)
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw outOfRange(`options.${name}`, `an integer >= 1 and <= ${most}`, value)
  }
  return value
}

/** The text of a struct made of a list of fields. Collects the layouts and mappers that it uses. */
function fieldsText(fields, { endian, bits, params = [] }, sources, mappers) {
  if (endian !== undefined && endian !== 'be' && endian !== 'le')
    throw badField('options.endian', endian, "must be 'be' or 'le'")
  if (bits !== undefined && bits !== 'msb' && bits !== 'lsb')
    throw badField('options.bits', bits, "must be 'msb' or 'lsb'")
  if (!Array.isArray(params)) throw badField('options.params', params, 'must be an array of names')
  const writer = new Writer(
    (spec) => {
      const origin = spec !== null && typeof spec === 'object' ? origins.get(spec) : undefined
      if (origin === undefined) return undefined
      for (const [id, source] of origin.sources) sources.set(id, source)
      for (const [id, mapper] of origin.mappers) mappers.set(id, mapper)
      return origin.id
    },
    (map, where) => {
      const { decode, encode } = map ?? {}
      if (typeof decode !== 'function' || typeof encode !== 'function') {
        throw badField(where, map, 'must have a map with functions decode and encode')
      }
      mappers.set(mapperCount, { decode, encode })
      return mapperCount++
    },
  )
  const head = [endian, bits].filter((word) => word !== undefined).join(' ')
  const list = params.map((name) => nameText(name, 'options.params')).join(', ')
  return `struct record${list && `(${list})`} ${head} {\n${writer.fields(fields, 'fields')}\n}`
}

/** Creates the public functions of a layout. */
function functionsOf(native, mappers) {
  const about = JSON.parse(native.describe())
  const map = (id, isEncode, value) => {
    const mapper = mappers.get(id)
    return isEncode ? mapper.encode(value) : mapper.decode(value)
  }
  const slow = interpreted(native, map)
  const helpers = {
    ...run,
    large(decode, b, p) {
      const record = slow.decode(b, p)
      decode.bytes = slow.decode.bytes
      return record
    },
    largeMany: slow.decodeMany,
    explainDecode(b, p, index) {
      const refusal = native.explain(ownBytes(b), p)
      if (refusal === undefined) throw disagree('The buffer')
      if (index !== undefined) refusal.path = `[${index}]${refusal.path && `.${refusal.path}`}`
      throw errorOf(refusal)
    },
    explainEncode(record) {
      const refusal = native.encode(record, map)
      throw refusal instanceof FastBuffer ? disagree('The record') : errorOf(refusal)
    },
  }
  const { decode, encode, decodeMany } = { ...slow, ...emitted(native, helpers, mappers) }
  const { size } = about
  const columns = columnsOf(native, about, decodeMany)

  function sizeOf(record) {
    if (size !== undefined) return size
    const { bytes } = encode
    const { length } = encode(record)
    encode.bytes = bytes
    return length
  }

  function encodeMany(records) {
    if (records === null || typeof records !== 'object' || typeof records[Symbol.iterator] !== 'function') {
      throw invalidArgType('records', 'an iterable of records', records)
    }
    const parts = []
    for (const record of records) {
      try {
        parts.push(encode(record))
      } catch (error) {
        throw inRecord(error, parts.length)
      }
    }
    return Buffer.concat(parts)
  }

  return {
    size,
    encode,
    decode,
    sizeOf,
    encodeMany,
    decodeMany(buffer, options = {}) {
      const { b, offset, most } = manyOf(buffer, options)
      return decodeMany(b, offset, most)
    },
    decodeColumns(buffer, options = {}) {
      const { b, offset, most } = manyOf(buffer, options, COLUMN_OPTIONS)
      return columns(b, offset, most, options.into)
    },
    describe: () => described(about),
    dump(buffer, offset) {
      const b = asBuffer(buffer)
      return native.dump(ownBytes(b), offset === undefined ? 0 : startOf(offset, b.length))
    },
  }
}

/** The table of fields. `toString` prints it as aligned columns. */
function described({ name, size, minimum, fields }) {
  const table = { name, size, minimum, fields: fields.map((field) => ({ ...field })) }
  const place = ({ offset = '', bit }) => (bit === undefined ? `${offset}` : `${offset}.${bit}`)
  const notes = ['if', 'at', 'peek', 'value']
  const rows = fields.map((field) => [
    place(field),
    `${field.size ?? ''}`,
    field.field,
    field.type,
    notes
      .filter((note) => field[note] !== undefined)
      .map((note) => `${note}: ${field[note]}`)
      .join(', '),
  ])
  rows.unshift(['offset', 'size', 'field', 'type', ''])
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const lines = () =>
    rows
      .map((row) =>
        row
          .map((cell, i) => cell.padEnd(widths[i]))
          .join('  ')
          .trimEnd(),
      )
      .join('\n')
  Object.defineProperty(table, 'toString', { value: lines })
  return table
}

/** Adds the index of the record to an error's path. */
function inRecord(error, index) {
  if (typeof error?.path === 'string') error.path = `[${index}]${error.path && `.${error.path}`}`
  return error
}

const MANY_OPTIONS = ['offset', 'count']
const COLUMN_OPTIONS = [...MANY_OPTIONS, 'into']

function manyOf(buffer, options, known = MANY_OPTIONS) {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, known)
  const b = asBuffer(buffer)
  const offset = options.offset === undefined ? 0 : startOf(options.offset, b.length)
  const most = options.count
  if (most === undefined) return { b, offset, most: 4294967295 }
  if (typeof most !== 'number') throw invalidArgType('options.count', 'of type number', most)
  if (!Number.isInteger(most) || most < 0) throw outOfRange('options.count', 'an integer >= 0', most)
  return { b, offset, most }
}

/** The functions that Rust emitted, if code generation is allowed. */
function emitted(native, helpers, mappers) {
  let functions
  try {
    functions = new Function('R', 'M', native.emit())(helpers, mappers)
  } catch (error) {
    // Code generation is not allowed: Node's flag throws an EvalError, a hardened realm (SES) may throw anything. But a
    // SyntaxError is a bug in the emitted code.
    if (error instanceof SyntaxError) throw error
    return {}
  }
  const [decode, encode, decodeMany] = functions
  return { ...(decode && { decode, decodeMany }), ...(encode && { encode }) }
}

/** The same functions implemented by the interpreter. */
function interpreted(native, map) {
  function many(b, offset, most) {
    const view = (start, end) => {
      // A mapper may have detached or shrunk the buffer.
      if (end > b.length) throw disagree('The buffer')
      return new FastBuffer(b.buffer, b.byteOffset + start, end - start)
    }
    const result = native.decode(ownBytes(b), offset, most, view, map)
    if (result.code !== undefined) throw errorOf(result)
    return result
  }

  function decode(buffer, offset) {
    const b = asBuffer(buffer)
    if (b.length === 0) run.empty(b)
    const { values, bytes } = many(b, offset === undefined ? 0 : startOf(offset, b.length), 1)
    decode.bytes = bytes
    return values[0]
  }

  function encode(record, buffer, offset) {
    if (buffer != null) return put(encode, record, buffer, offset)
    const result = native.encode(record, map)
    if (!(result instanceof FastBuffer)) throw errorOf(result)
    encode.bytes = result.length
    return result
  }

  decode.bytes = encode.bytes = 0
  const decodeMany = (b, offset, most) => (most === 0 ? [] : many(b, offset, most).values)
  return { decode, encode, decodeMany }
}

module.exports = { layout, interpreted, S }
