'use strict'

// Arrays of numbers of one type: read into a typed array, or written from one, with a single call into Rust.
//
// A typed array of the type's own class can only hold valid values, so Rust takes it as it is. Other values are
// collected and checked first, so that nothing is written unless all of them are valid.

const { Buffer } = require('node:buffer')
const { isTypedArray } = require('node:util/types')
const { makeError, invalidArgType, invalidArgValue, outOfRange } = require('../errors')
const { refuseUnknown } = require('../options')
const { bytesOf, rangeOf, lengthIfOf } = require('./bytes')
const native = require('./native')

const SAFE = Number.MAX_SAFE_INTEGER

/**
 * Describes a type: the class of its elements and their range. `written` describes the elements that other values are
 * collected in. `width` is in bytes; 0 for varints.
 */
function type(name, width, bits, Elements, least, most) {
  const isBig = typeof least === 'bigint'
  const flags = width | bits
  return {
    name,
    width,
    flags,
    Elements,
    least,
    most,
    isBig,
    isFloat: least === undefined,
    written: { Elements, flags },
  }
}

function integers({ SIGNED }, orders) {
  const elements = [Int8Array, Int16Array, Int32Array, Int32Array, Float64Array, Float64Array, undefined, BigInt64Array]
  const unsigned = [
    Uint8Array,
    Uint16Array,
    Uint32Array,
    Uint32Array,
    Float64Array,
    Float64Array,
    undefined,
    BigUint64Array,
  ]
  const found = []
  for (const width of [1, 2, 3, 4, 5, 6, 8]) {
    const bits = 8 * width
    const bound = width === 8 ? (power) => 2n ** BigInt(power) : (power) => 2 ** power
    const one = bound(0)
    for (const [order, flag] of width === 1 ? [['', 0]] : orders) {
      const signed = [elements[width - 1], -bound(bits - 1), bound(bits - 1) - one]
      found.push(type(`i${bits}${order}`, width, flag | SIGNED, ...signed))
      found.push(type(`u${bits}${order}`, width, flag, unsigned[width - 1], one - one, bound(bits) - one))
    }
  }
  return found
}

/** The names are those used in layouts. Types that end in `n` use BigInts. */
function varints({ SIGNED, ZIGZAG, DOUBLES }) {
  return [
    type('uleb128', 0, DOUBLES, Float64Array, 0, SAFE),
    type('sleb128', 0, DOUBLES | SIGNED, Float64Array, -SAFE, SAFE),
    type('zigzag', 0, DOUBLES | ZIGZAG, Float64Array, -SAFE, SAFE),
    type('uleb128n', 0, 0, BigUint64Array, 0n, 2n ** 64n - 1n),
    type('sleb128n', 0, SIGNED, BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n),
    type('zigzagn', 0, ZIGZAG, BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n),
  ]
}

/** Half-precision values are collected as doubles: going through floats would round twice. */
function half(name, flag, { HALF, DOUBLES }) {
  const found = type(name, 2, flag | HALF, Float32Array)
  return { ...found, written: { Elements: Float64Array, flags: found.flags | DOUBLES } }
}

const floats = (orders, bits) =>
  orders.flatMap(([order, flag]) => [
    half(`f16${order}`, flag, bits),
    type(`f32${order}`, 4, flag, Float32Array),
    type(`f64${order}`, 8, flag, Float64Array),
  ])

/** The types by name. Created on demand, because the flags come from the addon, which should not be loaded earlier. */
let types

function allTypes() {
  const bits = require('../constants').number
  const orders = [
    ['le', 0],
    ['be', bits.BIG_ENDIAN],
  ]
  const all = [...integers(bits, orders), ...floats(orders, bits), ...varints(bits)]
  return new Map(all.map((found) => [found.name, found]))
}

function typeOf(name) {
  types ??= allTypes()
  const found = types.get(name)
  if (found === undefined) throw invalidArgValue('type', name, `must be one of ${[...types.keys()].join(', ')}`)
  return found
}

function integer(value, name, least, most) {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < least || value > most) throw outOfRange(name, `>= ${least} and <= ${most}`, value)
  return value
}

const NONE = Object.freeze({})

function optionsOf(options, known) {
  if (options === undefined) return NONE
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
  refuseUnknown(options, known)
  return options
}

function strideOf({ width, name }, { stride }) {
  if (stride === undefined) return width
  if (width === 0)
    throw invalidArgValue('options.stride', stride, `cannot be used with ${name}, whose numbers differ in length`)
  return integer(stride, 'options.stride', width, SAFE)
}

/** How many numbers fit into `length` bytes. No gap is needed after the last one. */
function fitting(length, width, stride) {
  return length < width ? 0 : Math.floor((length - width) / stride) + 1
}

/** The number of bytes from the first number to the end of the last. */
function extent(count, width, stride) {
  return count === 0 ? 0 : (count - 1) * stride + width
}

/** From this size in bytes on, uninitialized memory from Node is cheaper than V8's zeroed memory. */
const LARGE = 4096

/** An uninitialized array whose elements will all be written. */
function elementsFor({ Elements }, count) {
  const size = count * Elements.BYTES_PER_ELEMENT
  return size < LARGE ? new Elements(count) : new Elements(Buffer.allocUnsafeSlow(size).buffer, 0, count)
}

const READ_OPTIONS = ['stride', 'into']

