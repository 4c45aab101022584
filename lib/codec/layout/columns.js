'use strict'

// Decodes many records into columns: one array per field, and an object of arrays per struct. If all records have the
// same size, Rust does it in one call. Otherwise, or if a record is invalid, records are read one by one.

const { Buffer } = require('node:buffer')
const { isTypedArray } = require('node:util/types')
const { invalidArgValue } = require('../../errors')
const { arrayBufferOf, isAttached } = require('../bytes')
const { fail, FAIL, FastBuffer, ownBytes, time } = require('./run')

const ARRAYS = {
  __proto__: null,
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigUint64Array,
  BigInt64Array,
}

/** Returns the decoding function for `{columns, uniform, size}` of a layout. */
function columnsOf(native, { columns, uniform, size }, decodeMany) {
  const names = columns.map((column) => column.names && new Map(column.names.toReversed()))
  /** The number of bytes that Rust writes per record and column. For texts it writes their lengths. */
  const widths = columns.map(({ form, width }) => width ?? (form === 'text' ? 4 : 0))

  /** Converts raw numbers to names, Dates or booleans. */
  function finish(values, at) {
    const { unit, flag, form } = columns[at]
    if (names[at] !== undefined) {
      return Array.from(values, (value) => names[at].get(form.startsWith('Big') ? Number(value) : value) ?? value)
    }
    if (unit !== undefined) return Array.from(values, (value) => time(value, unit))
    return flag ? Array.from(values, (value) => value === 1) : values
  }

  function fast(b, offset, count, old) {
    const places = []
    let end = 0
    for (const width of widths) {
      places.push(end)
      end += Math.ceil((width * count) / 8) * 8
    }
    const out = old?.out ?? memoryFor(count, places, end)
    const memory = out.buffer
    // Rust must not read memory that it writes to, or that another thread may change.
    const input = arrayBufferOf(b) === memory ? Buffer.from(b) : ownBytes(b)
    const texts = native.columns(input, offset, count, out)
    if (texts === undefined) fail()
    let text = 0
    const found = columns.map(({ form, at, length }, i) => {
      if (form === 'text') return cut(texts[text++], new Uint32Array(memory, places[i], count))
      if (form === 'bytes') {
        const start = b.byteOffset + offset + at
        return Array.from({ length: count }, (_, k) => new FastBuffer(b.buffer, start + k * size, length))
      }
      const kept = old?.found[i]
      return isTypedArray(kept) ? kept : finish(new ARRAYS[form](memory, places[i], count), i)
    })
    return { count, out, found }
  }

  function memoryFor(count, places, end) {
    // Clears only the padding that aligns columns to eight bytes. The rest is overwritten.
    const out = Buffer.allocUnsafeSlow(end)
    widths.forEach((width, i) => {
      out.fill(0, places[i] + width * count, places[i + 1] ?? end)
    })
    return out
  }

  function slow(b, offset, most, old) {
    const records = decodeMany(b, offset, most)
    refuseOthers(old, records.length)
    const found = columns.map(({ path, form, names, unit, flag }, i) => {
      const values = records.map((record) => path.reduce((value, name) => value[name], record))
      const plain = names === undefined && unit === undefined && flag === undefined
      if (!plain || !(form in ARRAYS)) return values
      if (old === undefined) return ARRAYS[form].from(values)
      old.found[i].set(values)
      return old.found[i]
    })
    return { count: records.length, found }
  }

  /** Results of earlier calls, as `{count, out, found}`, for `options.into`. */
  const made = new WeakMap()

  function madeOf(into) {
    const old = made.get(into)
    if (old !== undefined) return old
    throw invalidArgValue('options.into', into, 'must be a result of decodeColumns of the same layout')
  }

  return (b, offset, most, into) => {
    const old = into === undefined ? undefined : madeOf(into)
    let all
    if (uniform) {
      const left = b.length - offset
      const count = Math.min(most, Math.floor(left / size))
      // If bytes are left over, the slow path reports the error.
      if (count === most || left % size === 0) {
        refuseOthers(old, count)
        try {
          all = fast(b, offset, count, old)
        } catch (error) {
          if (error !== FAIL) throw error
        }
      }
    }
    all ??= slow(b, offset, most, old)
    const result = assemble(columns, all.found)
    made.set(result, all)
    return result
  }
}

/** Throws if the old columns cannot take the new values. */
function refuseOthers(old, count) {
  if (old === undefined) return
  if (old.count !== count) {
    throw invalidArgValue('options.into', old.count, `must hold as many values as there are records: ${count}`)
  }
  if (old.found.some((values) => isTypedArray(values) && !isAttached(values))) {
    throw invalidArgValue(
      'options.into',
      old.count,
      'has lost its values: the ArrayBuffer of one of its arrays was detached',
    )
  }
}

/** Splits a joined text by the given lengths. */
function cut(text, lengths) {
  const list = []
  let from = 0
  for (const length of lengths) {
    list.push(text.slice(from, from + length))
    from += length
  }
  return list
}

/** Assembles columns to an object, with nested objects for structs. */
function assemble(columns, found) {
  const result = {}
  columns.forEach(({ path }, i) => {
    let target = result
    for (const name of path.slice(0, -1)) {
      if (!Object.hasOwn(target, name)) define(target, name, {})
      target = target[name]
    }
    define(target, path.at(-1), found[i])
  })
  return result
}

function define(target, name, value) {
  Object.defineProperty(target, name, { value, configurable: true, enumerable: true, writable: true })
}

module.exports = { columnsOf }