/** Reads `count` numbers from `offset` on. Without `count`: as many as the buffer has, or as fit into `into`. */
function readArray(name, buffer, offset = 0, count = undefined, options = undefined) {
  const found = typeOf(name)
  const { stride, into } = optionsOf(options, READ_OPTIONS)
  const step = strideOf(found, { stride })
  const bytes = bytesOf(buffer, 'buffer')
  integer(offset, 'offset', 0, bytes.length)
  const capacity = into === undefined ? Infinity : lengthIfOf(into, found.Elements, 'options.into')
  if (capacity === undefined) throw invalidArgType('options.into', `an instance of ${found.Elements.name}`, into)
  const room = bytes.length - offset
  const most = Math.min(capacity, found.width === 0 ? room : fitting(room, found.width, step))
  if (count !== undefined) integer(count, 'count', 0, most)
  if (found.width === 0) return readVarints(found, rangeOf(bytes, offset, room), offset, count, into, capacity)
  const wanted = count ?? most
  const elements = into === undefined ? elementsFor(found, wanted) : first(found, into, wanted, capacity)
  const length = extent(wanted, found.width, step)
  if (wanted > 0) native().readArray(rangeOf(bytes, offset, length), elements, found.flags, step)
  readArray.bytes = length
  return elements
}

/** The number of bytes that the last `readArray` has read. */
readArray.bytes = 0

/** The first elements of the caller's array; the array itself if that is all of them. */
function first({ Elements }, into, count, capacity) {
  return count === capacity ? into : new Elements(into.buffer, into.byteOffset, count)
}

const WRONG = {
  '-1': ['IRONWIRE_VARINT_TRUNCATED', 'goes beyond the end of the buffer'],
  '-2': ['IRONWIRE_VARINT_TOO_LONG', 'has more than 64 bits'],
  '-3': [
    'ERR_OUT_OF_RANGE',
    'is too large to be an exact number: read it as a BigInt, with a type whose name ends with "n"',
  ],
}

function readVarints(found, bytes, offset, count, into, capacity) {
  const functions = native()
  // One more if the last varint is incomplete, so that reading it reports the error.
  const wanted = count ?? Math.min(capacity, functions.countVarints(bytes) + (bytes.at(-1) >= 0x80 ? 1 : 0))
  // Read into memory of our own first, so that an invalid value leaves the caller's array unchanged.
  const elements = elementsFor(found, wanted)
  const where = new Float64Array(2)
  const taken = functions.readVarints(bytes, elements, found.flags, where)
  if (taken < 0) {
    const [code, wrong] = WRONG[taken]
    const [at, index] = where
    const message = `The ${found.name} at offset ${offset + at}, value ${index} of ${wanted}, ${wrong}`
    throw makeError(RangeError, code, message, readArray)
  }
  readArray.bytes = taken
  if (into === undefined) return elements
  const result = first(found, into, wanted, capacity)
  result.set(elements)
  return result
}

const WRITE_OPTIONS = ['stride']

/** Writes all of `values` from `offset` on. Returns the offset after the last one. */
function writeArray(name, buffer, values, offset = 0, options = undefined) {
  const found = typeOf(name)
  const step = strideOf(found, optionsOf(options, WRITE_OPTIONS))
  let count = isTypedArray(values) ? lengthIfOf(values, found.Elements, 'values') : undefined
  let [elements, flags] = [values, found.flags]
  if (count === undefined) {
    if (!isTypedArray(values) && !Array.isArray(values)) {
      throw invalidArgType('values', 'an instance of Array or TypedArray', values)
    }
    // Check the room before collecting, too: an array may claim any length, and its getters may do anything.
    count = values.length
    roomFor(found, buffer, count, offset, step)
    elements = collect(found, values, count)
    flags = found.written.flags
  }
  const bytes = roomFor(found, buffer, count, offset, step)
  if (count === 0) return offset
  if (found.width === 0) return offset + writeVarints(found, elements, bytes)
  const length = extent(count, found.width, step)
  const wrong = native().writeArray(elements, rangeOf(bytes, 0, length), flags, step)
  if (wrong >= 0) throw notSaid(found, elements[wrong], wrong)
  return offset + length
}

/** The bytes from `offset` on. Throws if there is no room for `count` numbers. A varint takes at least one byte. */
function roomFor({ width }, buffer, count, offset, step) {
  const bytes = bytesOf(buffer, 'buffer')
  integer(offset, 'offset', 0, bytes.length)
  const room = bytes.length - offset
  const most = width === 0 ? room : fitting(room, width, step)
  if (count > most) throw outOfRange('values.length', `<= ${most}, for which the buffer has room`, count)
  return rangeOf(bytes, offset, room)
}

function writeVarints(found, elements, bytes) {
  const taken = native().writeVarints(elements, bytes, found.flags)
  if (taken < 0) throw notSaid(found, elements[-1 - taken], -1 - taken)
  if (taken > bytes.length) {
    const message = `The values take ${taken} bytes as ${found.name}, and the buffer has ${bytes.length} from the offset on`
    throw makeError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', message, writeArray)
  }
  return taken
}

/** Collects and checks the values as elements of the type. */
function collect(found, values, count) {
  const { isFloat, isBig, least, most } = found
  const elements = new found.written.Elements(count)
  for (let i = 0; i < count; i++) {
    const value = values[i]
    if (typeof value !== (isBig ? 'bigint' : 'number')) throw notSaid(found, value, i)
    if (isFloat || (value >= least && value <= most && (isBig || Number.isInteger(value)))) elements[i] = value
    else throw notSaid(found, value, i)
  }
  return elements
}

function notSaid({ isBig, least, most }, value, index) {
  const name = `values[${index}]`
  const kind = isBig ? 'bigint' : 'number'
  if (typeof value !== kind) return invalidArgType(name, `of type ${kind}`, value)
  if (!isBig && !Number.isInteger(value)) return outOfRange(name, 'an integer', value)
  const n = isBig ? 'n' : ''
  return outOfRange(name, `>= ${least}${n} and <= ${most}${n}`, value)
}

module.exports = { readArray, writeArray }
